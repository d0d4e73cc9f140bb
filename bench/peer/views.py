#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Views of photos by PIL, kornia or albumentations, and photos decoded by PIL, on one thread.

An image gets two views by SimCLR's recipe, from decoded pixels to normalised float32 planes; those of 32 pixels have
half the colour jitter and no blur, and are of images of 32 pixels. Only PIL's are the bytes that our views have; the
others define some operations otherwise (docs/benchmarks.md). Prints one JSON object: images a second of processor time.
"""

import argparse
import io
import json
import os
import random
import time
from pathlib import Path

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def decode(data):
    from PIL import Image

    return Image.open(io.BytesIO(data)).convert("RGB")


def jitter(size):
    """Return the strengths of brightness, contrast, saturation and hue."""
    return (0.4, 0.4, 0.4, 0.1) if size <= 32 else (0.8, 0.8, 0.8, 0.2)


def pil(size, blur):
    from PIL import ImageFilter
    from torchvision import transforms as t

    class Blur:  # lightly's and solo-learn's: PIL's filter, whose radius is drawn
        def __call__(self, image):
            return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))

    return t.Compose([
        t.RandomResizedCrop(size, scale=(0.08, 1.0)), t.RandomApply([t.ColorJitter(*jitter(size))], p=0.8),
        t.RandomGrayscale(0.2), *([t.RandomApply([Blur()], p=blur)] if blur else []), t.RandomHorizontalFlip(),
        t.ToTensor(), t.Normalize(MEAN, STD),
    ])


def albumentations(size, blur):
    import albumentations as a
    import cv2

    cv2.setNumThreads(1)
    *levels, hue = jitter(size)
    return a.Compose([
        a.RandomResizedCrop((size, size), scale=(0.08, 1.0)),
        a.ColorJitter(*((1 - x, 1 + x) for x in levels), (-hue, hue), p=0.8), a.ToGray(p=0.2),
        *([a.GaussianBlur(blur_limit=0, sigma_limit=(0.1, 2.0), p=blur)] if blur else []), a.HorizontalFlip(),
        a.Normalize(MEAN, STD), a.ToTensorV2(),
    ])


def kornia(size, blur):
    import kornia.augmentation as k

    return k.AugmentationSequential(
        k.RandomResizedCrop((size, size), scale=(0.08, 1.0)), k.ColorJitter(*jitter(size), p=0.8),
        k.RandomGrayscale(p=0.2), *([k.RandomGaussianBlur((23, 23), (0.1, 2.0), p=blur)] if blur else []),
        k.RandomHorizontalFlip(), k.Normalize(MEAN, STD))


def clocked(once, each, seconds):
    """Return how many a second of processor time, where a call makes so many."""
    once(0)
    n, begun = 0, time.process_time()
    while time.process_time() - begun < seconds:
        n += 1
        once(n)
    return n * each / (time.process_time() - begun)


def maker(library, size, images):
    """Return a function that makes two views of images, and of how many images a call makes them."""
    import numpy
    import torch
    from PIL import ImageOps

    make = {"pil": pil, "albumentations": albumentations, "kornia": kornia}[library](size, 0.5 if size > 32 else 0.0)
    if size <= 32:
        images = [ImageOps.fit(image, (32, 32)) for image in images]
    if library == "pil":
        return lambda n: [make(images[n % len(images)]) for _ in range(2)], 1
    pixels = [numpy.asarray(image) for image in images]
    if library == "albumentations":
        return lambda n: [make(image=pixels[n % len(pixels)]) for _ in range(2)], 1
    batch = 256 if size <= 32 else 16  # of one shape, as kornia wants it: the smallest height and width
    h, w = (min(p.shape[i] for p in pixels) for i in (0, 1))
    whole = torch.stack([torch.from_numpy(pixels[i % len(pixels)][:h, :w].copy()).permute(2, 0, 1)
                         for i in range(batch)])
    return lambda n: [make(whole.float() / 255) for _ in range(2)], batch


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--images", required=True, help="folder with JPEG files")
    p.add_argument("--what", choices=["pil", "kornia", "albumentations", "decode"], default="pil")
    p.add_argument("--size", type=int, default=32)
    p.add_argument("--seconds", type=float, default=5)
    o = p.parse_args()
    files = [p.read_bytes() for p in sorted(Path(o.images).iterdir()) if p.suffix.lower() in (".jpg", ".jpeg")]
    random.seed(1)
    if o.what == "decode":
        rate = clocked(lambda n: decode(files[n % len(files)]), 1, o.seconds)
    else:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(1)
        once, each = maker(o.what, o.size, [decode(data) for data in files])
        rate = clocked(once, each, o.seconds)
    print(json.dumps({"images_per_second": rate, "images": len(files)}))


if __name__ == "__main__":
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # no look for a newer version
    main()
