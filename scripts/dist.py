#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pack dist/parallax-VERSION-SYSTEM.tar.gz: the command, its libraries, licences, and a set-up that fetches libtorch.

make dist calls it after linking the engine library. The same sources and tools give the same bytes: names are
sorted, and times and owners are fixed.
"""

import gzip
import io
import platform
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from libtorch import TESTED, jpeg_name

ROOT = Path(__file__).resolve().parent.parent
OBJECTS = ROOT / "bin" / "obj"
LICENCE = re.compile(r"(UN)?LICEN[CS]E|NOTICE|COPYING|PATENTS|AUTHORS", re.IGNORECASE)
THIRD_PARTY = "THIRD_PARTY_LICENSES"
# 2020-01-01, the same for every build; files from 1970 look broken.
TIME = 1577836800


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def build():
    """Build the command without paths of this machine, and return its path."""
    to = OBJECTS / "parallax"
    output("go", "build", "-trimpath", "-ldflags=-s -w", "-o", str(to), "./cmd/parallax")
    return to


def modules():
    """Return the modules that the command links: {module and version: folders, the module's own first}."""
    form = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}"
    found = {}
    for line in output("go", "list", "-deps", "-f", form, "./cmd/parallax").splitlines():
        if line:
            name, root, package = line.split("\t")
            folders = found.setdefault(name, [Path(root)])
            # A package that was copied from elsewhere may have a licence beside it.
            folder = Path(package)
            while folder not in folders:
                folders.append(folder)
                folder = folder.parent
    return found


def texts(folders):
    """Return the licences of a module: {name in the module: text}."""
    root = folders[0]
    paths = []
    for folder in folders:
        paths += [p for p in folder.iterdir() if p.is_file() and LICENCE.match(p.name) and p.suffix != ".go"]
    paths += [p for p in (root / THIRD_PARTY).rglob("*") if p.is_file()]
    return {str(p.relative_to(root)): p.read_text(encoding="utf-8") for p in sorted(paths)}


def notices():
    """Return licenses/go.txt: the licences of Go and of every module in the command."""
    goroot = Path(output("go", "env", "GOROOT").strip())
    found = {f"Go's standard library {output('go', 'env', 'GOVERSION').strip()}": [goroot], **modules()}
    parts = ["The third-party code that is linked into the command parallax, with its licences.\n"]
    for name, folders in sorted(found.items()):
        licences = texts(folders)
        if not any(re.match(r"(UN)?LICEN[CS]E|COPYING", Path(n).name, re.IGNORECASE) for n in licences):
            sys.exit(f"dist: {name} in {folders[0]} has no licence file: make scripts/dist.py read its licence")
        parts.append("=" * 100 + f"\n{name}\n")
        parts += [f"--- {n}\n\n{text.strip()}\n" for n, text in sorted(licences.items())]
    return "\n".join(parts).encode()


def contents(command):
    """Return the files of the archive: {name: (bytes, executable)}."""
    built = re.match(r"# libtorch (\S+);", (OBJECTS / "libtorch.mk").read_text())
    if not built or built[1] != TESTED:
        sys.exit(f"dist: the engine library was built with libtorch {built and built[1]}, but the archive's set-up fetches "
                 f"{TESTED}: unset LIBTORCH, or name a libtorch {TESTED}")
    engine = "libparallax_shim." + ("dylib" if sys.platform == "darwin" else "so")
    jpeg = ROOT / "bin" / jpeg_name()
    files = {"bin/parallax": (command.read_bytes(), True), f"bin/{engine}": ((OBJECTS / engine).read_bytes(), True),
             "setup": ((ROOT / "scripts/setup").read_bytes(), True), "licenses/go.txt": (notices(), False)}
    if jpeg.is_file():
        files[f"bin/{jpeg_name()}"] = (jpeg.read_bytes(), False)
    plain = ["LICENSE", "README.md", "CHANGELOG.md", "requirements-libtorch.txt", "scripts/libtorch.py", *(str(p.relative_to(ROOT)) for p in (ROOT / "licenses").iterdir())]
    files.update({name: ((ROOT / name).read_bytes(), False) for name in plain})
    return files


def pack(name, files):
    """Return a .tar.gz with one folder of the given name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, (data, executable) in sorted(files.items()):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mtime, entry.mode = len(data), TIME, 0o755 if executable else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), 9, mtime=0)


def main():
    command = build()
    number = output(str(command), "version").split()[1]
    machine = f"{platform.system().lower()}-{platform.machine()}"
    name = f"parallax-{number}-{machine}"
    to = ROOT / "dist" / f"{name}.tar.gz"
    to.parent.mkdir(exist_ok=True)
    packed = pack(name, contents(command))
    part = to.with_name(to.name + ".part")
    part.write_bytes(packed)
    part.replace(to)
    print(f"dist: {to.relative_to(ROOT)} ({len(packed) / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
