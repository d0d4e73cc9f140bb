# SPDX-License-Identifier: Apache-2.0
"""Writes reference.json: softmax regressions and rankings by scikit-learn.

    python reference.py > reference.json
"""
import json

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

r = np.random.default_rng(5)
n, d, classes = 40, 5, 3
labels = np.arange(n) % classes
x = np.round(r.normal(size=(n, d)) + 0.8 * r.normal(size=(classes, d))[labels], 3)
new = np.round(r.normal(size=(6, d)), 3)
mean, std = x.mean(0), x.std(0)

regressions = []
for penalty in [1e-4, 1e-2, 1]:
    m = LogisticRegression(C=1 / (penalty * n), tol=1e-10, max_iter=100000).fit((x - mean) / std, labels)
    # Softmax regression leaves a shift of all scores free, so the probabilities are compared.
    p = m.predict_proba((new - mean) / std)
    regressions.append({"penalty": penalty, "probabilities": np.round(p, 6).tolist()})

unit = x / np.linalg.norm(x, axis=1, keepdims=True)
precision, first = [], []
for i in range(n):
    others = np.arange(n) != i
    score, right = (unit @ unit[i])[others], labels[others] == labels[i]
    precision.append(round(float(average_precision_score(right, score)), 6))
    first.append(int(np.argmax(right[np.argsort(-score)])))

print(json.dumps({"x": x.tolist(), "labels": labels.tolist(), "new": new.tolist(), "regressions": regressions,
                  "precision": precision, "first": first}))
