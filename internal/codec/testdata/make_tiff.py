# SPDX-License-Identifier: Apache-2.0
"""Writes tiff.zip: TIFF files over the options of their samples, chunks, compressions and directories. See draw.py."""
import io
import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image

import draw

REVERSED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))

# photometric interpretation, samples, bits, format, extra samples
KINDS = [(p, 1, b, 1, None) for p in (0, 1, 3) for b in (1, 2, 4, 8)]
KINDS += [(1, 1, 12, 1, None), (1, 1, 16, 1, None), (0, 1, 16, 1, None), (1, 1, 8, 2, None), (0, 1, 8, 2, None),
          (1, 1, 16, 2, None), (1, 1, 32, 1, None), (1, 1, 32, 2, None), (1, 1, 32, 3, None), (0, 1, 32, 3, None),
          (1, 1, 64, 3, None), (1, 1, 16, 3, None), (0, 1, 32, 1, None), (1, 1, 3, 1, None)]
KINDS += [(p, 2, 8, 1, [e]) for p in (1, 3) for e in (0, 1, 2)] + [(0, 2, 8, 1, [2]), (1, 2, 16, 1, [2]), (1, 2, 8, 1, None)]
KINDS += [(2, 3, 8, 1, None)] * 4 + [(2, 3, 16, 1, None)] * 2
KINDS += [(2, 3 + len(e), b, 1, e) for b in (8, 16) for e in ([0], [1], [2], [0, 0], [1, 0], [2, 0], [0, 0, 0], [1, 0, 0],
                                                           [2, 0, 0], [0, 1], [999])]
KINDS += [(2, 4, 8, 1, None), (2, 4, 16, 1, None), (2, 3, 4, 1, None), (2, 3, 32, 3, None), (2, 3, 8, 2, None),
          (2, 3, 32, 1, None)]
KINDS += [(5, 4, 8, 1, None), (5, 4, 16, 1, None), (5, 5, 8, 1, [0]), (5, 6, 8, 1, [0, 0]), (5, 5, 8, 1, [1]),
          (6, 3, 8, 1, None), (6, 3, 8, 1, None), (6, 1, 8, 1, None), (4, 1, 1, 1, None), (8, 3, 8, 1, None)]


def samples(rng, w, h, n, bits, kind):
    """Values of an image's samples, as the array that is stored."""
    smooth = draw.picture(rng, w, h, n)
    if kind == 3:
        a = (smooth.astype(float) * 1.5 - 40 + rng.uniform(0, 1, smooth.shape)).astype({16: "f2", 64: "f8"}.get(bits, "f4"))
        a[rng.integers(0, h), rng.integers(0, w)] = rng.choice([np.nan, np.inf, -np.inf, 3])
        return a
    if kind == 2:
        return (smooth.astype(int) * 2 - 100).astype({8: "i1", 16: "i2", 32: "i4", 64: "i8"}.get(bits, "i4"))
    if bits in (16, 32):
        if bits == 32 and rng.integers(0, 2):
            return smooth.astype("u4") * 2
        return (smooth.astype(np.uint64) * (257 if bits == 16 else 16843009)
                ^ rng.integers(0, 256, smooth.shape).astype(np.uint64)).astype({16: "u2", 32: "u4"}[bits])
    if bits == 12:
        return smooth.astype("u2") * 16 + 5
    return smooth >> max(8 - bits, 0)


def predicted(a, predictor, e):
    if predictor == 2 and a.dtype.kind in "ui":
        a = a.copy()
        a[:, 1:] = a[:, 1:] - a[:, :-1]
    if predictor == 3 and a.dtype.kind == "f":
        h, w, n = a.shape
        b = a.astype(a.dtype.newbyteorder(">")).reshape(h, w * n).view(np.uint8).reshape(h, w * n, -1).transpose(0, 2, 1)
        b = np.ascontiguousarray(b).reshape(h, -1)
        b[:, n:] = b[:, n:] - b[:, :-n]
        return b
    return np.ascontiguousarray(a.astype(a.dtype.newbyteorder(e))).reshape(a.shape[0], -1).view(np.uint8)


def packed(a, bits, predictor, e):
    """The bytes of a chunk's rows."""
    if bits in (8, 16, 32, 64):
        return predicted(a, predictor, e).tobytes()
    rows = []
    for r in a.reshape(a.shape[0], -1):
        rows.append(np.packbits((r[:, None].astype(int) >> np.arange(bits - 1, -1, -1) & 1).astype(np.uint8).reshape(-1)).tobytes())
    return b"".join(rows)


def fax(a, compression, options):
    """Facsimile data of a chunk whose ones are black, from libtiff."""
    out = io.BytesIO()
    im = Image.fromarray((1 - a[..., 0].astype(np.uint8)) * 255).convert("1")
    im.save(out, "TIFF", compression={2: "tiff_ccitt", 3: "group3", 4: "group4"}[compression],
            tiffinfo={278: a.shape[0], 262: 0} | ({292: options} if compression == 3 else {}))
    tags = Image.open(io.BytesIO(out.getvalue())).tag_v2
    at, size = tags[273], tags[279]
    at, size = (at[0], size[0]) if isinstance(at, tuple) else (at, size)
    return out.getvalue()[at:at + size]


def subsample(a, sx, sy):
    """Units of sx by sy pixels: their luma, then one Cb and one Cr."""
    h, w = a.shape[:2]
    a = np.pad(a, ((0, -h % sy), (0, -w % sx), (0, 0)), "edge")
    out = bytearray()
    for y in range(0, a.shape[0], sy):
        for x in range(0, a.shape[1], sx):
            out += a[y:y + sy, x:x + sx, 0].tobytes() + bytes(a[y, x, 1:])
    return bytes(out)


def jpeg(rng, a, photometric, sub):
    colour = {1: "GRAYSCALE", 3: "RGB", 4: "CMYK"}.get(a.shape[2])
    if colour is None:
        raise ValueError("JPEG of other channels")
    if photometric == 6 and a.shape[2] == 3:
        return imagecodecs.jpeg8_encode(np.ascontiguousarray(a), level=85, colorspace="RGB", outcolorspace="YCBCR",
                                        subsampling={(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440",
                                                     (4, 1): "411"}.get(sub, "444"))
    a = np.ascontiguousarray(a if a.shape[2] > 1 else a[..., 0])
    return imagecodecs.jpeg8_encode(a, level=85, colorspace=colour, outcolorspace=colour)


def split_jpeg(data):
    """Moves the tables of a JPEG file into a file of their own."""
    tables, rest, at = b"\xff\xd8", b"\xff\xd8", 2
    while data[at + 1] != 0xda:
        n = 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
        if data[at + 1] in (0xdb, 0xc4):
            tables += data[at:at + n]
        else:
            rest += data[at:at + n]
        at += n
    return tables + b"\xff\xd9", rest + data[at:]


def compress(rng, a, raw, o):
    c = o["compression"]
    if c == 1:
        return raw
    if c in (2, 3, 4):
        return fax(a, c, o["fax"])
    if c == 5:
        return bytes(imagecodecs.lzw_encode(raw))
    if c == 7:
        return jpeg(rng, a, o["photometric"], o["sub"])
    if c in (8, 32946):
        return zlib.compress(raw, int(rng.integers(0, 10)))
    if c == 32773:
        return bytes(imagecodecs.packbits_encode(raw, axis=None))
    if c == 34925:
        if o["delta"]:
            import lzma
            return lzma.compress(raw, lzma.FORMAT_XZ, filters=[{"id": lzma.FILTER_DELTA, "dist": 1},
                                                               {"id": lzma.FILTER_LZMA2, "preset": 1}])
        return bytes(imagecodecs.lzma_encode(raw))
    if c == 50000:
        return bytes(imagecodecs.zstd_encode(raw, level=int(rng.integers(1, 20))))
    if c == 50001:
        out = io.BytesIO()
        mode = {3: "RGB", 4: "RGBA"}[a.shape[2]]
        Image.fromarray(np.ascontiguousarray(a), mode).save(out, "WEBP", lossless=bool(o["fax"] & 1), exact=True)
        return out.getvalue()
    return raw


def directory(rng, o, tags, chunks):
    e, big = o["order"], o["big"]
    head = 16 if big else 8
    body, places = b"", []
    for s in chunks:
        body += b"\xaa" * int(rng.integers(0, 3))
        places.append(head + len(body))
        body += s
    body += b"\0" * (-len(body) % 2)
    kind = "HIQ"[int(rng.integers(0, 3 if big else 2))] if head + len(body) < 60000 else "I"
    number = {"H": 3, "I": 4, "Q": 16}[kind]
    tags = dict(tags)
    tags[324 if o["tile"] else 273] = (number, places)
    if o["counts"] != "none":
        tags[325 if o["tile"] else 279] = (number, [len(s) + (1 if o["counts"] == "more" else 0) for s in chunks])
    size = 20 if big else 12
    ifd = head + len(body)
    after = ifd + (8 + 20 * len(tags) + 8 if big else 2 + 12 * len(tags) + 4)
    entries, extra = b"", b""
    for tag in sorted(tags):
        t, values = tags[tag]
        if t == 7:
            raw, n = bytes(values), len(values)
        else:
            raw = b"".join(struct.pack(e + {1: "B", 3: "H", 4: "I", 5: "I", 11: "f", 16: "Q"}[t], v) for v in values)
            n = len(values) // (2 if t == 5 else 1)
        inline = 8 if big else 4
        if len(raw) > inline:
            place = after + len(extra)
            extra += raw + b"\0" * (len(raw) % 2)
            raw = struct.pack(e + ("Q" if big else "I"), place)
        entries += struct.pack(e + ("HHQ" if big else "HHI"), tag, t, n) + raw.ljust(inline, b"\0")
    mark = b"II" if e == "<" else b"MM"
    header = mark + (struct.pack(e + "HHHQ", 43, 8, 0, ifd) if big else struct.pack(e + "HI", 42, ifd))
    following = 0
    if o["pages"]:
        following = ifd
    return (header + body + struct.pack(e + ("Q" if big else "H"), len(tags)) + entries
            + struct.pack(e + ("Q" if big else "I"), following) + extra)


def file(rng, o):
    w, h, photometric, n, bits, kind, extra = (o[k] for k in ("w", "h", "photometric", "samples", "bits", "format", "extra"))
    a = samples(rng, w, h, n, bits, kind)
    rows = o["rows"] or h
    chunks, tables = [], b""
    for plane in ([a[..., c:c + 1] for c in range(n)] if o["planar"] == 2 else [a]):
        if o["tile"]:
            tw, th = o["tile"]
            corners = [(x, y) for y in range(0, h, th) for x in range(0, w, tw)]
        else:
            tw, th = w, rows
            corners = [(0, y) for y in range(0, h, rows)]
        for x, y in corners:
            part = plane[y:y + th, x:x + tw]
            if o["tile"]:
                part = np.pad(part, ((0, th - part.shape[0]), (0, tw - part.shape[1]), (0, 0)), "edge")
            if photometric == 6 and o["compression"] not in (7,) and o["planar"] == 1 and n == 3 and o["sub"] != (1, 1):
                raw = subsample(part, *o["sub"])
            else:
                raw = packed(part, bits, o["predictor"], o["order"])
            data = compress(rng, part, raw, o)
            if o["compression"] == 7 and o["split"]:
                tables, data = split_jpeg(data)
            chunks.append(data)
    if o["fill"] == 2 and o["compression"] not in (7, 50001):
        chunks = [c.translate(REVERSED) for c in chunks]
    if o["repeat"]:
        chunks.append(chunks[0])
    tags = {256: (o["short"], [w]), 257: (o["short"], [h]), 259: (3, [o["compression"]]), 262: (3, [photometric])}
    if bits != 1 or rng.integers(0, 2):
        tags[258] = (3, [bits] * (n if o["all bits"] else 1))
    if n > 1 or rng.integers(0, 2):
        tags[277] = (3, [n])
    if o["planar"] == 2 or rng.integers(0, 2):
        tags[284] = (3, [o["planar"]])
    if kind != 1 or rng.integers(0, 3) == 0:
        tags[339] = (3, [kind] * n)
    if o["tile"]:
        tags |= {322: (3, [o["tile"][0]]), 323: (3, [o["tile"][1]])}
    elif o["rows"] or rng.integers(0, 2):
        tags[278] = (4, [o["rows"] or int(rng.choice([h, h + 1, 2**32 - 1]))])
    if extra is not None:
        tags[338] = (3, extra)
    if o["fill"] == 2:
        tags[266] = (3, [2])
    if o["predictor"] != 1:
        tags[317] = (3, [o["predictor"]])
    if photometric == 3:
        top = 256 if o["small map"] else 65536
        tags[320] = (3, [int(v) for v in rng.integers(0, top, 3 << bits)])
    if photometric == 6:
        if o["sub"] != (2, 2) or rng.integers(0, 2):
            tags[530] = (3, list(o["sub"]))
        if rng.integers(0, 3) == 0:
            tags[532] = (5, [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1])
        if rng.integers(0, 3) == 0:
            tags[529] = (5, [2125, 10000, 7154, 10000, 721, 10000])
    if o["compression"] == 3 and o["fax"]:
        tags[292] = (4, [o["fax"]])
    if tables:
        tags[347] = (7, tables)
    if o["orientation"]:
        tags[274] = (3, [o["orientation"]])
    if photometric == 5:
        tags[332] = (3, [1])
    data = directory(rng, o, tags, chunks)
    return data[:max(8, len(data) - o["cut"])]


def one(rng):
    while True:
        photometric, n, bits, kind, extra = KINDS[int(rng.integers(0, len(KINDS)))]
        compressions = [1, 1, 1, 5, 5, 8, 32946, 32773, 34925, 50000]
        if bits == 1 and n == 1:
            compressions += [2, 3, 3, 4, 4] * 3
        if bits == 8 and kind == 1 and n in (1, 3, 4) and photometric in (0, 1, 2, 5, 6):
            compressions += [7, 7, 7]
        if bits == 8 and photometric == 2 and n in (3, 4) and kind == 1:
            compressions += [50001, 50001]
        if photometric == 6:
            compressions += [7, 7, 5, 8]
        o = {"photometric": photometric, "samples": n, "bits": bits, "format": kind, "extra": extra,
             "compression": int(rng.choice(compressions)), "w": int(rng.integers(1, 30)), "h": int(rng.integers(1, 20)),
             "order": str(rng.choice(["<", ">"])), "big": bool(rng.integers(0, 5) == 0)}

        def sometimes(value, otherwise, of=4):
            return value if rng.integers(0, of) == 0 else otherwise

        o["tile"] = sometimes((int(rng.choice([16, 32])), int(rng.choice([16, 32]))), None, 3)
        o["rows"] = sometimes(int(rng.integers(1, 9)), 0, 2)
        o["planar"] = sometimes(2, 1) if n > 1 else sometimes(2, 1, 20)
        o["predictor"] = int(rng.choice([1, 2, 3])) if o["compression"] in (5, 8, 32946, 34925, 50000) else 1
        o["predictor"] = 2 if o["predictor"] == 3 and kind != 3 else o["predictor"]
        o["fill"] = sometimes(2, 1, 6)
        o["fax"] = int(rng.choice([0, 1, 4, 5]))
        o["sub"] = tuple(int(v) for v in rng.choice([(1, 1), (1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 2), (4, 4), (2, 4)]))
        o["split"] = bool(rng.integers(0, 2))
        o["delta"] = bool(rng.integers(0, 2))
        o["counts"] = sometimes("none", sometimes("more", "right", 20), 15)
        o["pages"] = sometimes(True, False, 9)
        o["orientation"] = sometimes(int(rng.integers(1, 9)), 0, 6) if not o["big"] else 0
        o["short"] = int(rng.choice([3, 4]))
        o["all bits"] = not sometimes(True, False, 9)
        o["small map"] = sometimes(True, False, 9)
        o["repeat"] = sometimes(True, False, 25)
        o["cut"] = sometimes(int(rng.integers(1, 400)), 0, 25)
        try:
            data = file(rng, o)
        except Exception:  # no encoder has this combination
            continue
        usual = {"planar": 1, "predictor": 1, "fill": 1, "counts": "right", "all bits": True, "big": False, "fax": 0, "short": 3}
        shown = " ".join(f"{k} {v}" for k, v in o.items() if v not in (None, 0, False) and usual.get(k) != v
                         and (k != "sub" or photometric == 6) and (k not in ("split", "delta") or
                         o["compression"] == {"split": 7, "delta": 34925}[k]))
        return "tif", shown, data


def long_runs():
    """Facsimile rows with a run of each length that has a code, and of some longer ones, in both colours."""
    lengths = list(range(64)) + [64 * i for i in range(1, 41)] + [64 * i + 63 for i in range(1, 41)] + [2624, 2700]
    page = np.zeros((len(lengths), 5403), bool)
    for y, n in enumerate(lengths):
        page[y, n:2 * n + 1] = True
    for compression in "tiff_ccitt", "group3", "group4":
        out = io.BytesIO()
        Image.fromarray(~page).save(out, "TIFF", compression=compression, tiffinfo={262: 0})
        yield "tif", "long runs " + compression, out.getvalue()


if __name__ == "__main__":
    draw.main(one, "tiff", list(long_runs()), 5, 200)
