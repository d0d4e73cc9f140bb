# SPDX-License-Identifier: Apache-2.0
"""What the machine is, and how busy others keep it."""

import os
import platform
import time
from pathlib import Path

QUIET = 0.3  # cores that others may use while the machine still counts as quiet
ISAS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_bf16": "AVX-512 bf16", "amx_tile": "AMX", "asimd": "NEON"}


def cores():
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def description(cpuinfo=None):
    """Return one line about the machine: cores, processor, its vector instructions, memory."""
    text = Path("/proc/cpuinfo").read_text() if cpuinfo is None else cpuinfo
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    flags = fields.get("flags", fields.get("Features", "")).split()
    isas = [name for flag, name in ISAS.items() if flag in flags]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = fields.get("model name", platform.machine())
    if {"cpu family", "model"} <= fields.keys():  # a virtual machine's name says little
        processor += f" (family {fields['cpu family']}, model {fields['model']})"
    return ", ".join([f"{cores()} cores of {processor}", *isas, f"{memory:.0f} GiB"])


def ticks(stat):
    """Return the busy and all ticks of all cores, from the text of /proc/stat."""
    numbers = [int(x) for x in stat.splitlines()[0].split()[1:9]]
    return sum(numbers) - numbers[3] - numbers[4], sum(numbers)  # without idle and waiting for a disk


def busy(seconds=1.0):
    """Watch the machine while nothing of ours runs, and return how many cores others use.

    The load average will not do: it remembers what we ran a minute ago.
    """
    before = ticks(Path("/proc/stat").read_text())
    time.sleep(seconds)
    after = ticks(Path("/proc/stat").read_text())
    every = after[1] - before[1]
    return (after[0] - before[0]) / every * os.cpu_count() if every else 0.0
