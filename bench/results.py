# SPDX-License-Identifier: Apache-2.0
"""bench/results.json: the rows that were measured, each benchmark once, in the order of the list."""

import json
import os
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results.json"


def read(path=RESULTS):
    """Return the rows; none if there is no file."""
    return json.loads(path.read_text()) if path.is_file() else []


def merge(rows, new, order):
    """Return the rows with the new ones in the places of those of their names, in the given order of names."""
    every = {row["name"]: row for row in [*rows, *new]}
    places = {name: place for place, name in enumerate(order)}
    return sorted((row for row in every.values() if row["name"] in places), key=lambda row: places[row["name"]])


def write(rows, path=RESULTS):
    """Write the rows, so that a reader finds the old file or the new one."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    os.replace(part, path)
