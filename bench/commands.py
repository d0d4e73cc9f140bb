# SPDX-License-Identifier: Apache-2.0
"""What commands take: time to the first step, memory, processor time, growth with the data."""

from functools import partial

from bench import data, ours, peers
from bench.harness import Pair, Side, fixed
from bench.ours import ALIKE, PARALLAX, pretrain, scratch, steady, step_lines
from bench.processes import run, shown
from bench.training import R18, end2end, lengths

BEFORE = "3880be3"  # before training got kernels of its own


def first_step(s):
    """From the command to the end of the first step, and to the evaluation of the untrained network."""
    command = [*pretrain(s.data, "--method", "simclr", "--preset", "tiny-cpu", "--threads", s.threads), "--log-every", 1]
    extra = {"evaluated_s": []}

    def measure():
        seen = {}
        with ours.events(command) as lines:
            for line in lines:
                seen.setdefault(line.event.get("event"), line.at)
                if {"step", "eval"} <= seen.keys():
                    break
        extra["evaluated_s"].append(round(seen["eval"], 2))
        return seen["step"]

    return Pair(Side(shown(command), measure), fixed(2.0, "two seconds, by definition"), extra)


def memory(s):
    """The greatest proportional set size of the process tree, in the training of end2end-r18."""
    warm, steps = lengths(s, R18)
    training = end2end(R18, "bf16", s)
    command = pretrain(s.data, "--method", R18.method, "--size", 32, "--batch", R18.batch, *R18.flags, *R18.recipe,
                       "--precision", "bf16", "--threads", s.threads, "--workers", 2, "--max-steps", warm + steps,
                       *ALIKE)

    def our():
        with scratch() as folder:
            return run([*command, "--out", folder / "run"], memory=True).pss

    return Pair(Side(shown(command), our), Side(training.peer.command, lambda: run(
        peers.command("train", *R18.peer(), "--threads", s.threads, "--warm", warm, "--steps", steps, "--data", s.data,
                      "--precision", "bf16"), {"OMP_NUM_THREADS": str(s.threads)}, memory=True).pss))


def lab(s):
    """The processor time of the two arms of one claim, one seed each, of 200 steps: now, and before."""
    words = ["lab", "run", "SIM-01", "--data", s.data, "--seeds", 1, "--longer=false", "--steps", s.scaled(200, 20)]

    def side(program, name):
        def measure():
            with scratch() as folder:
                return run([program(), *words, "--out", folder / "lab"]).cpu

        return Side(f"{name} {shown(words)}", measure)

    return Pair(side(lambda: PARALLAX, "bin/parallax"), side(partial(ours.build_of, BEFORE), f"that of {BEFORE}:"))


def growth(s):
    """From the command to the end of the first step, by the number of files, and the speed by the length of a queue.

    The figures are microseconds a file: of a thousand times as many files as the least folder, and of a hundred times.
    """
    sizes = s.scaled([10**3, 10**5, 10**6], [100, 1000, 10000])
    files, queues = [], []
    flags = ["--method", "simclr", "--preset", "lab", "--size", 32, "--batch", 64, "--threads", s.threads, *ALIKE]

    def walk():
        if files:
            return
        for size in sizes:
            with scratch() as folder:
                data.many(s.data / "train", folder / "files", size)
                command = pretrain(folder / "files", *flags, "--max-steps", 1)
                seconds = ours.first_step(pretrain(folder / "files", *flags))
                files.append({"files": size, "seconds": round(seconds, 2), "pss_mib": round(
                    run([*command, "--out", folder / "run"], memory=True).pss)})
        warm, steps = s.scaled((10, 40), (1, 2))
        for queue in (4096, 65536):
            command = pretrain(s.data, "--method", "mocov2", "--preset", "tiny-cpu", "--set", f"method.queue={queue}",
                               "--threads", s.threads, "--log-every", warm, *ALIKE)
            queues.append({"queue": queue, "images_per_second": round(
                steady(step_lines(command, warm + steps), 256, warm), 1)})

    def each(n):
        walk()
        more = files[n]["seconds"] - files[0]["seconds"]
        return max(more, 1e-3) / (sizes[n] - sizes[0]) * 1e6

    command = shown(pretrain("FILES", *flags))
    return Pair(Side(command, lambda: each(2)), Side(command, lambda: each(1)), {"files": files, "queues": queues})
