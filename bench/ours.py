# SPDX-License-Identifier: Apache-2.0
"""Commands of this program, and what is read from them."""

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import ROOT, Failed, run, started

PARALLAX = ROOT / "bin" / "parallax"
NEVER = str(10**6)
# A run without evaluations and checkpoints on the way, as the peers' loops have none.
BARE = ["--eval-every", NEVER, "--save-every", NEVER, "--set", "probe.limit=64"]
# And without what else only our runs do: the guard, and the online linear probe.
ALIKE = [*BARE, "--labels", "none", "--on-collapse", "off", "--set", "probe.linear=false"]


def crop_only():
    """Return the flags of views that are only cropped: images then cost next to nothing."""
    ops = ("color_jitter", "grayscale", "pil_blur", "horizontal_flip")
    return [word for op in ops for word in ("--set", f"augment.{op}.p=0")]


def recipe(crop, jitter, blur):
    """Return the flags of a recipe like lightly's: least scale, (brightness, contrast, saturation, hue), p of blur."""
    names = ("brightness", "contrast", "saturation", "hue")
    values = ", ".join(f"{name}: {value}" for name, value in zip(names, jitter))
    return [word for value in (
        f"random_resized_crop.scale=[{crop}, 1]", "random_resized_crop.interpolation=bilinear",
        f"color_jitter={{p: 0.8, {values}}}", f"pil_blur.p={blur}") for word in ("--set", f"augment.{value}")]


@contextlib.contextmanager
def scratch():
    """Make a folder below runs/ that goes with the block."""
    (ROOT / "runs").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "runs") as folder:
        yield Path(folder)


def pretrain(data, *flags, program=PARALLAX):
    """Return the command of a pretraining run, without --out."""
    return [program, "pretrain", "--data", data, *map(str, flags)]


@dataclass
class Line:
    """An event of a run, and when it was printed: seconds after the command began."""

    at: float
    event: dict


@contextlib.contextmanager
def events(command, pin=None, env=None):
    """Start a pretraining run and yield an iterator over its events as they come. The run ends with the block."""
    with scratch() as folder, tempfile.TemporaryFile("w+") as said:
        begun = time.perf_counter()
        with started([*command, "--json", "--out", folder / "run"], env, pin, stdout=subprocess.PIPE,
                     stderr=said) as process:
            yield (Line(time.perf_counter() - begun, json.loads(text)) for text in process.stdout
                   if text.startswith("{"))
            if process.poll():
                said.seek(0)
                last = (said.read().strip().splitlines() or [""])[-1]
                raise Failed(f"parallax pretrain ended with status {process.returncode}: {last}")


def step_lines(command, steps, **more):
    """Make a run and return the lines of its steps, up to the given step. Then the run is ended."""
    lines = []
    with events(command, **more) as every:
        for line in every:
            if line.event.get("event") == "step":
                lines.append(line)
                if line.event["step"] >= steps:
                    return lines
    raise Failed(f"the run ended after {len(lines)} lines of steps, before step {steps}")


def steady(lines, batch, warm):
    """Return images a second by the clock, from the first line at or after step warm to the last one."""
    kept = [line for line in lines if line.event["step"] >= warm]
    if len(kept) < 2:
        raise Failed(f"a run has {len(kept)} lines after step {warm}: two are the least")
    first, last = kept[0], kept[-1]
    return (last.event["step"] - first.event["step"]) * batch / (last.at - first.at)


def unwaited(lines, warm):
    """Return images a second of the steps after warm as if their images had been ready: less the wait for data."""
    kept = [line.event for line in lines if line.event["step"] > warm]
    seconds = sum((1 - e["data_wait"]) / e["images_per_second"] for e in kept)  # lines have equally many images
    return len(kept) / seconds


def first_step(command):
    """Return the seconds from the command to the end of its first step."""
    return step_lines([*command, "--log-every", "1"], 1)[0].at


def profile(command):
    """Make a run with --profile, and return the numbers of its profile."""
    with scratch() as folder:
        run([*command, "--out", folder / "run"])
        return json.loads((folder / "run" / "profile.json").read_text())["metadata"]


def worked(profile):
    """Return the share of a profile's steps in convolutions and products, of forward and backward.

    Waiting for images, hooks and checkpoints are no part of a step.
    """
    phases = {part["name"]: part["share"] for part in profile["phases"]}
    step = 1 - sum(phases.get(name, 0) for name in ("wait", "hooks", "checkpoint"))
    differentiated = phases["forward"] + phases["backward"]
    return differentiated / step * sum(
        kind["share"] for kind in profile["kinds"] if kind["name"] in ("convolution", "product"))


def help_has(words, flag):
    """Report whether a command's help names a flag."""
    said = subprocess.run([PARALLAX, *words, "--help"], capture_output=True, text=True)
    return said.returncode == 0 and flag in said.stdout


def go_program(name):
    """Build ./internal/NAME into bin/ and return its path."""
    if not (ROOT / "internal" / name).is_dir():
        raise Failed(f"there is no internal/{name} in this checkout: it is what measures our side")
    run(["go", "build", "-o", ROOT / "bin" / name, f"./internal/{name}"])
    return ROOT / "bin" / name


def build_of(commit):
    """Build the command of an earlier commit below runs/, once, and return its path."""
    folder = ROOT / "runs" / f"bench-{commit}"
    program = folder / "bin" / "parallax"
    if program.is_file():
        return program
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    except subprocess.CalledProcessError as err:
        raise Failed(f"commit {commit} cannot be unpacked ({err}): this needs a clone with its history") from None
    (folder / ".libtorch").symlink_to(ROOT / ".libtorch")
    run(["make", "-C", folder, "shim", "go", "GOFLAGS=-buildvcs=false"])
    return program
