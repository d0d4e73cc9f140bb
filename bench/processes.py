# SPDX-License-Identifier: Apache-2.0
"""Runs commands and measures what they use: processor time, memory of the process tree."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Failed(Exception):
    """A benchmark that cannot be run: one line, with the remedy."""


@dataclass
class Ended:
    """A command that has ended well."""

    out: str
    seconds: float
    cpu: float  # seconds of processor time, of its children, too
    pss: float  # greatest memory of the process tree in MiB; 0 if it was not watched


def shown(command, env=None):
    """Return a command as a reader would type it in the root of a checkout."""
    words = [f"{key}={value}" for key, value in (env or {}).items()]
    for word in map(str, command):
        word = word.replace(f"{ROOT}/", "")
        words.append("python" if word.endswith("bin/python") else shlex.quote(word))
    return " ".join(words)


def children(pid):
    """Return the process and all its descendants."""
    every = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = stat.read_text()
            every.setdefault(int(text[text.rindex(")") + 2:].split()[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += every.get(each, [])
    return found


def pss(pid):
    """Return the proportional set size of a process tree in MiB: what is shared is counted once."""
    total = 0
    for each in children(pid):
        with contextlib.suppress(OSError):
            found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{each}/smaps_rollup").read_text(), re.M)
            total += int(found.group(1)) if found else 0
    return total / 1024


def watch(process, most):
    """Note the greatest memory of a process tree until it ends."""
    while process.returncode is None:
        most[0] = max(most[0], pss(process.pid))
        time.sleep(0.2)


def environment(env):
    """Return the environment of a command: ours, without what decides about threads or memory unless env has it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "MALLOC_", "KMP_", "MKL_", "LD_PRELOAD"))}
    return kept | (env or {})


@contextlib.contextmanager
def started(command, env=None, pin=None, **more):
    """Start a command in a group of its own, which ends with the block. pin is the cores that it may use."""
    process = subprocess.Popen([str(word) for word in command], cwd=ROOT, env=environment(env), start_new_session=True,
                               preexec_fn=(lambda: os.sched_setaffinity(0, pin)) if pin else None, text=True, **more)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode is None:
            process.wait()


def run(command, env=None, pin=None, memory=False):
    """Run a command to its end. It fails with the last line that the command wrote to its errors."""
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as out:
        begun = time.perf_counter()
        with started(command, env, pin, stdout=out, stderr=said, stdin=subprocess.DEVNULL) as process:
            most = [0.0]
            if memory:
                threading.Thread(target=watch, args=(process, most), daemon=True).start()
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        said.seek(0)
        if process.returncode:
            lines = (said.read() + out.read()).strip().splitlines() or [""]
            raise Failed(f"{shown(command)} ended with status {process.returncode}: {lines[-1]}")
        return Ended(out.read(), seconds, usage.ru_utime + usage.ru_stime, most[0])


@contextlib.contextmanager
def busy_loop(pin=None):
    """Keep one core busy while the block runs."""
    with started([sys.executable, "-c", "while True: pass"], pin=pin):
        yield
