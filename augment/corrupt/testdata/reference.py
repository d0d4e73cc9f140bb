# SPDX-License-Identifier: Apache-2.0
"""Writes reference.json: pixels of the kinds that draw no random numbers, by scikit-image, OpenCV, SciPy and Pillow.

    python reference.py > reference.json
"""
import json

import cv2
import numpy as np
from PIL import Image
from scipy.ndimage import zoom
from skimage import color
from skimage.filters import gaussian


def picture(side):
    y, x, c = np.mgrid[0:side, 0:side, 0:3]
    return ((x * 7 + y * 13 + c * 31 + x * y // 8) % 256).astype(np.uint8)


def blur(x, sigma):
    return gaussian(x, sigma=sigma, channel_axis=-1)


def defocus(x, radius, alias):
    reach, ksize = (8, 3) if radius <= 8 else (radius, 5)
    at = np.arange(-reach, reach + 1)
    disk = np.array(at[:, None] ** 2 + at[None, :] ** 2 <= radius**2, dtype=np.float64)
    kernel = cv2.GaussianBlur(disk / disk.sum(), ksize=(ksize, ksize), sigmaX=alias)
    return np.stack([cv2.filter2D(x[..., c], -1, kernel) for c in range(3)], axis=-1)


def enlarged(x, factor):
    side = len(x)
    part = int(np.ceil(side / factor))
    top = (side - part) // 2
    big = zoom(x[top : top + part, top : top + part], (factor, factor, 1), order=1)
    trim = (len(big) - side) // 2
    return big[trim : trim + side, trim : trim + side]


def zoom_blur(x, end, step):
    factors = np.arange(1, end, step)
    return (x + sum(enlarged(x, f) for f in factors)) / (len(factors) + 1)


def hsv(x, channel, factor, more):
    z = color.rgb2hsv(x)
    z[..., channel] = np.clip(z[..., channel] * factor + more, 0, 1)
    return color.hsv2rgb(z)


def contrast(x, left):
    mean = x.mean(axis=(0, 1), keepdims=True)
    return (x - mean) * left + mean


def pixelate(x, share):
    side = len(x)
    img = Image.fromarray(np.round(x * 255).astype(np.uint8))
    small = img.resize((int(side * share), int(side * share)), Image.BOX)
    return np.asarray(small.resize((side, side), Image.BOX)) / 255


CASES = {
    20: {
        "gaussian_blur": lambda x, s: blur(x, [0.4, 0.6, 0.7, 0.8, 1][s]),
        "defocus_blur": lambda x, s: defocus(x, *[(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)][s]),
        "zoom_blur": lambda x, s: zoom_blur(x, [1.06, 1.11, 1.16, 1.21, 1.26][s], 0.01),
        "brightness": lambda x, s: hsv(x, 2, 1, [0.05, 0.1, 0.15, 0.2, 0.3][s]),
        "saturate": lambda x, s: hsv(x, 1, *[(0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)][s]),
        "contrast": lambda x, s: contrast(x, [0.75, 0.5, 0.4, 0.3, 0.15][s]),
        "pixelate": lambda x, s: pixelate(x, [0.95, 0.9, 0.85, 0.75, 0.65][s]),
    },
    72: {
        "gaussian_blur": lambda x, s: blur(x, [1, 2, 3, 4, 6][s]),
        "defocus_blur": lambda x, s: defocus(x, *[(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)][s]),
        "zoom_blur": lambda x, s: zoom_blur(
            x, *[(1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)][s]
        ),
        "brightness": lambda x, s: hsv(x, 2, 1, [0.1, 0.2, 0.3, 0.4, 0.5][s]),
        "saturate": lambda x, s: hsv(x, 1, *[(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)][s]),
        "contrast": lambda x, s: contrast(x, [0.4, 0.3, 0.2, 0.1, 0.05][s]),
        "pixelate": lambda x, s: pixelate(x, [0.6, 0.5, 0.4, 0.3, 0.25][s]),
    },
}

lines = []
for side, kinds in CASES.items():
    places = [(side * 3 * i * 37 + 11 * i) % (side * side * 3) for i in range(40)] + [0, side * side * 3 - 1]
    for kind, f in kinds.items():
        for s in range(5):
            out = np.clip(f(picture(side) / 255, s), 0, 1) * 255
            pixels = [int(v) for v in np.uint8(out + 1e-9).reshape(-1)[places]]
            lines.append(json.dumps({"side": side, "kind": kind, "strength": s + 1, "at": places, "pixels": pixels}))
print("[" + ",\n".join(lines) + "]")
