# SPDX-License-Identifier: Apache-2.0
"""What make_bmp.py, make_pnm.py and make_tiff.py share: they draw files at random over the options of their format, and
note what Pillow makes of each.

    python make_bmp.py [FOLDER SEED COUNT]

Without arguments a script writes its archive, bmp.zip, which the tests read. With them it writes COUNT files and an
index.json to FOLDER, for `go run ./internal/codec/matrix FOLDER`. Needs pillow==13.0.0 and numpy; make_tiff.py also
needs tifffile and imagecodecs."""
import hashlib
import io
import json
import pathlib
import sys
import warnings
import zipfile

import numpy as np
from PIL import Image, ImageOps, __version__

warnings.simplefilter("ignore")


def truth(data):
    """Pillow's pixels of a file, as a case of index.json, or why Pillow has none. Unsigned grey of more than 8 bits,
    which convert clips at 255, keeps its high bits."""
    try:
        with Image.open(io.BytesIO(data)) as opened:
            mode = opened.mode
            im = ImageOps.exif_transpose(opened)
            if mode.startswith("I;16") or opened.format == "PPM" and mode == "I":
                shift = 4 if opened.format == "TIFF" and opened.tag_v2.get(258) == (12,) else 8
                im = Image.fromarray((np.asarray(im).astype(int) >> shift).astype(np.uint8))
            im = im.convert("RGB")
    except Exception as e:
        return {"refused": f"{type(e).__name__}: {e}"[:120]}
    return {"mode": mode, "width": im.width, "height": im.height, "sha256": hashlib.sha256(im.tobytes()).hexdigest()}


def picture(rng, w, h, channels=3):
    """Smooth colours and edges, so that every decoder's runs and differences have work."""
    y, x = np.mgrid[0:h, 0:w]
    planes = [128 + 110 * np.sin(x / rng.uniform(3, 9) + c) * np.cos(y / rng.uniform(3, 9) + c) for c in range(channels)]
    a = np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)
    for _ in range(3):
        a[rng.integers(0, h):, rng.integers(0, w):] += rng.integers(0, 256, channels).astype(np.uint8)
    return a


def main(draw, name, fixed, seed, count):
    """draw(rng) returns one random file as (suffix, options, bytes); fixed is a list of such files that every archive
    has; seed and count are those of the archive, which has a fifth of the drawn files that Pillow refuses."""
    folder = None
    if len(sys.argv) > 1:
        folder, seed, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
        folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    cases, files = [], []
    while len(cases) < len(fixed) + count:
        suffix, options, data = fixed[len(cases)] if len(cases) < len(fixed) else draw(rng)
        case = truth(data)
        if not folder and "refused" in case and len(cases) >= len(fixed) and rng.integers(0, 5):
            continue
        file = f"{name}_{len(cases):03}.{suffix}"
        files.append((file, data))
        cases.append({"file": file, "options": options} | case)
    index = json.dumps({"pillow": __version__, "seed": seed, "cases": cases}, indent=1) + "\n"
    if folder:
        for file, data in files:
            (folder / file).write_bytes(data)
        (folder / "index.json").write_text(index)
    else:
        with zipfile.ZipFile(f"{name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
            for file, data in [("index.json", index.encode())] + files:
                z.writestr(zipfile.ZipInfo(file, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    print(f"{name}: {len(cases)} files, of which Pillow {__version__} reads {sum('sha256' in c for c in cases)}")
