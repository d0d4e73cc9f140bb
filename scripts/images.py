#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write a matrix of image files over the options of their formats, and what Pillow makes of each.

    python3 scripts/images.py FOLDER [SEED [COPIES [LARGEST]]]

needs pillow==13.0.0, numpy, tifffile and imagecodecs, and uses cjpeg (libjpeg-turbo-progs) and cwebp (webp) where they
are installed. FOLDER gets the files and index.json: for each file the size and the SHA-256 of the pixels of
ImageOps.exif_transpose(Image.open(file)).convert("RGB"), or why Pillow cannot read it. Another seed draws other
pictures and other sizes; COPIES draws every file so many times; LARGEST bounds the random sides, 49 pixels if it is not
given. internal/codec/compare/testdata/matrix.zip was written with 1 1 15. `go run ./internal/codec/matrix FOLDER`
compares.
"""

import hashlib
import io
import itertools
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
from PIL import Image, ImageOps, __version__

warnings.simplefilter("ignore")
Image.MAX_IMAGE_PIXELS = None
OUT = pathlib.Path(sys.argv[1])
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 1
COPIES = int(sys.argv[3]) if len(sys.argv) > 3 else 1
LARGEST = int(sys.argv[4]) if len(sys.argv) > 4 else 49
OUT.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(SEED)
copy = 0


def size():
    """A random size, odd and even, wide and high."""
    return int(rng.integers(1, LARGEST + 1)), int(rng.integers(1, LARGEST + 1))


def picture(w=None, h=None):
    """Smooth colours, edges and noise: RGB, uint8."""
    if w is None:
        w, h = size()
    y, x = np.mgrid[0:h, 0:w]
    phase = rng.uniform(0, 6, 3)
    a = np.stack([128 + 100 * np.sin(x / rng.uniform(3, 9) + p) * np.cos(y / rng.uniform(3, 9) + p) for p in phase], -1)
    a += rng.normal(0, 10, a.shape)
    a = np.clip(a, 0, 255).astype(np.uint8)
    for _ in range(3):
        t, l = int(rng.integers(0, h)), int(rng.integers(0, w))
        a[t:t + h // 3 + 1, l:l + w // 3 + 1] = rng.integers(0, 256, 3)
    return a


def image(mode="RGB"):
    a = picture()
    im = Image.fromarray(a)
    if mode in ("LA", "RGBA"):
        im = im.convert(mode[:-1])
        im.putalpha(Image.fromarray(rng.integers(0, 256, a.shape[:2], dtype=np.uint8)))
        return im
    if mode == "P":
        return im.quantize(int(rng.integers(2, 257)))
    return im.convert(mode)


def exif(value, kind=3, big=False):
    """A TIFF structure with the orientation alone; kind is the field's type, 3 for SHORT."""
    e = ">" if big else "<"
    packed = {1: e + "B3x", 3: e + "H2x", 4: e + "I"}[kind]
    return ((b"MM\0*" if big else b"II*\0") + struct.pack(e + "IH", 8, 1)
            + struct.pack(e + "HHI", 0x112, kind, 1) + struct.pack(packed, value) + b"\0\0\0\0")


def xmp(value, element=False):
    inside = f'<tiff:Orientation>{value}</tiff:Orientation>' if element else ""
    attribute = "" if element else f' tiff:Orientation="{value}"'
    return (f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{attribute}>{inside}</rdf:Description>'
            f'</rdf:RDF></x:xmpmeta>').encode()


index = []


def put(name, data):
    """Keep a file, and what Pillow says of it."""
    if copy:
        stem, _, end = name.rpartition(".")
        name = f"{stem}_{copy}.{end}"
    if isinstance(data, Image.Image):
        raise TypeError(name)
    (OUT / name).write_bytes(data)
    case = {"file": name}
    try:
        with Image.open(io.BytesIO(data)) as im:
            case["mode"] = im.mode
            pixels = ImageOps.exif_transpose(im).convert("RGB")
        case |= {"width": pixels.width, "height": pixels.height, "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}
    except Exception as e:  # Pillow's plugins raise many kinds
        case["refused"] = f"{type(e).__name__}: {e}"[:120]
    index.append(case)


def saved(im, fmt, **options):
    b = io.BytesIO()
    im.save(b, fmt, **options)
    return b.getvalue()


def attempt(name, make):
    """Put what make returns; leave the file out where an encoder does not know the options."""
    try:
        data = make()
    except Exception as e:
        print(f"images: {name}: {type(e).__name__}: {e}"[:150], file=sys.stderr)
        return
    put(name, data)


# ---- PNG ------------------------------------------------------------------------------------------------------------

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_rows(samples, depth, filters):
    """Pack and filter rows of samples, h x (w channels)."""
    h, n = samples.shape
    if depth == 16:
        rows = samples.astype(">u2").tobytes()
        stride = 2 * n
    elif depth == 8:
        rows = samples.astype(np.uint8).tobytes()
        stride = n
    else:
        bits = ((samples[..., None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8).reshape(h, -1)
        rows = np.packbits(bits, axis=1).tobytes()
        stride = (n * depth + 7) // 8
    return [rows[i * stride:(i + 1) * stride] for i in range(h)], filters


def png_filter(rows, bpp, kinds):
    out = bytearray()
    before = bytes(len(rows[0])) if rows else b""
    for i, row in enumerate(rows):
        kind = kinds[i % len(kinds)]
        out.append(kind)
        for j, v in enumerate(row):
            a = row[j - bpp] if j >= bpp else 0
            b = before[j]
            c = before[j - bpp] if j >= bpp else 0
            if kind == 0:
                p = 0
            elif kind == 1:
                p = a
            elif kind == 2:
                p = b
            elif kind == 3:
                p = (a + b) // 2
            else:
                e = a + b - c
                p = min((abs(e - a), 0, a), (abs(e - b), 1, b), (abs(e - c), 2, c))[2]
            out.append((v - p) & 255)
        before = row
    return bytes(out)


def png(kind, depth, interlace=0, filters=(0, 1, 2, 3, 4), before=b"", palette=None, split=1, extra=b"", w=None, h=None,
        after=b"", tail=None, level=6):
    if w is None:
        w, h = size()
    n = CHANNELS[kind]
    top = 1 << depth
    if kind == 3:
        palette = palette if palette is not None else rng.integers(0, 256, (top if depth < 8 else 200, 3), dtype=np.uint8)
        top = min(top, len(palette))
    samples = rng.integers(0, top, (h, w * n))
    if depth >= 8 and kind != 3:  # not only noise
        samples[: h // 2] = (np.arange(w * n) * 3) % top
    bpp = max(1, n * depth // 8)
    pixels = samples.reshape(h, w, n)
    passes = [(0, 0, 1, 1)]
    if interlace:
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    data = b""
    for x0, y0, dx, dy in passes:
        part = pixels[y0::dy, x0::dx]
        if part.size:
            rows, _ = png_rows(part.reshape(part.shape[0], -1), depth, filters)
            data += png_filter(rows, bpp, filters)
    packed = zlib.compress(data + extra, level)
    cuts = np.linspace(0, len(packed), split + 1).astype(int)
    body = b"".join(chunk(b"IDAT", packed[a:b]) for a, b in itertools.pairwise(cuts))
    plte = chunk(b"PLTE", palette.tobytes()) if palette is not None else b""
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, interlace)) + plte
            + before + body + after + (chunk(b"IEND", b"") if tail is None else tail))


def make_png():
    for kind, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlace in (0, 1):
                put(f"png_type{kind}_{depth}bit{'_adam7' if interlace else ''}.png", png(kind, depth, interlace))
    for f in range(5):
        put(f"png_filter{f}.png", png(2, 8, filters=(f,)))
        put(f"png_filter{f}_16bit.png", png(6, 16, filters=(f,)))
        put(f"png_filter{f}_1bit.png", png(3, 1, filters=(f,)))
    put("png_trns_grey.png", png(0, 8, before=chunk(b"tRNS", struct.pack(">H", 7))))
    put("png_trns_rgb.png", png(2, 8, before=chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))))
    put("png_trns_rgb16.png", png(2, 16, before=chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))))
    put("png_trns_palette.png", png(3, 8, before=chunk(b"tRNS", bytes(range(200)))))
    put("png_trns_palette_long.png", png(3, 4, palette=rng.integers(0, 256, (5, 3), dtype=np.uint8),
                                         before=chunk(b"tRNS", bytes(range(16)))))
    put("png_trns_grey1.png", png(0, 1, before=chunk(b"tRNS", struct.pack(">H", 1))))
    put("png_palette_short.png", png(3, 8, palette=rng.integers(0, 256, (3, 3), dtype=np.uint8)))
    put("png_palette_256_4bit.png", png(3, 4, palette=rng.integers(0, 256, (16, 3), dtype=np.uint8)))
    for bits in 1, 2, 4, 8:  # indices beyond the palette, and a palette beyond the indices
        for name, entries in ("short", max(1, (1 << bits) // 3)), ("long", 256):
            colours = rng.integers(0, 256, (entries, 3), dtype=np.uint8)
            whole = png(3, bits, palette=rng.integers(0, 256, (1 << bits, 3), dtype=np.uint8))
            a, b = whole.index(b"PLTE") - 4, whole.index(b"IDAT") - 4
            put(f"png_palette_{name}_{bits}bit.png", whole[:a] + chunk(b"PLTE", colours.tobytes()) + whole[b:])
    put("png_idat_split.png", png(6, 8, split=7))
    put("png_idat_empty.png", png(2, 8, before=chunk(b"IDAT", b""), split=3))
    put("png_idat_empty_last.png", png(2, 8, after=chunk(b"IDAT", b"")))
    put("png_extra_rows.png", png(2, 8, extra=b"\0" * 40))
    put("png_extra_rows_adam7.png", png(2, 8, interlace=1, extra=b"\0" * 40))
    put("png_stored.png", png(2, 8, level=0))
    put("png_best.png", png(0, 8, level=9))
    put("png_gama_srgb.png", png(2, 8, before=chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"sRGB", b"\0")))
    put("png_iccp.png", png(2, 8, before=chunk(b"iCCP", b"p\0\0" + zlib.compress(b"not a profile" * 20))))
    put("png_text.png", png(2, 8, before=chunk(b"tEXt", b"Title\0a picture") + chunk(b"zTXt", b"C\0\0" + zlib.compress(b"x"))))
    put("png_unknown_chunk.png", png(2, 8, before=chunk(b"abCd", b"whatever")))
    put("png_odd_chunk_order.png", png(3, 8, before=chunk(b"pHYs", struct.pack(">IIB", 1, 1, 0)) + chunk(b"bKGD", b"\1")))
    put("png_after_idat.png", png(2, 8, after=chunk(b"tEXt", b"Late\0text") + chunk(b"tIME", bytes(7))))
    put("png_no_iend.png", png(2, 8, tail=b""))
    put("png_trailing.png", png(2, 8, tail=chunk(b"IEND", b"") + b"garbage" * 9))
    put("png_wide.png", png(2, 8, w=700, h=1))
    put("png_high.png", png(3, 2, w=1, h=700))
    put("png_1x1_adam7.png", png(6, 16, interlace=1, w=1, h=1))
    for w, h in (1, 2), (2, 1), (3, 3), (4, 5), (5, 4), (8, 8), (9, 7):
        put(f"png_adam7_{w}x{h}.png", png(2, 8, interlace=1, w=w, h=h))
    whole = png(2, 8, before=chunk(b"tEXt", b"Title\0broken"))
    at = whole.index(b"tEXt")
    put("png_bad_crc_text.png", whole[:at + 18] + bytes([whole[at + 18] ^ 1]) + whole[at + 19:])
    whole = png(2, 8)
    at = whole.index(b"IDAT")
    put("png_bad_crc_idat.png", whole[:-16] + bytes([whole[-16] ^ 1]) + whole[-15:])
    put("png_cut.png", whole[:at + 20])
    for o in range(1, 9):
        put(f"png_exif{o}.png", png(2, 8, before=chunk(b"eXIf", exif(o, big=bool(o % 2)))))
    put("png_exif_late.png", png(2, 8, after=chunk(b"eXIf", exif(6))))
    put("png_exif_odd_value.png", png(2, 8, before=chunk(b"eXIf", exif(9))))
    put("png_exif_long.png", png(2, 8, before=chunk(b"eXIf", exif(6, 4))))
    put("png_xmp.png", png(2, 8, before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(6))))
    put("png_xmp_element.png", png(2, 8, before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(8, True))))
    raw = b"\nexif\n%8d\n" % len(b"Exif\0\0" + exif(6)) + (b"Exif\0\0" + exif(6)).hex().encode() + b"\n"
    put("png_raw_profile.png", png(2, 8, before=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw))))
    put("png_raw_profile_text.png", png(2, 8, before=chunk(b"tEXt", b"Raw profile type exif\0" + raw)))
    frames = [Image.fromarray(picture(20, 14)) for _ in range(3)]
    put("apng.png", saved(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    put("apng_default.png", saved(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True))
    put("apng_rgba.png", saved(image("RGBA").resize((20, 14)), "PNG", save_all=True, append_images=frames[1:]))
    for mode in "1", "L", "LA", "P", "RGB", "RGBA", "I;16":
        im = image("L").convert("I").convert("I;16") if mode == "I;16" else image(mode)
        for optimize in False, True:
            put(f"png_pillow_{mode.replace(';', '')}{'_optimized' if optimize else ''}.png",
                saved(im, "PNG", optimize=optimize))
    for bits in 1, 2, 4:
        attempt(f"png_pillow_P_{bits}bits.png", lambda: saved(image("RGB").quantize(1 << bits), "PNG", bits=bits))


# ---- GIF ------------------------------------------------------------------------------------------------------------


def sub_blocks(data):
    return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"


def gif_lzw(indices, bits, clears=0):
    """Codes of the format: variable width, least significant bit first. clears: a clear code after so many codes."""
    clear, end = 1 << bits, (1 << bits) + 1
    width, table, out, acc, have, since = bits + 1, {}, bytearray(), 0, 0, 0

    def emit(code):
        nonlocal acc, have
        acc |= code << have
        have += width
        while have >= 8:
            out.append(acc & 255)
            acc >>= 8
            have -= 8

    emit(clear)
    word = ()
    for i in indices:
        if word + (i,) in table or not word:
            word += (i,)
            continue
        emit(table[word] if len(word) > 1 else word[0])
        since += 1
        code = end + 1 + len(table)
        if code < 4096:
            table[word + (i,)] = code
            if code == 1 << width and width < 12:
                width += 1
        if code >= 4095 or clears and since >= clears:
            emit(clear)
            table, width, since = {}, bits + 1, 0
        word = (i,)
    if word:
        emit(table[word] if len(word) > 1 else word[0])
    if end + 1 + len(table) == 1 << width and width < 12:
        width += 1
    emit(end)
    if have:
        out.append(acc & 255)
    return bytes([bits]) + sub_blocks(bytes(out))


def gif(colours=16, local=False, both=False, transparent=None, disposal=0, at=(0, 0), screen=None, interlace=False,
        version=b"89a", w=None, h=None, grey=False, extensions=b"", background=0, tail=b";", clears=0, short=None,
        no_palette=False, code_bits=None):
    if w is None:
        w, h = size()
    bits = code_bits or max(2, (colours - 1).bit_length())
    n = 1 << max(1, (colours - 1).bit_length())
    palette = rng.integers(0, 256, (n, 3), dtype=np.uint8)
    if grey:
        palette = np.repeat(np.arange(n, dtype=np.uint8)[:, None], 3, 1)
    other = rng.integers(0, 256, (n, 3), dtype=np.uint8)
    flag = 0x80 | (n.bit_length() - 2)
    pixels = rng.integers(0, colours, (h, w))
    pixels[: h // 2] = rng.integers(0, colours, (1, w))
    if interlace:
        pixels = np.concatenate([pixels[a::s] for a, s in ((0, 8), (4, 8), (2, 4), (1, 2))])
    sw, sh = screen or (w + at[0], h + at[1])
    out = b"GIF" + version + struct.pack("<HHBBB", sw, sh, 0 if local or no_palette else flag, background, 0)
    if not local and not no_palette:
        out += palette.tobytes()
    out += extensions
    if transparent is not None or disposal:
        out += b"\x21\xf9\x04" + struct.pack("<BHB", disposal << 2 | (transparent is not None), 0, transparent or 0) + b"\0"
    has_local = (local or both) and not no_palette
    out += b"," + struct.pack("<HHHHB", *at, w, h, (flag if has_local else 0) | (0x40 if interlace else 0))
    if has_local:
        out += other.tobytes()
    flat = [int(v) for v in pixels.reshape(-1)]
    return out + gif_lzw(flat[:short] if short else flat, bits, clears) + tail


def gif_beyond_palette():
    """Indices up to 15 and a palette of four colours."""
    whole = gif(16, w=9, h=9)
    return whole[:10] + bytes([whole[10] & 0xf8 | 1]) + whole[11:25] + whole[61:]


def make_gif():
    put("gif_beyond_palette.gif", gif_beyond_palette())
    for colours in (2, 3, 4, 7, 16, 64, 255, 256):
        put(f"gif_{colours}.gif", gif(colours))
        put(f"gif_{colours}_interlaced.gif", gif(colours, interlace=True))
    put("gif_87a.gif", gif(version=b"87a"))
    put("gif_local.gif", gif(local=True))
    put("gif_local_and_global.gif", gif(both=True))
    put("gif_no_palette.gif", gif(no_palette=True))
    put("gif_grey256.gif", gif(256, grey=True))
    put("gif_grey4.gif", gif(4, grey=True))
    for t in 0, 3, 15:
        put(f"gif_transparent{t}.gif", gif(16, transparent=t))
        put(f"gif_transparent{t}_offset.gif", gif(16, transparent=t, at=(3, 2)))
    for d in 1, 2, 3:
        put(f"gif_disposal{d}.gif", gif(16, disposal=d, transparent=1))
    put("gif_offset.gif", gif(at=(5, 4)))
    put("gif_offset_local.gif", gif(at=(5, 4), local=True))
    put("gif_offset_both.gif", gif(at=(5, 4), both=True))
    put("gif_small_frame.gif", gif(w=10, h=8, screen=(30, 20)))
    put("gif_small_frame_background.gif", gif(w=10, h=8, screen=(30, 20), background=3))
    put("gif_small_frame_transparent.gif", gif(w=10, h=8, screen=(30, 20), transparent=2))
    put("gif_grey_small_frame.gif", gif(256, grey=True, w=10, h=8, screen=(30, 20), background=9))
    put("gif_grey_small_frame_transparent.gif", gif(256, grey=True, w=10, h=8, screen=(30, 20), transparent=9))
    put("gif_frame_beyond_screen.gif", gif(w=30, h=20, screen=(20, 12)))
    put("gif_frame_beyond_screen_offset.gif", gif(w=30, h=20, at=(7, 5), screen=(20, 12)))
    put("gif_screen_0x0.gif", gif(w=12, h=9, screen=(0, 0)))
    put("gif_comment.gif", gif(extensions=b"\x21\xfe" + sub_blocks(b"a comment " * 60)))
    put("gif_netscape.gif", gif(extensions=b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"))
    put("gif_unknown_extension.gif", gif(extensions=b"\x21\x77" + sub_blocks(b"xyz")))
    put("gif_no_trailer.gif", gif(tail=b""))
    put("gif_garbage_after.gif", gif(tail=b";" + b"trailing" * 8))
    put("gif_garbage_between.gif", gif(extensions=b"\0\0"))
    put("gif_clear_often.gif", gif(64, clears=20))
    put("gif_full_table.gif", gif(256, w=100, h=100))
    put("gif_wide_codes.gif", gif(4, code_bits=8))
    put("gif_two_controls.gif", gif(16, transparent=3, at=(2, 2), extensions=b"\x21\xf9\x04\1\0\0\7\0"))
    put("gif_interlaced_offset_local_transparent.gif", gif(32, interlace=True, at=(4, 1), local=True, transparent=9))
    put("gif_wide_screen.gif", gif(16, w=7, h=5, screen=(300, 2), at=(1, 0)))
    put("gif_too_few_pixels.gif", gif(16, w=20, h=20, short=150))
    frames = [Image.fromarray(picture(20, 14)) for _ in range(3)]
    put("gif_animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    put("gif_pillow_1.gif", saved(image("1"), "GIF"))
    for mode in "L", "P", "RGB", "RGBA", "LA":
        put(f"gif_pillow_{mode}.gif", saved(image(mode), "GIF"))
    put("gif_cut.gif", gif(64, w=30, h=30)[:-200])


# ---- JPEG -----------------------------------------------------------------------------------------------------------


def after_soi(data, marker, payload):
    return data[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload + data[2:]


def cjpeg(*options, grey=False):
    a = picture()
    h, w = a.shape[:2]
    header = b"P6 %d %d 255\n" % (w, h)
    if grey:
        a, header = a[..., 0], b"P5 %d %d 255\n" % (w, h)
    r = subprocess.run(["cjpeg", *options], input=header + a.tobytes(), capture_output=True)
    if r.returncode:
        raise ValueError(r.stderr.decode())
    return r.stdout


def make_jpeg():
    for sub in 0, 1, 2:
        for progressive in False, True:
            for quality in 25, 75, 100:
                put(f"jpeg_sub{sub}_{'p' if progressive else 'b'}{quality}.jpg",
                    saved(image(), "JPEG", quality=quality, subsampling=sub, progressive=progressive))
    for mode in "L", "CMYK":
        for progressive in False, True:
            put(f"jpeg_{mode}_{'p' if progressive else 'b'}.jpg", saved(image(mode), "JPEG", progressive=progressive))
    put("jpeg_rgb.jpg", saved(image(), "JPEG", keep_rgb=True))
    put("jpeg_optimized.jpg", saved(image(), "JPEG", optimize=True))
    for n in 1, 2, 5:
        put(f"jpeg_restart{n}.jpg", saved(image(), "JPEG", restart_marker_blocks=n))
    put("jpeg_restart_rows.jpg", saved(image(), "JPEG", restart_marker_rows=1, subsampling=2, progressive=True))
    for o in range(1, 9):
        data = exif(o, big=bool(o % 2))
        put(f"jpeg_exif{o}.jpg", after_soi(saved(image(), "JPEG"), 0xe1, b"Exif\0\0" + data))
    base = saved(image(), "JPEG")
    put("jpeg_exif_long.jpg", after_soi(base, 0xe1, b"Exif\0\0" + exif(6, 4)))
    put("jpeg_exif_byte.jpg", after_soi(base, 0xe1, b"Exif\0\0" + exif(6, 1)))
    put("jpeg_exif_0.jpg", after_soi(base, 0xe1, b"Exif\0\0" + exif(0)))
    put("jpeg_exif_9.jpg", after_soi(base, 0xe1, b"Exif\0\0" + exif(9)))
    put("jpeg_exif_after_com.jpg", after_soi(after_soi(base, 0xe1, b"Exif\0\0" + exif(8)), 0xfe, b"a comment"))
    put("jpeg_exif_twice.jpg", after_soi(after_soi(base, 0xe1, b"Exif\0\0" + exif(8)), 0xe1, b"Exif\0\0" + exif(3)))
    put("jpeg_exif_odd_padding.jpg", after_soi(base, 0xe1, b"Exif\0\x01" + exif(6)))
    space = b"http://ns.adobe.com/xap/1.0/\0"
    put("jpeg_xmp.jpg", after_soi(base, 0xe1, space + xmp(6)))
    put("jpeg_xmp_element.jpg", after_soi(base, 0xe1, space + xmp(8, True)))
    put("jpeg_xmp_and_exif.jpg", after_soi(after_soi(base, 0xe1, space + xmp(6)), 0xe1, b"Exif\0\0" + exif(3)))
    put("jpeg_icc.jpg", saved(image(), "JPEG", icc_profile=b"not a profile" * 9))
    put("jpeg_trailing.jpg", base + b"garbage" * 20)
    put("jpeg_no_eoi.jpg", base[:-2])
    put("jpeg_cut.jpg", base[:-max(20, len(base) // 6)])
    at = base.index(b"\xff\xc0")
    put("jpeg_fill_bytes.jpg", base[:at] + b"\xff\xff\xff" + base[at:])
    put("jpeg_extra_bytes.jpg", base[:at] + b"\1\2\3" + base[at:])
    put("mpo.jpg", saved(image(), "MPO", save_all=True, append_images=[image()]))
    if shutil.which("cjpeg"):
        samples = ["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x4", "4x4", "3x1", "1x3", "3x3",
                   "2x1,1x1,1x2", "2x2,2x1,1x1", "2x2,1x2,1x1", "1x1,2x1,2x1", "2x1,1x1,2x1", "1x1,1x1,2x2", "3x2,1x1,1x1"]
        for s in samples:
            name = s.replace(",", "-")
            for kind, options in {"": [], "_progressive": ["-progressive"], "_arithmetic": ["-arithmetic"],
                                  "_arithmetic_progressive": ["-arithmetic", "-progressive"],
                                  "_restart": ["-restart", "1"]}.items():
                attempt(f"jpeg_s{name}{kind}.jpg", lambda: cjpeg("-sample", s, *options))
        attempt("jpeg_grey_arithmetic.jpg", lambda: cjpeg("-grayscale", "-arithmetic"))
        attempt("jpeg_rgb_arithmetic.jpg", lambda: cjpeg("-rgb", "-arithmetic"))
        attempt("jpeg_grey_file.jpg", lambda: cjpeg(grey=True))
        attempt("jpeg_grey_2x2.jpg", lambda: cjpeg("-sample", "2x2", grey=True))
        attempt("jpeg_smooth.jpg", lambda: cjpeg("-smooth", "50"))
        attempt("jpeg_quality1.jpg", lambda: cjpeg("-quality", "1"))
        attempt("jpeg_arithmetic_restart.jpg", lambda: cjpeg("-arithmetic", "-restart", "1"))
        attempt("jpeg_not_baseline.jpg", lambda: cjpeg("-quality", "3", "-sample", "1x1"))


# ---- BMP, PNM -------------------------------------------------------------------------------------------------------


def bmp_file(dib, palette, pixels, gap=b"", reserved=b"\0\0\0\0"):
    at = 14 + len(dib) + len(palette) + len(gap)
    return b"BM" + struct.pack("<I", at + len(pixels)) + reserved + struct.pack("<I", at) + dib + palette + gap + pixels


def bmp_info(w, h, bits, compression=0, length=40, used=0, extra=b""):
    dib = struct.pack("<IiiHHIIiiII", length, w, h, 1, bits, compression, 0, 2835, 2835, used, 0) + extra
    return dib + bytes(length - len(dib)) if length > len(dib) else dib


def bmp_rows(samples, bits, up=True):
    h, w = samples.shape[:2]
    if bits < 8:
        packed = ((samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).reshape(h, -1)
        rows = np.packbits(packed, axis=1)
    else:
        rows = samples.reshape(h, -1).view(np.uint8)
    pad = -rows.shape[1] % 4
    rows = np.pad(rows, ((0, 0), (0, pad)))
    return (rows[::-1] if up else rows).tobytes()


def bmp_rle(samples, bits, deltas=False):
    out = bytearray()
    for y, row in enumerate(samples[::-1]):
        x = 0
        row = [int(v) for v in row]
        while x < len(row):
            n = 1
            if bits == 8:
                while x + n < len(row) and row[x + n] == row[x] and n < 255:
                    n += 1
                if n == 1 and len(row) - x >= 3:
                    m = min(len(row) - x, 5)
                    out += bytes([0, m]) + bytes(row[x:x + m]) + b"\0" * (m & 1)
                    x += m
                    continue
                out += bytes([n, row[x]])
            else:
                while x + n < len(row) and row[x + n] == row[x + (n & 1)] and n < 255:
                    n += 1
                out += bytes([n, row[x] << 4 | (row[x + 1] if x + 1 < len(row) and n > 1 else 0)])
            x += n
        if deltas and y % 3 == 0 and y + 2 < len(samples):
            pass
        out += b"\0\0"
    return bytes(out) + b"\0\1"


def make_bmp():
    w, h = size()
    rgb = picture(w, h)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    for mode in "1", "L", "P", "RGB", "RGBA":
        put(f"bmp_pillow_{mode}.bmp", saved(image(mode), "BMP"))
    for bits in 1, 4, 8:
        n = 1 << bits
        indices = rng.integers(0, n, (h, w), dtype=np.uint8)
        colours = rng.integers(0, 256, (n, 4), dtype=np.uint8)
        for up in True, False:
            put(f"bmp_{bits}bit{'' if up else '_down'}.bmp",
                bmp_file(bmp_info(w, h if up else -h, bits), colours.tobytes(), bmp_rows(indices, bits, up)))
        few = max(2, n // 3)
        put(f"bmp_{bits}bit_{few}colours.bmp",
            bmp_file(bmp_info(w, h, bits, used=few), colours[:few].tobytes(), bmp_rows(indices % few, bits)))
        grey = np.repeat(np.linspace(0, 255, n).astype(np.uint8)[:, None], 4, 1)
        put(f"bmp_{bits}bit_grey.bmp", bmp_file(bmp_info(w, h, bits), grey.tobytes(), bmp_rows(indices, bits)))
        os2 = struct.pack("<IHHHH", 12, w, h, 1, bits)
        put(f"bmp_os2_{bits}bit.bmp", bmp_file(os2, colours[:, :3].tobytes(), bmp_rows(indices, bits)))
    for up in True, False:
        put(f"bmp_24bit{'' if up else '_down'}.bmp", bmp_file(bmp_info(w, h if up else -h, 24), b"", bmp_rows(bgr, 24, up)))
    put("bmp_os2_24bit.bmp", bmp_file(struct.pack("<IHHHH", 12, w, h, 1, 24), b"", bmp_rows(bgr, 24)))
    put("bmp_os2v2.bmp", bmp_file(bmp_info(w, h, 24, length=64), b"", bmp_rows(bgr, 24)))
    put("bmp_reserved.bmp", bmp_file(bmp_info(w, h, 24), b"", bmp_rows(bgr, 24), reserved=b"\1\0\2\0"))
    put("bmp_gap.bmp", bmp_file(bmp_info(w, h, 24), b"", bmp_rows(bgr, 24), gap=b"\7" * 33))
    for length in 52, 56, 64, 108, 124:
        masks = struct.pack("<IIII", 0xff0000, 0xff00, 0xff, 0xff000000)
        put(f"bmp_24bit_header{length}.bmp", bmp_file(bmp_info(w, h, 24, length=length), b"", bmp_rows(bgr, 24)))
        four = np.concatenate([bgr, rng.integers(0, 256, (h, w, 1), dtype=np.uint8)], -1)
        put(f"bmp_32bit_header{length}.bmp",
            bmp_file(bmp_info(w, h, 32, 3, length=length, extra=masks), b"", bmp_rows(four, 32)))
    four = np.concatenate([bgr, rng.integers(0, 256, (h, w, 1), dtype=np.uint8)], -1)
    put("bmp_32bit.bmp", bmp_file(bmp_info(w, h, 32), b"", bmp_rows(four, 32)))
    put("bmp_32bit_alpha0.bmp", bmp_file(bmp_info(w, h, 32), b"", bmp_rows(four * np.array([1, 1, 1, 0], np.uint8), 32)))
    for name, masks in {"bgrx": (0xff00, 0xff0000, 0xff000000), "rgba": (0xff, 0xff00, 0xff0000),
                        "bgr": (0xff0000, 0xff00, 0xff)}.items():
        put(f"bmp_32bit_{name}.bmp",
            bmp_file(bmp_info(w, h, 32, 3, extra=struct.pack("<III", *masks)), b"", bmp_rows(four, 32)))
    v = rgb.astype(int)
    v555 = (v[..., 0] >> 3) << 10 | (v[..., 1] >> 3) << 5 | v[..., 2] >> 3
    v565 = (v[..., 0] >> 3) << 11 | (v[..., 1] >> 2) << 5 | v[..., 2] >> 3
    put("bmp_16bit.bmp", bmp_file(bmp_info(w, h, 16), b"", bmp_rows(v555.astype("<u2"), 16)))
    put("bmp_555.bmp", bmp_file(bmp_info(w, h, 16, 3, extra=struct.pack("<III", 0x7c00, 0x3e0, 0x1f)), b"",
                                bmp_rows(v555.astype("<u2"), 16)))
    put("bmp_565.bmp", bmp_file(bmp_info(w, h, 16, 3, extra=struct.pack("<III", 0xf800, 0x7e0, 0x1f)), b"",
                                bmp_rows(v565.astype("<u2"), 16)))
    for bits, code in (8, 1), (4, 2):
        indices = rng.integers(0, 3, (h, w), dtype=np.uint8)
        colours = rng.integers(0, 256, (1 << bits, 4), dtype=np.uint8)
        put(f"bmp_rle{bits}.bmp", bmp_file(bmp_info(w, h, bits, code), colours.tobytes(), bmp_rle(indices, bits)))
    put("bmp_cut.bmp", bmp_file(bmp_info(w, h, 24), b"", bmp_rows(bgr, 24)[:-7]))
    put("bmp_cut_palette.bmp", bmp_file(bmp_info(w, h, 8), b"\1\2\3\0" * 256, bmp_rows(rgb[..., 0].copy(), 8)[:-1]))


def make_pnm():
    a = picture()
    h, w = a.shape[:2]
    bits = np.packbits(a[..., 0] > 128, axis=1)
    put("pbm.pbm", b"P4\n%d %d\n" % (w, h) + bits.tobytes())
    put("pbm_plain.pbm", b"P1\n# drawn\n%d %d\n" % (w, h)
        + b"\n".join(b" ".join(b"01"[v:v + 1] for v in row) for row in (a[..., 0] > 128).astype(int)) + b"\n")
    put("pbm_plain_tight.pbm", b"P1 %d %d\n" % (w, h)
        + b"\n".join(b"".join(b"01"[v:v + 1] for v in row) for row in (a[..., 0] > 128).astype(int)) + b"\n")
    for top in 255, 1, 15, 100, 254:
        scaled = (a.astype(int) * top // 255).astype(np.uint8)
        put(f"pgm_{top}.pgm", b"P5 %d %d %d\n" % (w, h, top) + scaled[..., 0].tobytes())
        put(f"ppm_{top}.ppm", b"P6\n%d %d\n%d\n" % (w, h, top) + scaled.tobytes())
        put(f"ppm_plain_{top}.ppm", b"P3\n%d %d\n%d\n" % (w, h, top)
            + b"\n".join(b" ".join(b"%d" % v for v in row) for row in scaled.reshape(h, -1)) + b"\n")
        put(f"pgm_plain_{top}.pgm", b"P2\n%d %d\n%d\n" % (w, h, top)
            + b"\n".join(b" ".join(b"%d" % v for v in row) for row in scaled[..., 0]) + b"\n")
    for top in 256, 1000, 65535:
        deep = rng.integers(0, top + 1, (h, w, 3))
        put(f"ppm_{top}.ppm", b"P6\n%d %d\n%d\n" % (w, h, top) + deep.astype(">u2").tobytes())
    put("ppm_comments.ppm", b"P6 # a\n#b\n%d # c\n%d\n# d\n255\n" % (w, h) + a.tobytes())
    put("ppm_trailing.ppm", b"P6 %d %d 255\n" % (w, h) + a.tobytes() + b"more")
    put("ppm_cut.ppm", b"P6 %d %d 255\n" % (w, h) + a.tobytes()[:-3])


# ---- WebP -----------------------------------------------------------------------------------------------------------


def riff(chunks):
    body = b"".join(k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) & 1) for k, d in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def riff_chunks(data):
    out, at = [], 12
    while at + 8 <= len(data):
        n = struct.unpack("<I", data[at + 4:at + 8])[0]
        out.append((data[at:at + 4], data[at + 8:at + 8 + n]))
        at += 8 + n + (n & 1)
    return out


def cwebp(*options, mode="RGB"):
    r = subprocess.run(["cwebp", "-quiet", *options, "-o", "-", "--", "-"], input=saved(image(mode), "PNG"),
                       capture_output=True)
    if r.returncode:
        raise ValueError(r.stderr.decode())
    return r.stdout


def make_webp():
    for quality in 0, 40, 80, 100:
        for method in 0, 4, 6:
            put(f"webp_q{quality}_m{method}.webp", saved(image(), "WEBP", quality=quality, method=method))
    for method in 0, 3, 6:
        put(f"webp_lossless_m{method}.webp", saved(image(), "WEBP", lossless=True, method=method))
        put(f"webp_lossless_alpha_m{method}.webp", saved(image("RGBA"), "WEBP", lossless=True, method=method, exact=True))
        put(f"webp_alpha_m{method}.webp", saved(image("RGBA"), "WEBP", quality=70, method=method, exact=True))
    put("webp_alpha_quality.webp", saved(image("RGBA"), "WEBP", quality=70, alpha_quality=30, exact=True))
    put("webp_not_exact.webp", saved(image("RGBA"), "WEBP", lossless=True))
    put("webp_palette.webp", saved(image("RGB").quantize(7).convert("RGB"), "WEBP", lossless=True))
    put("webp_2colours.webp", saved(image("1").convert("RGB"), "WEBP", lossless=True))
    for w, h in (1, 1), (1, 17), (33, 1), (16, 16), (17, 33):
        put(f"webp_{w}x{h}.webp", saved(Image.fromarray(picture(w, h)), "WEBP", quality=60))
        put(f"webp_lossless_{w}x{h}.webp", saved(Image.fromarray(picture(w, h)), "WEBP", lossless=True))
    for o in range(1, 9):
        put(f"webp_exif{o}.webp", saved(image(), "WEBP", lossless=bool(o % 2), exif=exif(o)))
    put("webp_exif_prefix.webp", saved(image(), "WEBP", exif=b"Exif\0\0" + exif(6)))
    put("webp_xmp.webp", saved(image(), "WEBP", xmp=xmp(6)))
    put("webp_icc.webp", saved(image(), "WEBP", icc_profile=b"not a profile" * 9))
    put("webp_icc_odd_exif.webp", saved(image(), "WEBP", icc_profile=b"odd", exif=exif(8)))
    chunks = riff_chunks(saved(image(), "WEBP", exif=exif(3)))
    put("webp_unknown_odd_chunk.webp", riff(chunks[:1] + [(b"abcd", b"odd")] + chunks[1:]))
    frames = [image("RGBA") for _ in range(3)]
    frames = [f.resize(frames[0].size) for f in frames]
    for lossless in False, True:
        put(f"webp_animated_{'lossless' if lossless else 'lossy'}.webp",
            saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=lossless, exact=True))
        put(f"webp_animated_rgb_{'lossless' if lossless else 'lossy'}.webp",
            saved(frames[0].convert("RGB"), "WEBP", save_all=True, append_images=[f.convert("RGB") for f in frames[1:]],
                  lossless=lossless))
    put("webp_animated_background.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:],
                                               lossless=True, background=(10, 200, 30, 255)))
    still = riff_chunks(saved(Image.fromarray(picture(12, 8)), "WEBP", quality=80))
    w, h = 30, 20
    for background in b"\0\0\0\0", b"\x20\x80\xf0\xff":
        for flags in 0, 1, 2, 3:
            frame = (struct.pack("<I", 4)[:3] + struct.pack("<I", 3)[:3] + struct.pack("<I", 11)[:3]
                     + struct.pack("<I", 7)[:3] + struct.pack("<I", 100)[:3] + bytes([flags]))
            body = b"".join(k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) & 1) for k, d in still)
            put(f"webp_animated_offset{flags}_{background.hex()}.webp", riff([
                (b"VP8X", b"\2\0\0\0" + struct.pack("<I", w - 1)[:3] + struct.pack("<I", h - 1)[:3]),
                (b"ANIM", background + b"\0\0"), (b"ANMF", frame + body)]))
    put("webp_cut.webp", saved(image(), "WEBP", quality=90)[:-40])
    if shutil.which("cwebp"):
        for name, options in {
            "simple_filter": ["-nostrong", "-f", "80"], "strong": ["-strong", "-f", "60", "-sharpness", "5"],
            "no_filter": ["-f", "0"], "segments1": ["-segments", "1"], "partitions": ["-partition_limit", "100"],
            "sharp_yuv": ["-sharp_yuv"], "near_lossless": ["-near_lossless", "40"], "hint_graph": ["-lossless", "-hint", "graph"],
            "z0": ["-z", "0"], "z9": ["-z", "9"], "jpeg_like": ["-jpeg_like"], "low_memory": ["-low_memory"],
        }.items():
            attempt(f"webp_{name}.webp", lambda: cwebp(*options))
        for name, options in {"none": ["-alpha_method", "0"], "fast": ["-alpha_filter", "fast"],
                              "best": ["-alpha_filter", "best"], "q": ["-alpha_q", "20"], "no": ["-noalpha"]}.items():
            attempt(f"webp_alpha_{name}.webp", lambda: cwebp("-exact", *options, mode="RGBA"))


# ---- TIFF -----------------------------------------------------------------------------------------------------------


def tiff(tags, strips, big=False, at_front=b""):
    """A TIFF file of one page. tags is {number: (type, values)}; strips become StripOffsets and StripByteCounts."""
    e = ">" if big else "<"
    sizes = {1: "B", 2: "s", 3: "H", 4: "I", 5: "I", 11: "f", 12: "d"}
    offset, places = 8 + len(at_front), []
    body = at_front
    for s in strips:
        places.append(offset)
        body += s + b"\0" * (len(s) & 1)
        offset = 8 + len(body)
    tiled = 322 in tags
    tags = dict(tags)
    tags[324 if tiled else 273] = (4, places)
    tags[325 if tiled else 279] = (4, [len(s) for s in strips])
    entries, extra = b"", b""
    ifd = 8 + len(body)
    after = ifd + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        kind, values = tags[tag]
        if kind == 7 or kind == 2:
            packed, count = bytes(values), len(values)
        else:
            packed = b"".join(struct.pack(e + sizes[kind], v) for v in values)
            count = len(values) // (2 if kind == 5 else 1)
        if len(packed) <= 4:
            entries += struct.pack(e + "HHI", tag, kind, count) + packed.ljust(4, b"\0")
        else:
            entries += struct.pack(e + "HHII", tag, kind, count, after + len(extra))
            extra += packed + b"\0" * (len(packed) & 1)
    return ((b"MM\0*" if big else b"II*\0") + struct.pack(e + "I", ifd) + body + struct.pack(e + "H", len(tags))
            + entries + b"\0\0\0\0" + extra)


def packbits(data):
    out = bytearray()
    i = 0
    while i < len(data):
        n = 1
        while i + n < len(data) and n < 128 and data[i + n] == data[i]:
            n += 1
        if n > 1:
            out += bytes([257 - n, data[i]])
        else:
            while i + n < len(data) and n < 128 and (n < 2 or data[i + n] != data[i + n - 1]):
                n += 1
            out += bytes([n - 1]) + data[i:i + n]
        i += n
    return bytes(out)


def grid(w, h, channels, bits, kind="u"):
    if kind == "f":
        return rng.uniform(0, 255, (h, w, channels)).astype({16: "<f2", 32: "<f4", 64: "<f8"}[bits])
    if kind == "i":
        return rng.integers(-100, 100, (h, w, channels)).astype({8: "<i1", 16: "<i2", 32: "<i4"}[bits])
    top = min(1 << bits, 1 << 31)
    return rng.integers(0, top, (h, w, channels)).astype({8: "<u1", 16: "<u2", 32: "<u4"}.get(bits, "<u1"))


def packed_rows(a, bits, big):
    h = a.shape[0]
    if bits < 8:
        flat = a.reshape(h, -1)
        lines = ((flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8).reshape(h, -1)
        return [r.tobytes() for r in np.packbits(lines, axis=1)]
    if big:
        a = a.astype(a.dtype.newbyteorder(">"))
    return [np.ascontiguousarray(r).tobytes() for r in a.reshape(h, -1)]


def plain_tiff(photometric, channels, bits, kind="u", big=False, planar=1, compress=1, rows=None, tile=None, extra=None,
               fill=1, more=None, predictor=1, w=None, h=None):
    if w is None:
        w, h = size()
    a = grid(w, h, channels, bits, kind)
    rows = rows or h
    pack = {1: bytes, 8: zlib.compress, 32946: zlib.compress, 32773: packbits}[compress]
    strips = []
    for plane in ([a[..., c:c + 1] for c in range(channels)] if planar == 2 else [a]):
        if tile:
            th, tw = tile
            for y in range(0, h, th):
                for x in range(0, w, tw):
                    t = np.zeros((th, tw, plane.shape[2]), a.dtype)
                    part = plane[y:y + th, x:x + tw]
                    t[:part.shape[0], :part.shape[1]] = part
                    strips.append(pack(b"".join(packed_rows(t, bits, big))))
        else:
            for y in range(0, h, rows):
                part = plane[y:y + rows]
                if predictor == 2:
                    part = part.copy()
                    part[:, 1:] = part[:, 1:] - part[:, :-1]
                data = b"".join(packed_rows(part, bits, big))
                if compress == 32773:
                    data = b"".join(packbits(r) for r in packed_rows(part, bits, big))
                    strips.append(data)
                else:
                    strips.append(pack(data))
    if fill == 2:
        flip = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))
        strips = [s.translate(flip) for s in strips]
    sample = {"u": 1, "i": 2, "f": 3}[kind]
    tags = {256: (3, [w]), 257: (3, [h]), 258: (3, [bits] * channels), 259: (3, [compress]), 262: (3, [photometric]),
            277: (3, [channels]), 284: (3, [planar]), 339: (3, [sample] * channels)}
    if tile:
        tags |= {322: (3, [tile[1]]), 323: (3, [tile[0]])}
    else:
        tags[278] = (3, [rows])
    if extra is not None:
        tags[338] = (3, extra)
    if fill == 2:
        tags[266] = (3, [2])
    if predictor != 1:
        tags[317] = (3, [predictor])
    return tiff(tags | (more or {}), strips, big)


def make_tiff():
    for big in False, True:
        end = "_be" if big else "_le"
        for photometric in 0, 1:
            for bits in 1, 2, 4, 8, 16, 32:
                put(f"tiff_p{photometric}_{bits}bit{end}.tif", plain_tiff(photometric, 1, bits, big=big))
        for bits in 8, 16, 32:
            put(f"tiff_int{bits}{end}.tif", plain_tiff(1, 1, bits, "i", big))
        for bits in 16, 32, 64:
            put(f"tiff_float{bits}{end}.tif", plain_tiff(1, 1, bits, "f", big))
        for bits in 8, 16:
            put(f"tiff_rgb{bits}{end}.tif", plain_tiff(2, 3, bits, big=big))
            put(f"tiff_rgb{bits}_planar{end}.tif", plain_tiff(2, 3, bits, big=big, planar=2))
            for e in 0, 1, 2:
                put(f"tiff_rgba{bits}_extra{e}{end}.tif", plain_tiff(2, 4, bits, big=big, extra=[e]))
            put(f"tiff_cmyk{bits}{end}.tif", plain_tiff(5, 4, bits, big=big))
            put(f"tiff_la{bits}{end}.tif", plain_tiff(1, 2, bits, big=big, extra=[2]))
        for bits in 1, 2, 4, 8:
            n = 1 << bits
            table = {320: (3, [int(v) for v in rng.integers(0, 65536, 3 * n)])}
            put(f"tiff_palette{bits}{end}.tif", plain_tiff(3, 1, bits, big=big, more=table))
    for compress in 8, 32946, 32773:
        put(f"tiff_c{compress}.tif", plain_tiff(2, 3, 8, compress=compress, rows=5))
        put(f"tiff_c{compress}_1bit.tif", plain_tiff(1, 1, 1, compress=compress, rows=5))
        put(f"tiff_c{compress}_planar.tif", plain_tiff(2, 3, 8, compress=compress, planar=2, rows=4))
    for bits in 8, 16:
        put(f"tiff_predictor2_{bits}.tif", plain_tiff(2, 3, bits, compress=8, predictor=2, rows=7))
        put(f"tiff_predictor2_{bits}_be.tif", plain_tiff(2, 3, bits, compress=8, predictor=2, big=True))
        put(f"tiff_predictor2_grey{bits}.tif", plain_tiff(1, 1, bits, compress=8, predictor=2))
    put("tiff_rows1.tif", plain_tiff(2, 3, 8, rows=1))
    put("tiff_rows7.tif", plain_tiff(2, 3, 8, rows=7))
    put("tiff_extra_unspecified.tif", plain_tiff(2, 5, 8, extra=[0, 0]))
    put("tiff_rgb_two_extra.tif", plain_tiff(2, 5, 8, extra=[2, 0]))
    put("tiff_cmyk_extra.tif", plain_tiff(5, 5, 8, extra=[0]))
    put("tiff_fill2_8bit.tif", plain_tiff(1, 1, 8, fill=2))
    put("tiff_fill2_1bit.tif", plain_tiff(1, 1, 1, fill=2))
    put("tiff_fill2_rgb.tif", plain_tiff(2, 3, 8, fill=2))
    for tile in (16, 16), (32, 16), (16, 48):
        for bits, channels, photometric in (8, 3, 2), (8, 1, 1), (16, 1, 1), (1, 1, 0):
            put(f"tiff_tile{tile[0]}x{tile[1]}_{channels}x{bits}.tif", plain_tiff(photometric, channels, bits, tile=tile))
        put(f"tiff_tile{tile[0]}x{tile[1]}_deflate.tif", plain_tiff(2, 3, 8, tile=tile, compress=8))
        put(f"tiff_tile{tile[0]}x{tile[1]}_planar.tif", plain_tiff(2, 3, 8, tile=tile, planar=2))
    for o in range(1, 9):
        put(f"tiff_orientation{o}.tif", plain_tiff(2, 3, 8, more={274: (3, [o])}, big=bool(o % 2)))
    put("tiff_orientation9.tif", plain_tiff(2, 3, 8, more={274: (3, [9])}))
    put("tiff_xmp.tif", plain_tiff(2, 3, 8, more={700: (7, xmp(6))}))
    put("tiff_cut.tif", plain_tiff(2, 3, 8, w=20, h=20)[:600])
    for mode in "1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16", "LAB":
        for compression in (None, "raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg", "group3", "group4",
                            "tiff_ccitt", "lzma", "zstd", "webp"):
            def made():
                im = image("L").convert("I") if mode in ("I", "F", "I;16") else image("RGB" if mode == "LAB" else mode)
                if mode in ("F", "I;16"):
                    im = im.convert(mode)
                if mode == "LAB":
                    from PIL import ImageCms
                    lab = ImageCms.createProfile("LAB")
                    im = ImageCms.profileToProfile(im, ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
                return saved(im, "TIFF", compression=compression)
            attempt(f"tiff_pillow_{mode.replace(';', '')}_{compression}.tif", made)
    for name, options in {"big": {"big_tiff": True}, "strip": {"strip_size": 100}}.items():
        attempt(f"tiff_pillow_{name}.tif", lambda: saved(image(), "TIFF", **options))
        attempt(f"tiff_pillow_{name}_lzw.tif", lambda: saved(image(), "TIFF", compression="tiff_lzw", **options))
    for sub in 0, 1, 2:
        attempt(f"tiff_jpeg_sub{sub}.tif", lambda: saved(image(), "TIFF", compression="jpeg", quality=80,
                                                         tiffinfo={530: ((1, 1), (2, 1), (2, 2))[sub]}))
    for white in 0, 1:
        for compression in "group3", "group4", "tiff_ccitt":
            for fill in 1, 2:
                attempt(f"tiff_{compression}_p{white}_fill{fill}.tif", lambda: saved(
                    image("1"), "TIFF", compression=compression, tiffinfo={262: white, 266: fill}))
        for options in 1, 4, 5:
            attempt(f"tiff_group3_options{options}_p{white}.tif", lambda: saved(
                image("1"), "TIFF", compression="group3", tiffinfo={262: white, 292: options}))
    put("tiff_pages.tif", saved(image(), "TIFF", save_all=True, append_images=[image(), image()]))
    try:
        import tifffile
    except ImportError:
        return

    def written(a, **options):
        b = io.BytesIO()
        tifffile.imwrite(b, a, **options)
        return b.getvalue()

    for compression in None, "lzw", "zlib", "packbits", "zstd", "lzma", "jpeg", "webp", "adobe_deflate":
        for name, options in {"": {}, "_tile": {"tile": (16, 32)}, "_planar": {"planarconfig": "separate"},
                              "_predictor": {"predictor": True}, "_big": {"bigtiff": True},
                              "_be": {"byteorder": ">"}, "_rows": {"rowsperstrip": 3}}.items():
            a = picture(40, 36)
            if name == "_planar":
                a = np.ascontiguousarray(a.transpose(2, 0, 1))
            attempt(f"tiff_tifffile_{compression}{name}.tif",
                    lambda: written(a, photometric="rgb", compression=compression, **options))
    for dtype in "u1", "u2", "f4", "u4", "i2":
        a = (picture(30, 22)[..., 0].astype(float) * (1 if dtype in ("u1", "f4") else 100)).astype(dtype)
        for options in {}, {"predictor": True, "compression": "zlib"}, {"compression": "lzw"}, {"tile": (16, 16)}:
            attempt(f"tiff_tifffile_{dtype}_{'_'.join(options) or 'plain'}.tif",
                    lambda: written(a, photometric="minisblack", **options))
    for photometric in "minisblack", "miniswhite":
        attempt(f"tiff_tifffile_bool_{photometric}.tif",
                lambda: written(picture(30, 22)[..., 0] > 128, photometric=photometric))
    for sub in (1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 4):
        attempt(f"tiff_ycbcr_jpeg_{sub[0]}{sub[1]}.tif", lambda: written(
            picture(48, 40), photometric="ycbcr", compression="jpeg", subsampling=sub))
    for sub in (1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 2):
        attempt(f"tiff_ycbcr_plain_{sub[0]}{sub[1]}.tif", lambda: ycbcr_tiff(*sub))


def ycbcr_tiff(sx, sy):
    w, h = 8 * int(rng.integers(1, 5)), 8 * int(rng.integers(1, 5))
    units = rng.integers(0, 256, ((h // sy) * (w // sx), sx * sy + 2), dtype=np.uint8)
    return tiff({256: (3, [w]), 257: (3, [h]), 258: (3, [8, 8, 8]), 259: (3, [1]), 262: (3, [6]), 277: (3, [3]),
                 278: (3, [h]), 530: (3, [sx, sy]), 284: (3, [1])}, [units.tobytes()])


for copy in range(COPIES):
    for make in make_png, make_gif, make_jpeg, make_bmp, make_pnm, make_webp, make_tiff:
        make()
(OUT / "index.json").write_text(json.dumps({"pillow": __version__, "seed": SEED, "cases": index}, indent=1) + "\n")
readable = sum("sha256" in c for c in index)
print(f"images: {len(index)} files, of which Pillow {__version__} reads {readable}")
