#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the reference cases of testdata/oracles that no library has numbers for.

    python3 scripts/oracles.py

needs NumPy and safetensors of requirements-python.txt. It writes one file per case and the cases' entries in
testdata/oracles/manifest.json. The losses are the papers' equations, one row after the other. A gradient is a complex
step: for an analytic f the imaginary part of f(x + ih)/h is f'(x) to the last bits, because nothing is subtracted.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

ORACLES = Path(__file__).resolve().parent.parent / "testdata" / "oracles"
STEP = 1e-40
SOURCE = "scripts/oracles.py: the equations in NumPy, gradients by a complex step"


# What the losses share. np.abs, np.linalg.norm and comparisons do not go with a complex step.


def unit(v):
    return v / np.sqrt(np.sum(v * v))


def cos(a, b):
    return np.sum(unit(a) * unit(b))


def log_sum_exp(values):
    values = np.array(values)
    largest = values.real.max()
    return largest + np.log(np.sum(np.exp(values - largest)))


def nearest(z, queue):
    """Return nn(z, Q), which has no gradient."""
    return unit(max(queue, key=lambda row: cos(z.real, row)))


def mean(values):
    values = list(values)
    return sum(values) / len(values)


# The losses. A dict x has the case's inputs, p its parameters.


def dclw(x, p):
    z, n = [x["z0"], x["z1"]], len(x["z0"])
    # The weights are constants, as in lightly.
    closeness = np.exp([cos(z[0][i].real, z[1][i].real) / p["sigma"] for i in range(n)])
    weights = 2 - n * closeness / closeness.sum()
    terms = []
    for a, b in ((0, 1), (1, 0)):
        for i in range(n):
            others = [cos(z[a][i], z[v][k]) / p["temperature"] for v in (0, 1) for k in range(n) if k != i]
            terms.append(log_sum_exp(others) - weights[i] * cos(z[a][i], z[b][i]) / p["temperature"])
    return {"loss": mean(terms)}


def supcon_out(x, p):
    rows = [(z, label) for name in ("z0", "z1") for z, label in zip(x[name], x["labels"])]
    terms = []
    for i, (anchor, label) in enumerate(rows):
        logits = {k: cos(anchor, row) / p["temperature"] for k, (row, _) in enumerate(rows) if k != i}
        positives = [k for k in logits if rows[k][1] == label]
        terms.append(log_sum_exp(list(logits.values())) - mean(logits[k] for k in positives))
    return {"loss": mean(terms)}


def directclr(x, p):
    rows = [r[:p["dimensions"]] for name in ("z0", "z1") for r in x[name]]
    n, terms = len(x["z0"]), []
    for i, anchor in enumerate(rows):
        logits = {k: cos(anchor, row) / p["temperature"] for k, row in enumerate(rows) if k != i}
        terms.append(log_sum_exp(list(logits.values())) - logits[(i + n) % (2 * n)])
    return {"loss": mean(terms)}


def mocov2plus(x, p):
    terms = []
    for a, b in ((0, 1), (1, 0)):
        for query, key in zip(x[f"query{a}"], x[f"key{b}"]):
            positive = cos(query, key.real) / p["temperature"]
            negatives = [cos(query, row) / p["temperature"] for row in x[f"queue{b}"]]
            terms.append(log_sum_exp([positive, *negatives]) - positive)
    return {"loss": mean(terms)}


def mocov3(x, p):
    directions = []
    for a, b in ((0, 1), (1, 0)):
        terms = []
        for i, query in enumerate(x[f"query{a}"]):
            logits = [cos(query, key.real) / p["temperature"] for key in x[f"key{b}"]]
            terms.append(log_sum_exp(logits) - logits[i])
        directions.append(2 * p["temperature"] * mean(terms))
    return {"loss": sum(directions)}


def nnclr(x, p):
    terms = []
    for a, b in ((0, 1), (1, 0)):
        for i, z in enumerate(x[f"z{b}"]):
            near = nearest(z, x["queue"])
            logits = [cos(near, candidate) / p["temperature"] for candidate in x[f"p{a}"]]
            terms.append(log_sum_exp(logits) - logits[i])
    return {"loss": mean(terms)}


def nnsiam(x, _):
    return {"loss": mean(-cos(q, nearest(z, x["queue"]))
                         for a, b in ((0, 1), (1, 0)) for q, z in zip(x[f"p{a}"], x[f"z{b}"]))}


def nnbyol(x, _):
    return {"loss": sum(mean(2 - 2 * cos(q, nearest(z, x["queue"])) for q, z in zip(x[f"p{a}"], x[f"z{b}"]))
                        for a, b in ((0, 1), (1, 0)))}


def deepclusterv2(x, p):
    terms = []
    for h in range(2):
        for v in range(p["crops"]):
            costs = []
            for z, cluster in zip(x[f"z{v}"], x[f"assignments{h}"]):
                if cluster >= 0:  # without a cluster the image is left out
                    logits = [np.sum(unit(z) * c) / p["temperature"] for c in x[f"prototypes{h}"]]
                    costs.append(log_sum_exp(logits) - logits[cluster])
            terms.append(mean(costs))
    return {"loss": mean(terms)}


def tico(x, p):
    queries = [unit(q) for q in x["query"]]
    moment = sum(np.outer(q, q) for q in queries) / len(queries)
    if not p["covariance_gradient"]:
        moment = moment.real
    covariance = p["beta"] * x["covariance"] + (1 - p["beta"]) * moment
    invariance = 1 - mean(cos(q, k.real) for q, k in zip(x["query"], x["key"]))
    contrast = mean(q @ covariance @ q for q in queries)
    return {"loss": invariance + p["rho"] * contrast, "covariance_after": covariance.real}


def lejepa(x, p):
    views = [x[f"z{v}"] for v in range(p["views"])]
    centre = sum(views[:p["large_crops"]]) / p["large_crops"]
    prediction = mean(np.sum((z - centre) ** 2) / z.size for z in views)
    t = np.linspace(-p["domain"], p["domain"], p["knots"])
    statistics = []
    for z in views:
        for a in x["directions"].T:
            error = [(mean(np.cos(s * (row @ a)) for row in z) - np.exp(-s * s / 2)) ** 2
                     + mean(np.sin(s * (row @ a)) for row in z) ** 2 for s in t]
            statistics.append(len(z) * np.trapezoid(np.array(error) * np.exp(-t * t / 2), t))
    return {"loss": (1 - p["lambda"]) * prediction + p["lambda"] * mean(statistics)}


def vibcreg(x, p):
    views, n, d = [x["z0"], x["z1"]], *x["z0"].shape
    invariance = np.sum((views[0] - views[1]) ** 2) / (n * d)
    variance = covariance = 0
    for z in views:
        z = z - sum(z) / n
        for j in range(d):
            spread = np.sqrt(np.sum(z[:, j] ** 2) / (n - 1) + 1e-4)
            variance += (1 - spread) / d if spread.real < 1 else 0
            covariance += sum(cos(z[:, j], z[:, k]) ** 2 for k in range(d) if k != j) / d**2
    return {"loss": p["invariance"] * invariance + p["variance"] * variance + p["covariance"] * covariance}


# The cases.

CONSTANT = ("queue", "prototypes", "covariance", "directions")  # inputs that get no gradient, as these begin


def case(name, loss, params, inputs, note=None):
    """Return a manifest entry, and its tensors."""
    outputs = loss(inputs, params)
    tensors = {f"in.{key}": value for key, value in inputs.items()}
    tensors |= {f"out.{key}": np.array(value) for key, value in outputs.items()}
    for key, value in inputs.items():
        if value.dtype.kind != "f" or key.startswith(CONSTANT):
            continue
        gradient = np.zeros(value.shape)
        for at in np.ndindex(value.shape):
            moved = value.astype(complex)
            moved[at] += 1j * STEP
            gradient[at] = np.imag(loss({**inputs, key: moved}, params)["loss"]) / STEP
        if gradient.any():
            tensors[f"grad.{key}"] = gradient
    method = params["method"]
    entry = {"id": f"loss/{method}/{name}", "kind": "loss", "source": SOURCE, "params": params,
             "file": f"loss_{method}_{name}.safetensors", "rtol": 1e-9, "atol": 1e-11}
    return entry | ({"note": note} if note else {}), tensors


def cases():
    r = np.random.default_rng(20)

    def rows(n, d, scale=1.0):
        return scale * r.standard_normal((n, d))

    def units(n, d):
        return np.array([unit(v) for v in rows(n, d)])

    def views(letters, n, d, count=2):
        return {f"{letter}{v}": rows(n, d) for letter in letters for v in range(count)}

    yield case("tau0.2_sigma0.4", dclw, {"method": "dclw", "temperature": 0.2, "sigma": 0.4}, views("z", 6, 5),
               "the weights are constants; one log-sum-exp over all 2N-2 negatives of both views")
    yield case("out_tau0.2", supcon_out, {"method": "supcon", "temperature": 0.2, "variant": "sum outside the log"},
               {**views("z", 7, 5), "labels": np.array([0, 1, 2, 1, 0, 1, 3])})
    yield case("tau0.3_dimensions4", directclr, {"method": "directclr", "temperature": 0.3, "dimensions": 4},
               views("z", 6, 9))
    yield case("symmetric_tau0.2", mocov2plus, {"method": "mocov2plus", "temperature": 0.2},
               {**views(["query", "key"], 5, 6), "queue0": units(9, 6), "queue1": units(9, 6)},
               "mean of the two directions; key0 is compared with queue0")
    yield case("symmetric_tau0.5", mocov3, {"method": "mocov3", "temperature": 0.5}, views(["query", "key"], 5, 6),
               "sum of the two directions, each times 2*temperature")
    yield case("queue_tau0.2", nnclr, {"method": "nnclr", "temperature": 0.2},
               {**views("zp", 5, 6), "queue": units(11, 6)}, "mean of the two directions")
    yield case("symmetric", nnsiam, {"method": "nnsiam"}, {**views("zp", 5, 6), "queue": units(11, 6)},
               "mean of the two directions")
    yield case("symmetric", nnbyol, {"method": "nnbyol"}, {**views("zp", 5, 6), "queue": units(11, 6)},
               "sum of the two directions")
    yield case("crops3_heads2", deepclusterv2,
               {"method": "deepclusterv2", "temperature": 0.1, "crops": 3, "large_crops": 2},
               {**views("z", 6, 5, 3), "prototypes0": units(4, 5), "prototypes1": units(4, 5),
                "assignments0": np.array([3, 0, 1, 1, 2, 0]), "assignments1": np.array([1, -100, 2, 0, 3, 3])},
               "mean over heads and crops of the mean over images; an image with the cluster -100 is left out")
    moments = units(8, 5)
    for through in (True, False):
        yield case(f"rho5.0_beta0.7_{'through' if through else 'held'}", tico,
                   {"method": "tico", "beta": 0.7, "rho": 5.0, "covariance_gradient": through},
                   {"query": rows(6, 5), "key": rows(6, 5), "covariance": moments.T @ moments / len(moments)})
    yield case("views4_knots9", lejepa,
               {"method": "lejepa", "lambda": 0.2, "knots": 9, "domain": 4.0, "large_crops": 2, "views": 4},
               {**views("z", 6, 5, 4), "directions": units(7, 5).T.copy()}, "the knots are those on both sides of 0")
    yield case("l10.0_m15.0_n30.0", vibcreg,
               {"method": "vibcreg", "invariance": 10.0, "variance": 15.0, "covariance": 30.0},
               {"z0": rows(7, 5, 0.8), "z1": rows(7, 5, 0.8)}, "without iterative normalisation")


def main():
    path = ORACLES / "manifest.json"
    manifest = json.loads(path.read_text())
    entries = {entry["id"]: entry for entry in manifest["cases"]}
    for entry, tensors in cases():
        save_file(tensors, ORACLES / entry["file"])
        entries[entry["id"]] = entry
        print(entry["id"], float(tensors["out.loss"]))
    manifest["cases"] = list(entries.values())
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
