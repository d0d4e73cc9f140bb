#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes lof.json: rows, their local outlier factors by scikit-learn, and the cosines of the first with all after
whitening by scikit-learn's Ledoit-Wolf covariance. The file was made with scikit-learn 1.9.1."""

import json
import pathlib

import numpy as np
from sklearn.covariance import ledoit_wolf
from sklearn.neighbors import LocalOutlierFactor

draw = np.random.default_rng(1)
rows = np.concatenate([draw.normal(c, s, size=(n, 4)) for c, s, n in [(2, 0.3, 50), (-1, 0.1, 40), (0, 2, 10)]])
rows = rows.astype(np.float32)
unit = rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
cases = []
for k in (1, 5, 20):
    lof = LocalOutlierFactor(n_neighbors=k, algorithm="brute").fit(unit)
    cases.append({"k": k, "factors": (-lof.negative_outlier_factor_).tolist()})
covariance, _ = ledoit_wolf(unit)
values, vectors = np.linalg.eigh(covariance)
white = (unit - unit.mean(axis=0)) @ vectors / np.sqrt(values)
white /= np.linalg.norm(white, axis=1, keepdims=True)
text = json.dumps({"dim": 4, "rows": rows.ravel().tolist(), "cases": cases, "cosines": (white @ white[0]).tolist()})
pathlib.Path(__file__).with_name("lof.json").write_text(text + "\n")
