#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Views of images by PIL, kornia or albumentations, and images decoded by PIL: a second of processor time, one thread.

The views are those of BYOL with solo-learn's settings (asymmetric.yaml for CIFAR and ImageNet-100): two recipes in
turns, to normalised float32 planes. Only PIL's are the bytes that our views have; the others define some operations
otherwise (docs/benchmarks.md). Prints one JSON object.
"""

import argparse
import io
import json
import os
import random
import time
from pathlib import Path

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BLUR, SOLARIZE = (1.0, 0.1), (0.0, 0.2)  # of the first and of the second view; images of 32 pixels get no blur


def read(folder, most):
    """Return the bytes of up to so many image files of a folder."""
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    return [p.read_bytes() for p in paths[:most]]


def decode(data):
    from PIL import Image

    return Image.open(io.BytesIO(data)).convert("RGB")


def pil(size, blur, solarize):
    from PIL import ImageFilter
    from torchvision import transforms as t

    class Blur:  # solo-learn's and lightly's: PIL's filter, whose radius is drawn
        def __call__(self, image):
            return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))

    return t.Compose([
        t.RandomResizedCrop(size, scale=(0.08, 1.0), interpolation=t.InterpolationMode.BICUBIC),
        t.RandomApply([t.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8), t.RandomGrayscale(0.2),
        t.RandomApply([Blur()], p=blur), t.RandomSolarize(128, p=solarize), t.RandomHorizontalFlip(), t.ToTensor(),
        t.Normalize(MEAN, STD),
    ])


def albumentations(size, blur, solarize):
    import albumentations as a
    import cv2

    return a.Compose([
        a.RandomResizedCrop((size, size), scale=(0.08, 1.0), interpolation=cv2.INTER_CUBIC),
        a.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.8, 1.2), (-0.1, 0.1), p=0.8), a.ToGray(p=0.2),
        a.GaussianBlur(blur_limit=0, sigma_limit=(0.1, 2.0), p=blur),
        a.Solarize(threshold_range=(0.5, 0.5), p=solarize), a.HorizontalFlip(), a.Normalize(MEAN, STD),
        a.ToTensorV2(),
    ])


def kornia(size, blur, solarize):
    import kornia.augmentation as k

    return k.AugmentationSequential(
        k.RandomResizedCrop((size, size), scale=(0.08, 1.0), resample="BICUBIC"),
        k.ColorJitter(0.4, 0.4, 0.2, 0.1, p=0.8), k.RandomGrayscale(p=0.2),
        k.RandomGaussianBlur((23, 23), (0.1, 2.0), p=blur), k.RandomSolarize(thresholds=(0.5, 0.5), p=solarize),
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
    """Return a function that makes views, and how many a call makes."""
    import numpy
    import torch

    make = [{"pil": pil, "albumentations": albumentations, "kornia": kornia}[library](
        size, blur if size > 32 else 0.0, solarize) for blur, solarize in zip(BLUR, SOLARIZE)]
    if library == "pil":
        return lambda n: make[n % 2](images[n % len(images)]), 1
    pixels = [numpy.asarray(image) for image in images]
    if library == "albumentations":
        return lambda n: make[n % 2](image=pixels[n % len(pixels)]), 1
    batch = 256 if size <= 32 else 16  # a batch of one shape, as kornia wants it: the smallest that all images have
    h, w = (min(p.shape[i] for p in pixels) for i in (0, 1))
    whole = torch.stack([torch.from_numpy(pixels[i % len(pixels)][:h, :w]).permute(2, 0, 1) for i in range(batch)])
    return lambda n: make[n % 2](whole.float() / 255), batch


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--images", required=True, help="folder of JPEG files")
    p.add_argument("--what", choices=["pil", "kornia", "albumentations", "decode"], default="pil")
    p.add_argument("--size", type=int, default=32)
    p.add_argument("--seconds", type=float, default=5)
    o = p.parse_args()
    files = read(o.images, 256 if o.size <= 32 else 64)
    random.seed(1)
    if o.what == "decode":
        rate = clocked(lambda n: decode(files[n % len(files)]), 1, o.seconds)
    else:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(1)
        once, each = maker(o.what, o.size, [decode(data) for data in files])
        rate = clocked(once, each, o.seconds)
    print(json.dumps({"a_second": rate, "images": len(files)}))


if __name__ == "__main__":
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # no look for a newer version
    main()
