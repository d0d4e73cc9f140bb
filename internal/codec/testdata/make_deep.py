# SPDX-License-Identifier: Apache-2.0
"""Writes deep.zip: TIFF and PNG files of many depths and channels, and their samples as tifffile 2026.3.3 and
imagecodecs 2026.3.6 read them. NAME.f32 has them as little-endian float32, interleaved; unsigned ones are divided by
the largest value of their type."""

import io
import json
import zipfile

import imagecodecs
import numpy as np
import tifffile

r = np.random.default_rng(44)
W, H = 7, 5
index, files = {}, {}


def samples(kind, c, h=H, w=W):
    if kind.startswith("float"):
        return r.normal(280, 30, (h, w, c)).astype(kind)
    i = np.iinfo(kind)
    smooth = np.linspace(0, 1, h * w * c).reshape(h, w, c)
    return (i.min + (0.7 * smooth + 0.3 * r.random((h, w, c))) * (float(i.max) - i.min)).astype(kind)


def add(name, data, a, kind=None, pages=False):
    """a is H x W x C, as an independent reader gives it."""
    kind = kind or str(a.dtype)
    v = a.astype(np.float64)
    if kind.startswith("uint"):
        v = v / (2.0 ** int(kind[4:]) - 1)
    files[name] = data
    files[name + ".f32"] = v.astype("<f4").tobytes()
    index[name] = {"w": a.shape[1], "h": a.shape[0], "c": a.shape[2], "samples": kind, "pages": pages}


def tiff(name, kind, c, pages=False, **options):
    a = samples(kind, c, *options.pop("shape", ()))
    planar = options.get("planarconfig") == "separate"
    stored = np.moveaxis(a, 2, 0) if planar or pages else a[..., 0] if c == 1 else a
    b = io.BytesIO()
    tifffile.imwrite(b, stored, **{"photometric": "minisblack", "metadata": None, **options})
    back = tifffile.imread(io.BytesIO(b.getvalue()), key=None if pages else 0)
    if back.ndim == 2:
        back = back[..., None]
    elif planar or pages:
        back = np.moveaxis(back, 0, 2)
    assert np.array_equal(back, a), name
    add(name, b.getvalue(), back, pages=pages)


for kind in ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"]:
    for c in [1, 3, 5]:
        extra = {"planarconfig": "contig"} if c > 1 else {}
        tiff(f"{kind}-{c}.tif", kind, c, **extra)
    tiff(f"{kind}-big-endian.tif", kind, 2, planarconfig="contig", byteorder=">")
    tiff(f"{kind}-planar.tif", kind, 4, planarconfig="separate")
for name in ["deflate", "lzw", "packbits", "zstd", "lzma"]:
    tiff(f"{name}.tif", "uint16", 5, planarconfig="contig", compression=name)
    tiff(f"{name}-planar.tif", "uint16", 5, planarconfig="separate", compression=name, rowsperstrip=4)
for kind in ["uint8", "uint16", "uint32"]:
    for order in "<>":
        tiff(f"predictor-{kind}-{'big' if order == '>' else 'little'}.tif", kind, 3, planarconfig="contig",
             compression="deflate", predictor=2, byteorder=order)
for kind in ["float16", "float32", "float64"]:
    for order in "<>":
        tiff(f"predictor-{kind}-{'big' if order == '>' else 'little'}.tif", kind, 3, planarconfig="contig",
             compression="lzw", predictor=3, byteorder=order)
tiff("tiles.tif", "uint16", 5, planarconfig="contig", tile=(16, 16), shape=(19, 21), compression="deflate")
tiff("tiles-planar.tif", "float32", 4, planarconfig="separate", tile=(16, 16), shape=(19, 21))
tiff("bigtiff.tif", "uint16", 7, planarconfig="contig", bigtiff=True)
tiff("rgba.tif", "uint16", 4, planarconfig="contig", photometric="rgb", extrasamples=["unassalpha"])
tiff("associated.tif", "uint16", 4, planarconfig="contig", photometric="rgb", extrasamples=["assocalpha"])
tiff("white-is-zero.tif", "uint16", 1, photometric="miniswhite")
tiff("cmyk.tif", "uint16", 4, planarconfig="contig", photometric="separated")
tiff("pages.tif", "uint16", 6, pages=True)
tiff("pages-float.tif", "float32", 3, pages=True, compression="deflate")
tiff("many.tif", "uint16", 20, planarconfig="contig")

a = (samples("uint16", 1) >> 4)[..., 0]  # 12 bits, packed: two samples in three bytes, a row in whole bytes
b = io.BytesIO()
tifffile.imwrite(b, a, photometric="minisblack", metadata=None, bitspersample=12)
assert np.array_equal(tifffile.imread(io.BytesIO(b.getvalue())), a)
add("packed12.tif", b.getvalue(), a[..., None], "uint12")


def png(name, a):
    data = imagecodecs.png_encode(a)
    back = imagecodecs.png_decode(data)
    add(name, data, back if back.ndim == 3 else back[..., None])


for kind in ["uint8", "uint16"]:
    for c in [1, 2, 3, 4]:
        a = samples(kind, c)
        png(f"{kind}-{c}.png", a[..., 0] if c == 1 else a)
with zipfile.ZipFile("deep.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for name, data in {**files, "index.json": json.dumps(index)}.items():
        z.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
