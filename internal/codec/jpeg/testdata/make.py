# SPDX-License-Identifier: Apache-2.0
"""Writes the JPEG files beside this script and pixels.json: the SHA-256 of the pixels that Pillow makes of each, in its
own mode, CMYK not inverted. Needs a C compiler, libjpeg-turbo's headers, pillow==13.0.0 and numpy. Run in this folder."""
import hashlib, io, json, pathlib, struct, subprocess, tempfile
import numpy as np
from PIL import Image, __version__

here = pathlib.Path(".")
rng = np.random.default_rng(35)
factors = ["111111", "211111", "221111", "121111", "411111", "421111", "141111", "311111", "331111", "211121", "412111",
           "222112", "222211", "112211", "131111", "422111", "241211", "121112", "221212", "222121", "441111"]
cases = [("ycc", f) for f in factors] + [("rgb", "111111"), ("rgb", "221111"), ("grey", "11"), ("grey", "32"),
         ("cmyk", "11111111"), ("cmyk", "21111121"), ("ycck", "11111111"), ("ycck", "22111122")]
with tempfile.TemporaryDirectory() as tmp:
    make = pathlib.Path(tmp) / "make"
    subprocess.run(["cc", "-o", make, "make.c", "-ljpeg"], check=True)
    for i, (space, f) in enumerate(cases):
        for process in ("baseline", "split", "progressive", "refined", "abaseline", "aprogressive", "arefined"):
            if process in ("split", "refined", "arefined") and i % 3 > 0:
                continue
            w, h = (int(v) for v in rng.integers(1, 30, 2))
            subprocess.run([make, f"{process}_{space}_{f}.jpg", str(w), str(h), space, f, process,
                            str(int(rng.choice([5, 30, 75, 95]))), str(int(rng.choice([0, 0, 1, 3]))), str(i)],
                           check=True, capture_output=True)

def segments(data):
    """The markers up to the first scan, and the rest."""
    at, out = 2, []
    while True:
        n = 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
        out.append(data[at:at + n])
        at += n
        if out[-1][1] == 0xda:
            return out, data[at:]

def join(parts, rest):
    return b"\xff\xd8" + b"".join(parts) + rest

# What the encoder does not write.
b = io.BytesIO()
Image.fromarray(rng.integers(0, 256, (19, 23, 3)).astype(np.uint8)).save(b, "JPEG", quality=60, subsampling=1)
parts, rest = segments(b.getvalue())
def put(name, data): (here / f"odd_{name}.jpg").write_bytes(data)
put("no_huffman_tables", join([p for p in parts if p[1] != 0xc4], rest))
put("bytes_between_segments", join([p for q in parts for p in (q, b"\x01\x02\x00")][:-1], rest))
put("fill_bytes", join([b"\xff\xff\xff" + p for p in parts], rest))
put("bytes_behind_scan", join(parts, rest[:-2] + b"\0\0\0\0\0\0\0\0\0\0\0\0\xff\xd9"))
put("bytes_behind_end", join(parts, rest + b"\xff\xd8 something else \xff\xda"))
put("scan_without_its_range", join(parts[:-1] + [parts[-1][:-3] + b"\0\0\0"], rest))
put("restart_marker_behind_scan", join(parts, rest[:-2] + b"\xff\xd3\xff\xd9"))
put("tables_of_16_bits", join([b"\xff\xdb" + struct.pack(">H", 2 + 129 * (len(p) - 4) // 65) + b"".join(
    bytes([16 + p[k]]) + b"".join(bytes([0, v]) for v in p[k + 1:k + 65]) for k in range(4, len(p), 65))
    if p[1] == 0xdb else p for p in parts], rest))
for name, value in (("rgb", b"\x00"), ("ycc", b"\x01"), ("unknown", b"\x07")):
    adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + value
    put("adobe_" + name, join([adobe] + [p for p in parts if p[1] != 0xe0], rest))
put("jfif_and_adobe", join([parts[0], b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"] + parts[1:], rest))
put("no_marker", join(parts[1:], rest))
huge = [bytes(p[:4]) + b"".join(p[k:k + 1] + b"\xff" * 64 for k in range(4, len(p), 65)) if p[1] == 0xdb else p for p in parts]
put("overflowing", join(huge, rest))

cases = {}
for path in sorted(here.glob("*.jpg")):
    with Image.open(path) as im:
        pixels = np.asarray(im)
    cases[path.name] = hashlib.sha256((255 - pixels if im.mode == "CMYK" else pixels).tobytes()).hexdigest()
pathlib.Path("pixels.json").write_text(json.dumps({"pillow": __version__, "cases": cases}, indent=0) + "\n")
