# SPDX-License-Identifier: Apache-2.0
"""Training: end to end, the step alone, and beside other programs."""

import os
from dataclasses import dataclass

from bench import ours, peers
from bench.harness import Pair, Side, fixed
from bench.ours import ALIKE, BARE, crop_only, pretrain, recipe, steady, step_lines
from bench.processes import Failed, busy_loop, shown


@dataclass(frozen=True)
class Task:
    """A training task, in our words and in those of bench/peer/train.py."""

    method: str
    width: int
    hidden: int
    batch: int
    every: int  # steps between our lines
    steps: int  # that are measured, after a warm-up of one line
    flags: tuple
    recipe: tuple
    backbone: str = "resnet18"
    stem: str = "small"

    def peer(self):
        return ["--method", self.method, "--backbone", self.backbone, "--stem", self.stem, "--width", self.width,
                "--hidden", self.hidden, "--batch", self.batch]


R18 = Task("simsiam", 64, 2048, 64, 5, 20, ("--preset", "cifar", "--backbone", "resnet18"),
           tuple(recipe(0.2, (0.4, 0.4, 0.4, 0.1), 0.5)))
W16 = Task("simclr", 16, 512, 256, 10, 40, ("--preset", "tiny-cpu"), tuple(recipe(0.08, (0.8, 0.8, 0.8, 0.2), 0)))
SMALL = Task("simclr", 16, 128, 256, 20, 80, ("--preset", "lab", "--set", "method.projector.widths=[128, 128]",
                                              "--set", "train.eval_early=false", "--set", "probe.detail=false"), (),
             "resnet8", "strided")


def lengths(s, task):
    """Return the steps of the warm-up, which are also those between our lines, and the steps that are measured."""
    return s.scaled((task.every, task.steps), (1, 2))


def our_training(s, task, precision, flags, threads=None, batch=None, pin=None, warm=0):
    """Return the side of `parallax pretrain`: images a second by the clock, after a warm-up of at least warm steps."""
    every, steps = lengths(s, task)
    warm, batch = max(every, warm // every * every), batch or task.batch
    command = pretrain(s.data, "--method", task.method, "--size", 32, "--batch", batch, *task.flags,
                       *(["--precision", precision] if precision else []), "--threads", threads or s.threads,
                       "--log-every", every, *flags)
    return Side(shown(command), lambda: steady(step_lines(command, warm + steps, pin=pin), batch, warm))


def peer_training(s, task, *flags, env=None, threads=None):
    """Return the side of a PyTorch loop."""
    warm, steps = lengths(s, task)
    command = peers.command("train", *task.peer(), "--threads", threads or s.threads, "--warm", warm, "--steps", steps,
                            *flags)

    def measure():
        return peers.told(command, s.threads, env)[0]["images_per_second"]

    return Side(shown(command, env), measure)


def end2end(task, precision, s):
    """Both with the same precision, batch, recipe and optimiser; ours without the guard and the online probe."""
    return Pair(our_training(s, task, precision, [*task.recipe, "--workers", 2, *ALIKE]),
                peer_training(s, task, "--data", s.data, "--precision", precision))


def tuned_peer(task, precision, s):
    """As end2end, and the peer has what our engine does for itself: channels-last and the allocator's settings."""
    return Pair(end2end(task, precision, s).ours, peer_training(
        s, task, "--data", s.data, "--precision", precision, "--channels-last", env=peers.ALLOCATOR))


def defaults(task, s):
    """Both as they come: ours with its precision, guard and online probe, theirs as lightly's example.

    The guard looks at steps 1, 2, 5, 10 and 20, and then from time to time. So the warm-up is longer.
    """
    return Pair(our_training(s, task, "", BARE, warm=s.scaled(25, 1)), peer_training(s, task, "--data", s.data))


def end2end_solo(s):
    """SimSiam with solo-learn's settings for CIFAR, which our preset cifar has: batch 256, channels-last, bf16."""
    task = Task("simsiam", 64, 2048, 256, 2, 6, R18.flags, ())
    return Pair(our_training(s, task, "bf16", ["--workers", 2, *ALIKE]), peer_training(
        s, task, "--data", s.data, "--precision", "bf16", "--transforms", "solo", "--channels-last"))


def our_step(s, task, precision, threads):
    """Return the side of our step: crops only, and less the wait for them."""
    warm, steps = lengths(s, task)
    command = pretrain(s.data, "--method", task.method, "--size", 32, "--batch", task.batch, *task.flags, "--precision",
                       precision, "--threads", threads, "--log-every", warm, *crop_only(), *ALIKE)
    return Side(shown(command), lambda: ours.unwaited(step_lines(command, warm + steps), warm))


def step_r18(s):
    """The peer's images are random tensors that are there; ours are read and cropped beside the step."""
    return Pair(our_step(s, R18, "bf16", s.threads), peer_training(s, R18, "--random", "--precision", "bf16"))


def limit(s, task, precision, threads):
    """Return the command that times the convolutions and products of a step alone."""
    return peers.command("limit", *task.peer(), "--precision", precision, "--threads", threads, "--seconds",
                         s.scaled(1, 0.05))


def step_share(s):
    """The share of our step that is convolutions and products, by the profile of a run; the peer is the whole step."""
    if not ours.help_has(["pretrain"], "--profile"):
        raise Failed("this needs pretrain --profile, which this build has not")
    task, steps = R18, s.scaled(20, 1)
    command = pretrain(s.data, "--method", task.method, "--size", 32, "--batch", task.batch, *task.flags,
                       *task.recipe, "--precision", "bf16", "--threads", s.threads, "--profile", steps, "--max-steps",
                       steps + s.scaled(10, 3), *ALIKE)
    return Pair(Side(shown(command), lambda: ours.worked(ours.profile(command))), fixed(1.0, "the whole step"))


def step_limit(s):
    """A whole step of ours, and a step that has nothing but its convolutions and products, timed in PyTorch."""
    command = limit(s, R18, "bf16", s.threads)
    return Pair(our_step(s, R18, "bf16", s.threads), Side(
        shown(command), lambda: peers.told(command, s.threads)[0]["images_per_second"]))


def step_small(s):
    """The laboratory's network of 77,000 parameters on one thread, in the operations of its convolutions and products.

    The peer is half of the rate of a large float32 product or convolution: half of what the core can do.
    """
    command = limit(s, SMALL, "float32", 1)
    told = {}
    step = our_step(s, SMALL, "float32", 1)

    def peer():
        told.update(peers.told(command, 1)[0])
        return told["peak"] / 2e9

    def our():
        told.update(told or peers.told(command, 1)[0])
        return step.measure() * told["operations"] / 1e9

    return Pair(Side(step.command, our), Side(shown(command), peer), {"limit": told})


def two_cores():
    """Return two cores of those that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise Failed("this needs two cores")
    return set(usable[:2])


def contended(s):
    """Ours with two threads and with one, on two cores of which a busy loop wants one."""
    pin = two_cores()

    def side(threads):
        quiet = our_training(s, W16, "bf16", ALIKE, threads=threads, pin=pin)

        def measure():
            with busy_loop(pin):
                return quiet.measure()

        return Side(f"{quiet.command} # beside a busy loop, on two cores", measure)

    return Pair(side(2), side(1))


def contended_training(s):
    """Two runs of ours at once, two threads each, over the fair share: half of what one reaches alone."""
    pin = two_cores()
    warm, steps = lengths(s, W16)
    alone = our_training(s, W16, "bf16", ALIKE, threads=2, pin=pin)
    other = pretrain(s.data, "--method", W16.method, "--size", 32, "--batch", W16.batch, *W16.flags, "--precision",
                     "bf16", "--threads", 2, "--log-every", warm, *ALIKE)

    def together():
        with ours.events(other, pin=pin) as lines:
            next(line for line in lines if line.event.get("event") == "step")  # it trains
            return alone.measure()

    return Pair(Side(f"{alone.command} # beside another such run", together),
                Side(f"{alone.command} # half of it", lambda: alone.measure() / 2))
