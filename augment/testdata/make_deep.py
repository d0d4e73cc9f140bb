# SPDX-License-Identifier: Apache-2.0
"""Writes deep.json: float32 images resized by Pillow 10.3 in its mode F, which has the filters of its 8-bit modes."""

import json
import numpy as np
from PIL import Image

r = np.random.default_rng(1)
cases = []
for w, h, box, out, by in [
    (23, 17, (0, 0, 23, 17), (9, 30), "bilinear"),
    (23, 17, (3, 2, 14, 15), (16, 16), "bicubic"),
    (8, 40, (0, 5, 8, 30), (8, 7), "bicubic"),
    (40, 8, (1, 1, 39, 7), (5, 6), "bilinear"),
]:
    image = r.normal(300, 40, (h, w, 2)).round(1).astype(np.float32)
    crop = image[box[1]:box[3], box[0]:box[2]]
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    want = np.stack([np.asarray(Image.fromarray(crop[..., c], "F").resize(out, filters[by])) for c in range(2)], -1)
    cases.append({
        "w": w, "h": h, "box": box, "out": out, "by": by,
        "image": [round(float(v), 1) for v in image.ravel()], "want": [round(float(v), 4) for v in want.ravel()],
    })
with open("deep.json", "w") as f:
    json.dump(cases, f)
    f.write("\n")
