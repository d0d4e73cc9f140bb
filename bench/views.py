#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times views and decoding beside PIL, on one thread each, in turns.

    python bench/views.py [--rounds 5] [--seconds 0.5] [--of views32,views224,decode] FOLDER

FOLDER holds JPEG photos. Ours is bin/viewsbench (go build -o bin/viewsbench ./internal/viewsbench), once for each
instruction set that the processor has; the peer is torchvision's transforms on PIL images, with the same recipe, and
the blur of PIL. An image of views32 and views224 is two views of SimCLR, from decoded pixels to normalised floats. The
images of views32 have CIFAR's 32 x 32 pixels. Rates are images per second of processor time, and the best of
all rounds, so that other programs matter less. A ratio's spread is the least and the greatest ratio of a round.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time


class Peer:
    """PIL and torchvision."""

    def __init__(self, folder, seconds):
        import torch
        from PIL import Image

        torch.set_num_threads(1)
        torch.manual_seed(1)
        self.seconds = seconds
        self.files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg"))
        self.images = [Image.open(p).convert("RGB") for p in self.files]

    def recipe(self, size):
        import random

        from PIL import ImageFilter
        from torchvision import transforms as T

        strength = 0.5 if size == 32 else 1.0

        def blur(img):
            return img.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2)))

        ops = [
            T.RandomResizedCrop(size, scale=(0.08, 1)),
            T.RandomApply([T.ColorJitter(0.8 * strength, 0.8 * strength, 0.8 * strength, 0.2 * strength)], p=0.8),
            T.RandomGrayscale(p=0.2),
        ]
        if size > 32:
            ops.append(T.RandomApply([blur], p=0.5))
        ops += [T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]
        return T.Compose(ops)

    def rate(self, name):
        from PIL import Image

        if name == "decode":
            images = self.files

            def do(path):
                with Image.open(path) as img:
                    img.convert("RGB")
        else:
            size = int(name.removeprefix("views"))
            view = self.recipe(size)
            images = self.images if size > 32 else [img.resize((32, 32)) for img in self.images]

            def do(img):
                view(img)
                view(img)

        done, start = 0, time.process_time()
        while True:
            for img in images:
                do(img)
            done += len(images)
            used = time.process_time() - start
            if used >= self.seconds:
                return done / used


def ours(args, instructions):
    command = ["bin/viewsbench", "-seconds", str(args.seconds), "-of", args.of, str(args.folder)]
    env = {**os.environ, "PARALLAX_SIMD": instructions}
    told = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout
    return {line["name"]: line["images_per_second"] for line in map(json.loads, told.splitlines())}


def available():
    with open("/proc/cpuinfo") as f:
        flags = f.read()
    return [s for s, flag in (("avx512", "avx512bw"), ("avx2", "avx2")) if flag in flags] + ["go"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder", type=pathlib.Path)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.5, help="of processor time, for each measurement")
    p.add_argument("--of", default="views32,views224,decode")
    args = p.parse_args()
    os.chdir(pathlib.Path(__file__).parent.parent)
    import PIL
    import torchvision

    peer, sets, names = Peer(args.folder, args.seconds), available(), args.of.split(",")
    peer_rates = {n: [] for n in names}
    our_rates = {(s, n): [] for s in sets for n in names}
    for _ in range(args.rounds):
        for s in sets:
            for n, rate in ours(args, s).items():
                our_rates[s, n].append(rate)
        for n in names:
            peer_rates[n].append(peer.rate(n))
    for (s, n), rates in our_rates.items():
        by_round = [a / b for a, b in zip(rates, peer_rates[n])]
        a, b = max(rates), max(peer_rates[n])
        print(json.dumps({
            "name": n, "instruction_set": s, "ours": round(a, 1), "peer": round(b, 1), "ratio": round(a / b, 2),
            "spread": [round(min(by_round), 2), round(max(by_round), 2)], "threads": 1,
            "peer_name": f"torchvision {torchvision.__version__} on Pillow {PIL.__version__}",
        }), flush=True)


if __name__ == "__main__":
    sys.exit(main())
