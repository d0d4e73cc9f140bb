# SPDX-License-Identifier: Apache-2.0
"""Minutes to a good encoder: curves of accuracy."""

import itertools
import json
import subprocess
import time
from functools import partial
from pathlib import Path

from bench import ours, peers
from bench.harness import Pair, Side
from bench.ours import PARALLAX, pretrain, scratch
from bench.processes import Failed, run, shown, started
from bench.training import W16


def scores(words):
    """Return the kNN accuracy (k 20, T 0.07) and the linear accuracy (L-BFGS) of an encoder, by parallax eval."""
    every = {}
    for probe, score in (("knn", "kNN top-1"), ("linear", "lbfgs top-1")):
        told = json.loads(run([PARALLAX, "eval", probe, *words, "--untrained=false", "--json"]).out)
        every[probe] = next(row["value"] for row in told["rows"] if row["score"].startswith(score))
    return every


def our_curve(s, length, seed, method):
    """Train for so many minutes, evaluate the checkpoints afterwards, and return the points of the curve."""
    flags = ["--method", method, "--preset", "tiny-cpu"] if method else []
    command = pretrain(s.data, "--minutes", length, *flags, "--seed", seed, "--threads", s.threads, "--set",
                       "train.keep=100")
    with scratch() as folder:
        begun, marks = time.perf_counter(), {}
        with started([*command, "--json", "--out", folder / "run"], stdout=subprocess.PIPE) as process:
            for text in process.stdout:
                event = json.loads(text) if text.startswith("{") else {}
                if event.get("event") == "saved":
                    marks[event["step"]] = (time.perf_counter() - begun) / 60
        points = []
        for step, at in marks.items():
            if (folder / "run" / "checkpoints" / f"step-{step:08d}").is_dir():
                points.append({"minutes": round(at, 2)} | scores(
                    ["--run", folder / "run", "--checkpoint", step, "--data", s.data, "--no-cache"]))
    if not points:
        raise Failed("the run kept no checkpoint")
    return shown(command), points


def reference_curve(s, length, seed):
    """The same of plain SimCLR in PyTorch: lightly's transforms and loss, width 16, batch 256, bf16."""
    command = peers.command("train", *W16.peer(), "--data", s.data, "--precision", "bf16", "--rate", 0.3,
                            "--seed", seed, "--threads", s.threads, "--minutes", length)
    with scratch() as folder:
        told, _ = peers.told([*command, "--save", folder], s.threads)
        points = []
        for saved in told["saved"]:
            encoder = Path(saved["file"]).with_suffix(".safetensors")
            run([PARALLAX, "import", saved["file"], "--as", "resnet18", "--size", 32, "--out", encoder])
            points.append({"minutes": round(saved["minutes"], 2)} | scores(
                ["--run", encoder, "--data", s.data, "--no-cache"]))
    return shown(command), points


def minutes(s):
    """kNN accuracy after ten minutes, of `parallax pretrain --minutes` and of plain SimCLR in PyTorch.

    The row has the curves, also those of some methods with the preset tiny-cpu in place of the chosen recipe. A curve's
    points are checkpoints, which are evaluated afterwards, all by parallax eval.
    """
    if not ours.help_has(["pretrain"], "--minutes"):
        raise Failed("there is no parallax pretrain --minutes in this build")
    length = s.scaled(10, 0.5)
    curves, our_seeds, peer_seeds = [], itertools.count(1), itertools.count(1)

    def curve(name, seed, make):
        command, points = make()
        curves.append({"name": name, "seed": seed, "command": command, "points": points})
        return points[-1]["knn"]

    def our():
        seed = next(our_seeds)
        reached = curve("parallax --minutes", seed, lambda: our_curve(s, length, seed, ""))
        if seed == 1:
            for method in s.scaled(["simclr", "vibcreg", "directclr", "mocov2"], ["simclr"]):
                curve(f"{method}, tiny-cpu", seed, partial(our_curve, s, length, seed, method))
        return reached

    def peer():
        seed = next(peer_seeds)
        return curve("SimCLR in PyTorch", seed, lambda: reference_curve(s, length, seed))

    return Pair(Side(shown(pretrain(s.data, "--minutes", length)), our),
                Side("the loop of bench/peer/train.py", peer), {"curves": curves})
