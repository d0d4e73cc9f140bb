# SPDX-License-Identifier: Apache-2.0
"""Writes testdata/heif: HEIC and AVIF files, and the pixels that Pillow makes of each, as PNG.

It needs Pillow 12 or newer (AVIF) and pillow-heif (HEIC). The pictures are smooth, so that the sampling of colours
matters little, and have a darker corner, so that a turn shows.
"""

import io
import pathlib

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
ROOT = pathlib.Path(__file__).parent / "heif"


def picture(w=160, h=64, alpha=False):
    y, x = np.mgrid[0:h, 0:w] // 4 * 4.0
    pixels = np.stack([255 * x / w, 255 * y / h, 128 + 0 * x], -1)
    pixels[: h // 4, : w // 4] = 40
    if alpha:
        pixels = np.concatenate([pixels, (64 + 191 * x / w)[..., None]], -1)
    return Image.fromarray(pixels.round().astype(np.uint8))


def write(name, image, expect=True, **options):
    file = io.BytesIO()
    image.save(file, name.rsplit(".", 1)[1].upper().replace("HEIC", "HEIF"), quality=90, **options)
    (ROOT / name).write_bytes(file.getvalue())
    if expect:
        got = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue()))).convert("RGB")
        got.save(ROOT / (name + ".png"), optimize=True)


def turned(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif


ROOT.mkdir(exist_ok=True)
for chroma in ("4:2:0", "4:2:2", "4:4:4"):
    name = "chroma" + chroma.replace(":", "")
    write(name + ".heic", picture(), chroma=int(chroma.replace(":", "")))
    write(name + ".avif", picture(), subsampling=chroma)
write("odd.heic", picture(141, 37))
write("odd.avif", picture(33, 21))
write("narrow.heic", picture(33, 21), expect=False)
write("grey.heic", picture().convert("L"))
write("grey.avif", picture().convert("L"))
write("alpha.heic", picture(alpha=True))
write("alpha.avif", picture(alpha=True))
write("limited.avif", picture(), range="limited")
write("exif6.heic", picture(), exif=turned(6))  # Pillow does not turn it: the property irot would
for orientation in range(2, 9):  # Pillow writes the properties irot and imir
    write(f"turned{orientation}.avif", picture(), expect=False, exif=turned(orientation))
deep = pillow_heif.from_bytes("RGB;16", (160, 64), (np.asarray(picture()).astype(np.uint16) * 257).tobytes())
deep.save(ROOT / "deep.heic", quality=90)  # 10 bits
Image.open(ROOT / "deep.heic").convert("RGB").save(ROOT / "deep.heic.png", optimize=True)
base = (ROOT / "chroma420.heic").read_bytes()
at = base.index(b"pixi")  # the property of the bits, which nobody needs, becomes one that turns the picture
for kind, value, orientation in ((b"irot", 1, 8), (b"irot", 2, 3), (b"irot", 3, 6), (b"imir", 0, 4), (b"imir", 1, 2)):
    (ROOT / f"turned{orientation}.heic").write_bytes(base[:at] + kind + bytes([value]) + base[at + 5 :])
