#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build the engine library for CUDA, with NCCL, and test of it what needs no GPU: that it loads, that it computes on
the CPU and exchanges by Gloo as the usual library does, and that NCCL answers.

Called by `make test-cuda`. Makes a virtual environment from requirements-cuda.txt on its first run.
CUDA_PYTHON=/path/to/python uses an interpreter that already has those packages.
"""

import os
import subprocess
import sys
from pathlib import Path

import virtualenv

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "bin" / "cuda"
LIBRARY = BIN / "libparallax_shim_cuda.so"
PACKAGES = ["./torch", "./train", "./method"]
TESTS = "Group|Store|NCCL|Alone|Processes|Together"


def main():
    python = Path(virtualenv.interpreter("cuda", "CUDA_PYTHON"))
    makefile = BIN / "obj" / "libtorch.mk"
    environment = {**os.environ, "LIBTORCH": str(python.parent.parent)}
    subprocess.run([sys.executable, "scripts/libtorch.py", "flags", str(makefile)], cwd=ROOT, env=environment, check=True)
    jobs = next(line.split()[-1] for line in makefile.read_text().splitlines() if line.startswith("JOBS :="))
    subprocess.run(["make", "--no-print-directory", "-f", "scripts/shim.mk", "BIN=bin/cuda", "-j", jobs], cwd=ROOT, check=True)
    subprocess.run(["go", "test", "-count=1", *PACKAGES, "-run", TESTS], cwd=ROOT, check=True,
                   env={**os.environ, "PARALLAX_SHIM": str(LIBRARY), "PARALLAX_TEST_NCCL": "1", "OMP_NUM_THREADS": "1"})


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as err:
        sys.exit(f"test-cuda: {' '.join(map(str, err.cmd[:3]))} ended with status {err.returncode}")
