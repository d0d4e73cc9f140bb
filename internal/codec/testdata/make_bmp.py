# SPDX-License-Identifier: Apache-2.0
"""Writes bmp.zip: BMP files over the options of their headers, palettes, masks and runs. See draw.py."""
import struct

import numpy as np

import draw

MASKS = {16: [(0xf800, 0x7e0, 0x1f, 0), (0x7c00, 0x3e0, 0x1f, 0), (0xf00, 0xf0, 0xf, 0xf000), (0x7c00, 0x3e0, 0x1f, 0x8000)],
         24: [(0xff0000, 0xff00, 0xff, 0), (0xff, 0xff00, 0xff0000, 0)],
         32: [(0xff0000, 0xff00, 0xff, 0), (0xff000000, 0xff0000, 0xff00, 0), (0xff000000, 0xff00, 0xff, 0),
              (0xff000000, 0xff0000, 0xff00, 0xff), (0xff, 0xff00, 0xff0000, 0xff000000),
              (0xff0000, 0xff00, 0xff, 0xff000000), (0xff000000, 0xff00, 0xff, 0xff0000), (0, 0, 0, 0),
              (0xff, 0xff00, 0xff0000, 0), (0x3ff00000, 0xffc00, 0x3ff, 0)]}


def runs(rng, indices, four, sloppy):
    """Run-length encoded rows of indices. Sloppy ones leave out ends of lines or lie about lengths."""
    out = bytearray()
    for row in indices:
        x = 0
        while x < len(row):
            n = 1
            while x + n < len(row) and n < 255 and row[x + n] == row[x]:
                n += 1
            choice = rng.integers(0, 4)
            if n >= 3 or choice == 0:
                out += bytes([n, row[x] * 17 if four else row[x]])
            elif choice == 1 and len(row) - x >= 3:
                n = int(rng.integers(3, min(len(row) - x, 255) + 1))
                part = [int(v) for v in row[x:x + n]]
                if four:
                    part += [0] * (len(part) % 2)
                    part = [a << 4 | b for a, b in zip(part[::2], part[1::2])]
                out += bytes([0, n]) + bytes(part) + b"\0" * (len(part) % 2)
            elif choice == 2:
                n = int(min(len(row) - x - 1, rng.integers(0, 4)))
                out += bytes([0, 2, n, 0])
            elif four and len(row) - x >= 4:
                n = 4
                out += bytes([n, int(row[x]) << 4 | int(row[x + 1])])
            else:
                n = 1
                out += bytes([1, row[x] * 17 if four else row[x]])
            x += n
        if not sloppy or rng.integers(0, 3):
            out += b"\0\0"
        if sloppy and rng.integers(0, 9) == 0:
            out += bytes([int(rng.integers(1, 9)), 3])
        if sloppy and rng.integers(0, 9) == 0:
            out += bytes([0, 2, int(rng.integers(0, 9)), 1])
    return bytes(out) + (b"\0\1" if rng.integers(0, 4) else b"")


def one(rng):
    w, h = int(rng.integers(1, 28)), int(rng.integers(1, 16))
    length = int(rng.choice([12, 40, 40, 40, 52, 56, 64, 108, 124]))
    bits = int(rng.choice([1, 4, 8, 16, 24, 32] if length > 12 else [1, 4, 8, 24]))
    compression = 0
    if length > 12 and bits >= 16 and rng.integers(0, 2):
        compression = 3
    if length > 12 and bits in (4, 8) and rng.integers(0, 2):
        compression = 2 if bits == 4 else 1
    down = length > 12 and bool(rng.integers(0, 3) == 0)
    entry = 3 if length == 12 else 4
    used = 0
    palette = b""
    if bits <= 8:
        n = 1 << bits
        used = int(rng.choice([0, 0, n, 2, 3, max(n // 2, 1), n + 5 if bits < 8 else n]))
        count = used or n
        kind = str(rng.choice(["colours", "colours", "grey", "short", "nearly"]))
        ramp = [0, 255] if count == 2 else [i & 255 for i in range(count)]
        table = np.zeros((count, entry), np.uint8)
        table[:, :3] = np.array(ramp)[:, None]
        if kind in ("colours", "short"):
            table = rng.integers(0, 256, (count, entry)).astype(np.uint8)
        if kind == "nearly":
            table[int(rng.integers(0, count)), 1] ^= 1
        palette = table.tobytes()
        indices = rng.integers(0, min(n, count) if rng.integers(0, 4) else n, (h, w))
        if rng.integers(0, 2):
            indices = np.repeat(indices, 5, axis=1)[:, :w]
        samples = indices
    else:
        samples = draw.picture(rng, w, h, bits // 8)
    masks = None
    if compression == 3:
        masks = MASKS[bits][int(rng.integers(0, len(MASKS[bits])))]
    if compression in (1, 2):
        pixels = runs(rng, indices, compression == 2, bool(rng.integers(0, 3) == 0))
    else:
        if bits < 8:
            unpacked = (samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1
            rows = [np.packbits(r.reshape(-1)).tobytes() for r in unpacked.astype(np.uint8)]
        else:
            rows = [r.astype(np.uint8).tobytes() for r in samples]
        pixels = b"".join(r + b"\0" * (-len(r) % 4) for r in rows)
    if length == 12:
        dib = struct.pack("<IHHHH", 12, w, h, 1, bits)
    else:
        dib = struct.pack("<IiiHHIIiiII", length, w, -h if down else h, 1, bits, compression, len(pixels), 2835, 2835, used, 0)
        extra = b""
        if masks:
            extra = struct.pack("<4I", *masks)[:12 if length in (40, 52) else 16]
        dib += (extra + b"\0" * 200)[:max(length - 40, 12 if masks and length == 40 else 0)]
    gap = bytes(rng.integers(0, 256, int(rng.choice([0, 0, 0, 1, 6])), dtype=np.uint8))
    if bits <= 8 and kind == "short" and compression == 0:
        palette = palette[:-entry]
    at = 14 + len(dib) + len(palette) + len(gap)
    where = str(rng.choice(["right", "right", "right", "none", "header"]))
    declared = {"right": at, "none": 0, "header": 14 + length}[where]
    reserved = b"\0\0\0\0" if rng.integers(0, 3) else b"\1\2\3\4"
    tail = str(rng.choice(["whole", "whole", "whole", "whole", "cut", "unpadded", "more"]))
    data = b"BM" + struct.pack("<I", at + len(pixels)) + reserved + struct.pack("<I", declared) + dib + palette + gap + pixels
    if tail == "cut":
        data = data[:-int(rng.integers(1, 9))]
    elif tail == "unpadded":
        data = data[:len(data) - (-len(rows[-1]) % 4)] if compression in (0, 3) else data
    elif tail == "more":
        data += b"\7" * 9
    return "bmp", f"header {length} bits {bits} compression {compression} masks {masks} used {used} at {where} {tail}", data


if __name__ == "__main__":
    draw.main(one, "bmp", [], 5, 110)
