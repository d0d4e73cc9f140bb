# SPDX-License-Identifier: Apache-2.0
"""Virtual environments in the checkout, each with the packages of a requirements file."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def interpreter(purpose, override):
    """Return the Python of .venv-PURPOSE, with the packages of requirements-PURPOSE.txt.

    The environment is made when there is none, and anew when the requirements have changed. If the variable named
    override is set, it names a Python that has the packages, and nothing is made.
    """
    given = os.environ.get(override)
    if given:
        return given
    requirements, venv = ROOT / f"requirements-{purpose}.txt", ROOT / f".venv-{purpose}"
    python, stamp = venv / "bin" / "python", venv / "stamp"
    want = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != want:
        print(f"installing {requirements.name} into {venv.name} (once) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r",
                        str(requirements)], check=True)
        stamp.write_text(want)
    return str(python)
