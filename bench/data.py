# SPDX-License-Identifier: Apache-2.0
"""The images of the benchmarks: folders, which both sides read."""

import os
import subprocess
from pathlib import Path

from bench.processes import ROOT, Failed


def folder(path, least):
    """Return a folder below runs/ with the images: of an archive, which is unpacked there once, or a link to a folder.

    So the commands of a row name no place outside the checkout. least is a subfolder that must be there, "" for none.
    """
    path = Path(path)
    if not path.exists():
        raise Failed(f"{path}: there is no such file or folder")
    to = ROOT / "runs" / ("bench-" + path.name.split(".")[0])
    to.parent.mkdir(exist_ok=True)
    if path.is_dir():
        if to.is_symlink():
            to.unlink()
        to.symlink_to(path.resolve())
    elif not (to / "complete").exists():
        to.mkdir(exist_ok=True)
        if subprocess.run(["tar", "-x", "-f", path, "-C", to]).returncode:
            raise Failed(f"{path} cannot be unpacked: give a folder, or a .tar or .tar.gz of one")
        (to / "complete").touch()
    if not (to / least).is_dir():
        raise Failed(f"{path} has no folder {least}: these benchmarks want images in train/CLASS and test/CLASS")
    return to


def many(source, target, files):
    """Fill a folder with so many files, in folders of 1,000, as links to copies of the images of another one.

    A file system allows some 65,000 links to a file, so every image is copied again after 10,000.
    """
    images = sorted(p for p in Path(source).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))[:100]
    if not images:
        raise Failed(f"{source} has no JPEG files")
    copies = [image.read_bytes() for image in images]
    for n in range(files):
        place = target / f"{n // 1000:04d}" / f"{n % 1000:03d}.jpg"
        if n % 1000 == 0:
            place.parent.mkdir(parents=True)
        original = target / f"{n // 1_000_000 * 1000:04d}" / f"{n % 100:03d}.jpg"
        if n % 1_000_000 < 100:
            place.write_bytes(copies[n % len(copies)])
        else:
            os.link(original, place)
