#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A plain PyTorch loop that embeds the images which `parallax embed --out FILE.npy` embedded, and compares.

The loop is what PyTorch's users write: a DataLoader whose workers decode with Pillow and resize with torchvision, and
batches of 64 under inference_mode, channels-last. Prints one JSON object: images a second by the clock, from the end of
the first batch on, and the greatest difference between both programs' features.
"""

import argparse
import csv
import json
import time
from pathlib import Path

import networks
import numpy
import torch


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--encoder", required=True, help="an encoder.safetensors of a ResNet-18 of any width")
    p.add_argument("--data", type=Path, required=True, help="a folder of images")
    p.add_argument("--ours", type=Path, required=True, help="the .npy file of parallax embed, with its .csv beside it")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--workers", type=int, default=1)
    o = p.parse_args()
    from PIL import Image
    from safetensors import safe_open
    from torchvision.transforms import v2

    torch.set_num_threads(o.threads)
    with open(o.ours.with_suffix(".csv"), newline="") as rows:
        paths = [o.data / row["path"] for row in csv.DictReader(rows)]
    with safe_open(o.encoder, "pt") as f:
        metadata, state = f.metadata(), {k: f.get_tensor(k) for k in f.keys()}
    model, _ = networks.resnet("resnet18", int(metadata["width"]), metadata["stem"])
    model.load_state_dict(state, strict=True)
    model = model.eval().to(memory_format=torch.channels_last)
    size = int(metadata["size"])
    mean, std = ([float(x) for x in metadata[k].strip("[]").split()] for k in ("mean", "std"))
    short = size if size <= 64 else (size * 8 + 6) // 7
    prepare = v2.Compose([v2.Resize(short), v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
                          v2.Normalize(mean, std)])

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(paths)

        def __getitem__(self, i):
            return prepare(Image.open(paths[i]).convert("RGB"))

    loader = torch.utils.data.DataLoader(Images(), batch_size=64, num_workers=o.workers)
    rows, begun = [], None
    with torch.inference_mode():
        for batch in loader:
            rows.append(model(batch.to(memory_format=torch.channels_last)))
            begun = begun or time.perf_counter()  # behind the first batch: the workers have started
    seconds = time.perf_counter() - begun
    difference = numpy.abs(numpy.load(o.ours) - torch.cat(rows).numpy()).max()
    print(json.dumps({"images": len(paths), "images_per_second": (len(paths) - len(rows[0])) / seconds,
                      "greatest_difference": float(difference)}))


if __name__ == "__main__":
    main()
