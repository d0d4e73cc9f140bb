# SPDX-License-Identifier: Apache-2.0
"""The peers' programs, which run in a virtual environment of their own."""

import functools
import json
import re
import subprocess
import sys

from bench.processes import ROOT, Failed, run, shown

sys.path.insert(0, str(ROOT / "scripts"))
import virtualenv  # noqa: E402 (needs the path)

PEER = ROOT / "bench" / "peer"
# Large buffers stay with the process instead of going back to the kernel every step: what our engine sets for itself.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


@functools.cache
def python():
    """Return the Python with the peers; make its virtual environment if there is none."""
    try:
        return virtualenv.interpreter("bench", "PYTHON_BENCH")
    except (OSError, subprocess.CalledProcessError) as err:
        raise Failed(f"the virtual environment could not be made ({err}): apt-get install python3-venv, "
                     "or set PYTHON_BENCH") from None


@functools.cache
def versions():
    """Return the versions of the peers' packages."""
    names = re.findall(r"^([\w-]+)==", (ROOT / "requirements-bench.txt").read_text(), re.M)
    code = "import importlib.metadata as m, json, platform, sys\nfound = {'python': platform.python_version()}\n" \
           "for n in sys.argv[1:]:\n try: found[n] = m.version(n)\n except m.PackageNotFoundError: pass\n" \
           "print(json.dumps(found))"
    return json.loads(run([python(), "-c", code, *names]).out)


def command(program, *flags):
    """Return the command of a program of bench/peer."""
    return [python(), PEER / f"{program}.py", *map(str, flags)]


def told(words, threads, env=None, **more):
    """Run a peer's command on so many threads and return the JSON object that it prints, and how it ended."""
    ended = run(words, {"OMP_NUM_THREADS": str(threads)} | (env or {}), **more)
    try:
        return json.loads(ended.out.strip().splitlines()[-1]), ended
    except (IndexError, ValueError):
        raise Failed(f"{shown(words)} printed no JSON object") from None
