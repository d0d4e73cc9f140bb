#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A pretraining loop as PyTorch's users write it, with lightly's transforms, heads and loss, or solo-learn's settings.

Prints one JSON object: images a second by the clock, after the warm-up. With --random the images are random tensors
that are there before: the bare step. With --minutes it trains so long, and saves the backbone on the way.
"""

import argparse
import json
import random
import time
from pathlib import Path

import networks
import torch


def lightly_views(name, size):
    """Return lightly's transform, as its examples use it for images of 32 pixels."""
    from lightly.transforms import SimCLRTransform, SimSiamTransform

    return SimSiamTransform(input_size=size) if name == "simsiam" else SimCLRTransform(size, gaussian_blur=0.0)


def solo_views(size):
    """Return solo-learn's settings of SimSiam on CIFAR (its symmetric_weak.yaml), written in torchvision."""
    from PIL import ImageFilter
    from torchvision import transforms as t

    def blur(image):
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0)))

    view = t.Compose([
        t.RandomResizedCrop(size, scale=(0.08, 1.0), interpolation=t.InterpolationMode.BICUBIC),
        t.RandomApply([t.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8), t.RandomGrayscale(0.2),
        t.RandomApply([blur], p=0.5), t.RandomHorizontalFlip(), t.ToTensor(),
        t.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    ])
    return lambda image: [view(image), view(image)]


def images(folder, transform):
    """Return lightly's data set of a folder, or torchvision's where there is no lightly."""
    try:
        from lightly.data import LightlyDataset
    except ImportError:
        from torchvision.datasets import ImageFolder

        return ImageFolder(folder, transform)
    return LightlyDataset(str(folder), transform=transform)


def batches(o):
    """Yield pairs of views without end."""
    if o.random:
        views = [torch.randn(o.batch, 3, o.size, o.size, device=o.device) for _ in range(2)]
        while True:
            yield views
    transform = solo_views(o.size) if o.transforms == "solo" else lightly_views(o.method, o.size)
    loader = torch.utils.data.DataLoader(images(o.data / "train", transform), o.batch, shuffle=True, drop_last=True,
                                         num_workers=o.workers, pin_memory=o.device != "cpu")
    while True:
        for views, *_ in loader:
            yield views


def synchronize(o):
    """Wait for a GPU, so that the clock sees its work."""
    if o.device != "cpu":
        torch.cuda.synchronize()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", type=Path)
    networks.add_arguments(p)
    p.add_argument("--rate", type=float, default=0.05)
    p.add_argument("--weight-decay", type=float, default=5e-4)
    p.add_argument("--precision", choices=["float32", "bf16"], default="float32")
    p.add_argument("--transforms", choices=["lightly", "solo"], default="lightly")
    p.add_argument("--random", action="store_true")
    p.add_argument("--channels-last", action="store_true")
    p.add_argument("--device", default="cpu")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--steps", type=int, default=30)
    p.add_argument("--warm", type=int, default=5, help="steps that do not count")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--minutes", type=float, default=0, help="train so long instead, with a cosine decay of the rate")
    p.add_argument("--save", type=Path, help="folder for the backbone, saved after each twelfth of the minutes")
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    backbone, features = networks.resnet(o.backbone, o.width, o.stem)
    model, loss_of = networks.method(o.method, backbone, features, o.hidden)
    model = model.to(o.device)
    if o.channels_last:
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=o.rate, momentum=0.9, weight_decay=o.weight_decay)
    layout = torch.channels_last if o.channels_last else torch.contiguous_format
    total, begun, saved, paused = 0, time.perf_counter(), [], 0.0
    for step, views in enumerate(batches(o)):
        spent = time.perf_counter() - begun - paused
        if o.minutes:
            share = spent / 60 / o.minutes
            if len(saved) < int(12 * share):
                at = time.perf_counter()
                saved.append({"minutes": spent / 60, "file": str(o.save / f"{len(saved):02d}.pth")})
                torch.save(backbone.state_dict(), saved[-1]["file"])
                paused += time.perf_counter() - at
            if share >= 1:
                print(json.dumps({"saved": saved, "steps": step}))
                return
            for group in optimizer.param_groups:
                group["lr"] = o.rate * float(0.5 * (1 + torch.cos(torch.tensor(torch.pi * share))))
        elif step == o.warm:
            synchronize(o)
            begun = time.perf_counter()
        elif step == o.warm + o.steps:
            synchronize(o)
            spent = time.perf_counter() - begun
            print(json.dumps({"images_per_second": o.steps * o.batch / spent, "loss": float(total) / (step + 1)}))
            return
        x0, x1 = (x.to(o.device, non_blocking=True, memory_format=layout) for x in views)
        with torch.autocast(o.device.split(":")[0], torch.bfloat16, enabled=o.precision == "bf16"):
            loss = loss_of(x0, x1)
        total += loss.detach()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


if __name__ == "__main__":
    main()
