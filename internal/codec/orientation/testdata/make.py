# SPDX-License-Identifier: Apache-2.0
"""Writes cases.json: small files with EXIF data and XMP packets in every place, sound and damaged, and the orientation
that Pillow finds in each. Needs pillow==13.0.0. Run in this folder."""
import base64, io, json, random, struct, warnings, zlib
from PIL import Image, __version__

warnings.simplefilter("ignore")
rng = random.Random(8)
pick, chance = rng.choice, lambda p: rng.random() < p
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
CODES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q"}

def value(e, kind, v):
    """A value of a TIFF type, in the byte order e."""
    if kind in (5, 10):
        below = pick([1, 2, 3, 0])
        return struct.pack(e + ("II" if kind == 5 else "ii"), v * below + (below > 0 and chance(.2)), below)
    if kind in CODES:
        return struct.pack(e + CODES[kind], v if kind in (3, 4, 8, 9, 11, 12, 13, 16) else v % 128)
    return b"\0\6\0\0"

def packet():
    v = pick("12345678609")
    s = pick([f'tiff:Orientation="{v}"', f"<tiff:Orientation>{v}</tiff:Orientation>", f"tiff:Orientation='{v}'",
              f'tiff:Orientation = "{v}"', f'exif:Orientation="{v}"', f'tiff:Orientation="{v}5"', "",
              f'tiff:Orientation="x" tiff:Orientation="{v}"'])
    return f"<x:xmpmeta>{s}</x:xmpmeta>".encode() + pick([b"", b"\xff\xfe", b"\0  "])

def orientation(e):
    kind = pick([3] * 8 + [4, 4, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 99])
    n = pick([1] * 9 + [0, 2, 3])
    return 274, kind, n, value(e, kind, pick([1, 2, 3, 4, 5, 6, 7, 8, 6, 0, 9])) * n

def directory(e, entries, at, big=False):
    """A TIFF directory that stands at a place, with the values behind it."""
    size, inline = (20, 8) if big else (12, 4)
    out = struct.pack(e + ("Q" if big else "H"), max(0, len(entries) + pick([0] * 20 + [1, -1])))
    apart, heap = at + len(out) + size * len(entries) + inline, b""
    for tag, kind, n, v in entries:
        out += struct.pack(e + ("HHQ" if big else "HHI"), tag, kind, n)
        if len(v) <= inline:
            out += v.ljust(inline, pick([b"\0", b"\7"]))
        else:
            place = pick([apart + len(heap)] * 15 + [0, 10**6, 2**32 - 1])
            out, heap = out + struct.pack(e + ("Q" if big else "I"), place), heap + v
    return out + bytes(inline) + heap

def exif():
    e, entries = pick("<>"), []
    if chance(.5): entries.append((271, 2, 6, b"Maker\0"))
    if chance(.9): entries.append(orientation(e))
    if chance(.1): entries.append(orientation(e))
    if chance(.3): entries.append((282, 5, 1, struct.pack(e + "II", 72, 1)))
    if chance(.3): entries.append((34665, 4, 1, struct.pack(e + "I", pick([0, 8, 9999]))))
    at = pick([8] * 5 + [9, 20])
    mark = (b"II" if e == "<" else b"MM") + struct.pack(e + "H", 42)
    if chance(.05): mark = pick([b"MM*\0", b"II\0*", b"II+\0", b"abcd"])
    data = (mark + struct.pack(e + "I", at)).ljust(at, b"\0") + directory(e, entries, at)
    return data[:rng.randint(0, len(data))] if chance(.05) else data

def saved(kind, **options):
    b = io.BytesIO()
    Image.new("RGB", (1, 1)).save(b, kind, **options)
    return b.getvalue()

def jpeg():
    def segment(m, p): return b"\xff" * pick([1, 1, 3]) + bytes([m]) + struct.pack(">H", len(p) + 2) + p
    segments = []
    if chance(.2): segments.append(segment(0xed, b"Photoshop 3.0\0" + bytes(20)))
    if chance(.8):
        t = pick([b"", b"", EXIF]) + exif()
        cut = rng.randint(0, len(t)) if chance(.2) else len(t)
        segments.append(segment(0xe1, EXIF + t[:cut]))
        if cut < len(t): segments.append(segment(0xe1, EXIF + t[cut:]))
    for _ in range(pick([0, 0, 1, 1, 2])): segments.append(segment(0xe1, XMP + packet()))
    if chance(.2): segments.append(segment(0xe1, XMP.replace(b"xap/1.0", b"xmp/extension") + bytes(40) + packet()))
    if chance(.2): segments.append(segment(0xfe, b"a comment, " + EXIF))
    if chance(.3): rng.shuffle(segments)
    d = saved("JPEG")
    at = pick([2, 20, 20, d.index(b"\xff\xc0"), d.index(b"\xff\xda")])
    return d[:at] + b"".join(segments) + d[at:]

def chunk(name, d): return struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d))

def text(keyword, v):
    kind, z = pick(["tEXt", "zTXt", "iTXt"]), zlib.compress(v)
    if kind == "tEXt": return chunk(b"tEXt", keyword + b"\0" + v)
    if kind == "zTXt": return chunk(b"zTXt", keyword + b"\0\0" + z[:len(z) - pick([0, 0, 4])])
    packed = pick([0, 1])
    return chunk(b"iTXt", keyword + bytes([0, packed, pick([0, 0, 0, 1])]) + pick([b"en", b""]) + b"\0" +
                 pick([b"", b"\xc3\xa9"]) + b"\0" + (z if packed else v))

def metadata():
    p = rng.random()
    if p < .35: return chunk(b"eXIf", pick([b"", b"", EXIF]) + exif())
    if p < .6:
        t = pick([b"", EXIF]) + exif()
        digits = t.hex().encode()
        lines = b"\n".join(digits[k:k + 72] for k in range(0, len(digits), 72))
        return text(b"Raw profile type exif", b"\nexif\n%8d\n" % len(t) + lines + pick([b"\n", b""]))
    return text(*pick([(b"XML:com.adobe.xmp", packet()), (b"Comment", packet())]))

def png():
    d = saved("PNG")
    i, j = d.index(b"IDAT") - 4, d.index(b"IEND") - 4
    before = b"".join(metadata() for _ in range(pick([0, 1, 1, 2])))
    behind = metadata() if chance(.4) else b""
    if chance(.2): # an animation, with or without the picture
        frame = lambda n: chunk(b"fcTL", struct.pack(">IIIIIHHBB", n, 1, 1, 0, 0, 1, 1, 0, 0))
        with_it = pick([0, 1])
        before += chunk(b"acTL", struct.pack(">II", pick([1, 2]), 0)) + frame(0) * with_it
        behind += frame(with_it) + chunk(b"fdAT", struct.pack(">I", with_it + 1) + d[i + 8:j - 4]) + metadata()
    return d[:i] + before + d[i:j] + behind + d[j:]

def webp():
    def part(name, d): return name + struct.pack("<I", len(d)) + d + bytes(len(d) & 1)
    parts, flags = [saved("WEBP", lossless=True)[12:]], 0
    for _ in range(pick([0, 1, 1, 2])):
        flags |= 8 * chance(.9)
        parts.insert(pick([0, 9, 9]), part(b"EXIF", pick([b"", EXIF, EXIF + EXIF]) + exif() + pick([b"", b"\0"])))
    if chance(.5):
        flags |= 4 * chance(.9)
        parts.insert(pick([0, 9, 9]), part(b"XMP ", packet()))
    if chance(.3):
        flags |= 32
        parts.insert(0, part(b"ICCP", bytes(rng.randint(3, 9))))
    if chance(.2): parts.append(part(b"junk", bytes(rng.randint(1, 9))))
    body = part(b"VP8X", bytes([flags]) + bytes(9)) + b"".join(parts)
    if chance(.1): body = parts[-1] if parts[-1][:3] == b"VP8" else body
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body + (part(b"EXIF", exif()) if chance(.1) else b"")

def tiff():
    e, big = pick("<>"), chance(.3)
    at = 16 if big else 8
    entries = [(tag, 3, 1, struct.pack(e + "H", v)) for tag, v in
               ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, at), (277, 1), (278, 1), (279, 1))]
    if chance(.8): entries.append(orientation(e))
    if chance(.5): entries.append((700, pick([1, 1, 7]), len(x := packet()), x))
    head = (b"II" if e == "<" else b"MM") + struct.pack(e + ("HHHQ" if big else "HI"),
                                                       *((43, 8, 0, at + 2) if big else (42, at + 2)))
    return head + b"\x80\0" + directory(e, sorted(entries), at + 2, big)

cases = []
for make in (jpeg, png, webp, tiff):
    count = 0
    while count < 60:
        data = make()
        try:
            with Image.open(io.BytesIO(data)) as im:
                if make is not tiff: # which load turns already
                    im.load()
                found = im.getexif().get(274, 1)
        except Exception:
            continue # Pillow does not read the file, or not with its metadata
        number = not isinstance(found, (bytes, str)) and found in range(1, 9)
        cases.append({"format": make.__name__, "orientation": int(found) if number else 1,
                      "data": base64.b64encode(data).decode()})
        count += 1
with open("cases.json", "w") as f:
    f.write(json.dumps({"pillow": __version__, "cases": cases}, indent=0) + "\n")
