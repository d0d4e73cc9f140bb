# SPDX-License-Identifier: Apache-2.0
"""Two sides take turns, and their figures become a row."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import machine


@dataclass
class Side:
    """Ours or a peer: how to get one figure, and the command that does it, as a reader would type it."""

    command: str
    measure: Callable[[], float]


@dataclass
class Pair:
    """What a benchmark compares. The sides may note more in extra, which goes into the row."""

    ours: Side
    peer: Side
    extra: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Benchmark:
    """A row of the results."""

    name: str
    about: str  # what is measured, for people
    peer: str  # what it is compared with
    unit: str  # of the figures of both sides
    pair: Callable  # from the settings to a Pair
    less: bool = False  # whether less is better
    long: bool = False  # hours; only when asked for by name


def fixed(value, why):
    """Return a side that is a given figure and not measured."""
    return Side(why, lambda: value)


def ratio(ours, peer, less):
    """Return how much better ours is: above 1, ours is better."""
    return peer / ours if less else ours / peer


def turns(pair, rounds, less, say=lambda text: None, busy=machine.busy):
    """Let both sides take turns, and return the figures of a row.

    The ratio is the median of the rounds' ratios, since both sides of a round meet the same machine; the spread is the
    least and the greatest of them. load is the greatest number of cores that others used just before a turn.
    """
    ours, peer, ratios, load = [], [], [], 0.0
    for turn in range(rounds):
        for side, figures in ((pair.ours, ours), (pair.peer, peer)):
            used = busy()
            load = max(load, used)
            if used > machine.QUIET:
                say(f"warning: others use {used:.1f} cores: these figures are not of a quiet machine")
            figures.append(side.measure())
        ratios.append(ratio(ours[-1], peer[-1], less))
        say(f"round {turn + 1} of {rounds}: ours {number(ours[-1])}, peer {number(peer[-1])}, "
            f"ratio {number(ratios[-1])}")
    return {
        "ours": significant(statistics.median(ours)), "peer": significant(statistics.median(peer)),
        "ratio": significant(statistics.median(ratios)), "spread": [significant(min(ratios)), significant(max(ratios))],
        "rounds": rounds, "load": round(load, 2), "quiet": load <= machine.QUIET,
    }


def significant(x, digits=4):
    """Round to so many significant digits."""
    return float(f"{x:.{digits}g}")


def number(x):
    """Return a figure as text, with three significant digits and no exponent."""
    if abs(x) >= 100:
        return f"{x:,.0f}"
    return f"{x:.{2 if abs(x) < 10 else 1}f}" if abs(x) >= 0.1 else f"{x:.2g}"
