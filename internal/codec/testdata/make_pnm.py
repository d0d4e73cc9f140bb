# SPDX-License-Identifier: Apache-2.0
"""Writes pnm.zip: PBM, PGM, PPM and PFM files over the options of their headers and samples. See draw.py."""
import numpy as np

import draw


def one(rng):
    w, h = int(rng.integers(1, 20)), int(rng.integers(1, 14))
    kind = str(rng.choice(["P1", "P2", "P3", "P4", "P5", "P6", "Pf"]))

    def space():
        if rng.integers(0, 5) == 0:
            return b" # a comment 1 2 3\n"
        if rng.integers(0, 9) == 0:
            return b"\n#\r\n#two\n"
        return bytes(rng.choice(list(b" \n\t\r\v\f"), int(rng.integers(1, 3))).astype(np.uint8))

    channels = 3 if kind in ("P3", "P6") else 1
    top = int(rng.choice([255, 255, 255, 1, 2, 7, 100, 254, 256, 1000, 4095, 65534, 65535, 65536, 0]))
    header = kind.encode() + (b"\n" if rng.integers(0, 2) else b" ") + str(w).encode() + space() + str(h).encode()
    limit = top + 1 if rng.integers(0, 12) else top + 3
    values = rng.integers(0, max(min(limit, 65536), 1), (h, w * channels))
    if kind == "P1":
        bits = values & 1
        join = b"" if rng.integers(0, 2) else b" "
        body = space() + b"\n".join(join.join(b"%d" % v for v in r) for r in bits)
    elif kind == "P4":
        body = b"\n" + np.packbits((values & 1).astype(np.uint8), axis=1).tobytes()
    elif kind in ("P2", "P3"):
        body = space() + b"%d" % top + space() + b"".join(b"%d" % v + (space() if i % 7 == 0 else b" ")
                                                           for i, v in enumerate(values.reshape(-1)))
        if rng.integers(0, 2):
            body = body.rstrip()
    elif kind == "Pf":
        scale = rng.choice([b"-1.0", b"1.0", b"-0.5", b"2e3", b"0", b"nan"])
        floats = rng.uniform(-20, 300, (h, w)).astype(np.float32)
        floats[0, 0] = rng.choice([np.nan, np.inf, -np.inf, 254.99999, 1])
        body = b"\n" + bytes(scale) + b"\n" + floats.astype("<f4" if scale.startswith(b"-") else ">f4").tobytes()
    else:
        samples = values.astype(">u2" if top > 255 else np.uint8)
        body = space() + b"%d\n" % top + samples.tobytes()
    data = header + body
    tail = str(rng.choice(["whole", "whole", "whole", "whole", "cut", "more"]))
    if tail == "cut":
        data = data[:-int(rng.integers(1, 4))]
    elif tail == "more":
        data += b"\n12 13 1 0"
    suffix = {"1": "pbm", "4": "pbm", "2": "pgm", "5": "pgm", "f": "pfm"}.get(kind[1], "ppm")
    return suffix, f"{kind} largest sample {top} {tail}", data


FIXED = [
    ("pgm", "a text", b"P5 and other words"),
    ("ppm", "a comment within a word", b"P6 1#x\n1 1 2#y\n55\n" + bytes(range(33))),
    ("ppm", "no space after the magic number", b"P6#x\n2 2 255\n" + bytes(range(12))),
    ("ppm", "two spaces before the pixels", b"P6 2 1 255\n\n" + bytes(range(6))),
    ("pgm", "a sample that is no number", b"P2 2 1 9 3 x"),
    ("pgm", "a sample with a sign", b"P2 2 1 9 3 -1"),
    ("pgm", "a long sample", b"P2 2 1 9 3 00000000004"),
    ("pgm", "a long sample at the end", b"P2 1 1 9 0000000004"),
    ("pbm", "a digit that is no bit", b"P1 2 1 1 2"),
    ("pgm", "no height", b"P5 2 0 255\n"),
    ("pam", "PAM", b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\nabc"),
    ("pfm", "colour PFM", b"PF\n1 1\n-1.0\n" + bytes(12)),
    ("ppm", "a long comment", b"P6 # " + b"long " * 200 + b"\n2 1 255\n" + bytes(range(6))),
]

if __name__ == "__main__":
    draw.main(one, "pnm", FIXED, 5, 90)
