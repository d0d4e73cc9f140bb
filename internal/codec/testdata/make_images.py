# SPDX-License-Identifier: Apache-2.0
"""Writes images/ and images.json: small files in the formats that are read, and the SHA-256 of the pixels that Pillow
makes of each (ImageOps.exif_transpose, then convert("RGB")). Needs pillow==13.0.0 and numpy. Run in this folder."""
import hashlib, json, pathlib, struct
import numpy as np
from PIL import Image, ImageOps, __version__

out = pathlib.Path("images")
out.mkdir(exist_ok=True)
rng = np.random.default_rng(7)
y, x = np.mgrid[0:37, 0:45]
smooth = np.stack([128 + 100 * np.sin(x / 6 + c) * np.cos(y / (4 + c)) for c in range(3)], -1)
rgb = np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255).astype(np.uint8)
rgb[5:15, 5:15] = (255, 0, 0)
rgb[20:30, 25:40] = (0, 0, 255)
im = Image.fromarray(rgb)
alpha = Image.fromarray(((x * 5) % 256).astype(np.uint8))
rgba = im.copy(); rgba.putalpha(alpha)

def exif(o):
    e = Image.Exif(); e[0x0112] = o; return e.tobytes()

for name, sub in ("444", 0), ("422", 1), ("420", 2):
    im.save(out / f"jpeg_{name}.jpg", quality=90, subsampling=sub)
im.save(out / "jpeg_progressive.jpg", quality=85, progressive=True)
im.save(out / "jpeg_rgb.jpg", quality=90, keep_rgb=True)
im.save(out / "jpeg_restart.jpg", quality=80, restart_marker_blocks=2)
im.convert("L").save(out / "jpeg_grey.jpg", quality=90)
im.convert("CMYK").save(out / "jpeg_cmyk.jpg", quality=90)
for o in range(1, 9):
    im.save(out / f"jpeg_exif{o}.jpg", quality=90, exif=exif(o))
im.save(out / "png_exif6.png", exif=exif(6))
im.save(out / "webp_exif8.webp", lossless=True, exif=exif(8))
im.save(out / "tiff_exif3.tif", exif=exif(3))
im.save(out / "png_rgb.png")
rgba.save(out / "png_rgba.png")
im.convert("L").save(out / "png_grey.png")
im.convert("LA").save(out / "png_la.png")
im.convert("1").save(out / "png_1bit.png")
im.quantize(50).save(out / "png_palette.png")
im.quantize(50).save(out / "png_palette_alpha.png", transparency=3)
g16 = ((x * 1456 + y * 331) % 65536).astype(np.uint16)
Image.fromarray(g16).save(out / "png_grey16.png")
im.quantize(64).save(out / "gif.gif")
im.quantize(64).save(out / "gif_transparent.gif", transparency=5)
im.quantize(64).save(out / "gif_animated.gif", save_all=True, append_images=[im.rotate(90).quantize(64)], duration=50)
im.convert("L").save(out / "gif_grey.gif")
im.save(out / "bmp.bmp")
im.quantize(200).save(out / "bmp_palette.bmp")
rgba.save(out / "bmp_rgba.bmp")
im.save(out / "tiff.tif")
im.save(out / "tiff_lzw.tif", compression="tiff_lzw")
im.save(out / "tiff_deflate.tif", compression="tiff_adobe_deflate")
im.convert("L").save(out / "tiff_grey.tif")
im.quantize(100).save(out / "tiff_palette.tif")
im.convert("CMYK").save(out / "tiff_cmyk.tif")
rgba.save(out / "tiff_rgba.tif")
Image.fromarray(g16).save(out / "tiff_grey16.tif")
im.save(out / "webp_lossy.webp", quality=80)
im.save(out / "webp_lossless.webp", lossless=True)
rgba.save(out / "webp_alpha.webp", quality=80, exact=True)
rgba.save(out / "webp_lossless_alpha.webp", lossless=True, exact=True)
for n, options in enumerate((dict(quality=5, method=0), dict(quality=50, method=6), dict(quality=100), dict(quality=30,
        alpha_quality=10), dict(lossless=True, quality=100, method=6), dict(lossless=True, quality=0, method=0))):
    w, h = (int(v) for v in rng.integers(1, 38, 2))
    for mode, source in (("rgb", im), ("rgba", rgba), ("palette", im.quantize(2 + 5 * n).convert("RGB"))):
        source.crop((0, 0, w, h)).save(out / f"webp_{mode}{n}.webp", **options)

# Containers that Pillow does not write.
def chunk(name, data): return name + struct.pack("<I", len(data)) + data + bytes(len(data) & 1)
def u24(v): return struct.pack("<I", v)[:3]
def webp(flags, w, h, *chunks):
    body = b"WEBP" + chunk(b"VP8X", bytes([flags, 0, 0, 0]) + u24(w - 1) + u24(h - 1)) + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body
def bits(name): # the chunks of a still picture
    data = (out / name).read_bytes()
    return data[30:] if data[12:16] == b"VP8X" else data[12:]
def size(name): return Image.open(out / name).size
def frame(name, x, y):
    w, h = size(name)
    return chunk(b"ANMF", u24(x // 2) + u24(y // 2) + u24(w - 1) + u24(h - 1) + u24(40) + b"\0" + bits(name))
im.save(out / "webp_animated.webp", save_all=True, append_images=[im.rotate(90)], lossless=True)
(out / "webp_odd_chunks.webp").write_bytes(webp(0x28, *size("webp_lossy.webp"), chunk(b"ICCP", b"abc"), chunk(b"ODD ",
    b"abcde"), bits("webp_lossy.webp"), chunk(b"more", b"a"), chunk(b"EXIF", exif(6)[6:])) + b"trailing")
for n, (name, x, y) in enumerate((("webp_rgb1.webp", 4, 2), ("webp_rgba1.webp", 0, 8), ("webp_rgba4.webp", 2, 0))):
    w, h = np.maximum(np.add(size(name), (x + n, y + 3)), size("webp_rgb0.webp"))
    (out / f"webp_frame{n}.webp").write_bytes(webp(0x12, int(w), int(h), chunk(b"ANIM", b"\x80\x60\x40\xff\0\0"),
        frame(name, x, y), chunk(b"odd ", b"abc"), frame("webp_rgb0.webp", 0, 0)))

# Pillow clips 16-bit grey at 255, which leaves a white image; the high byte is taken instead, as Pillow itself does for
# 16-bit RGB. It has a test of its own.
own = {"png_grey16.png", "tiff_grey16.tif"}
cases = []
for path in sorted(out.iterdir()):
    if path.name in own:
        continue
    with Image.open(path) as opened:
        pixels = ImageOps.exif_transpose(opened).convert("RGB")
    cases.append({"file": path.name, "width": pixels.width, "height": pixels.height,
                  "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()})
pathlib.Path("images.json").write_text(json.dumps({"pillow": __version__, "cases": cases}, indent=1) + "\n")
