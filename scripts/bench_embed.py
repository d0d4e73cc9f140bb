#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare `parallax embed` with a plain PyTorch loop: images a second, and the embeddings' greatest difference.

    scripts/bench_embed.py --encoder runs/simclr-1/encoder.safetensors --data photos [--threads 1] [--workers 1]

The encoder is a ResNet-18 of any width, the data a folder of images. The loop is what PyTorch's users write: a
DataLoader whose workers decode with Pillow and resize with torchvision, and batches of 64 under inference_mode. Both
see the same images, with the same weights and threads. Needs torch, torchvision, safetensors, numpy and Pillow.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def network(metadata, state):
    """Return torchvision's ResNet-18 with the weights, of the width and stem of the metadata."""
    import torch
    import torchvision
    width = int(metadata["width"])
    model = torchvision.models.resnet18()
    model.inplanes = width
    stem = (3, width, 3, 1, 1) if metadata["stem"] == "small" else (3, width, 7, 2, 3)
    model.conv1 = torch.nn.Conv2d(*stem, bias=False)
    model.bn1 = torch.nn.BatchNorm2d(width)
    if metadata["stem"] == "small":
        model.maxpool = torch.nn.Identity()
    for i in range(4):
        layer = model._make_layer(torchvision.models.resnet.BasicBlock, width << i, 2, stride=1 if i == 0 else 2)
        setattr(model, f"layer{i + 1}", layer)
    model.fc = torch.nn.Identity()
    model.load_state_dict(state, strict=True)
    return model.eval().to(memory_format=torch.channels_last)


def loop(encoder, paths, workers):
    """Embed the images at paths in a plain loop. Return the embeddings and the seconds."""
    import torch
    from PIL import Image
    from safetensors import safe_open
    from torchvision.transforms import v2
    with safe_open(encoder, "pt") as f:
        metadata, state = f.metadata(), {k: f.get_tensor(k) for k in f.keys()}
    model, size = network(metadata, state), int(metadata["size"])
    mean, std = ([float(x) for x in metadata[k].strip("[]").split()] for k in ("mean", "std"))
    short = size if size <= 64 else (size * 8 + 6) // 7
    prepare = v2.Compose([v2.Resize(short), v2.CenterCrop(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True),
                          v2.Normalize(mean, std)])

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(paths)

        def __getitem__(self, i):
            return prepare(Image.open(paths[i]).convert("RGB"))

    loader = torch.utils.data.DataLoader(Images(), batch_size=64, num_workers=workers)
    rows = []
    start = time.perf_counter()
    with torch.inference_mode():
        for batch in loader:
            rows.append(model(batch.to(memory_format=torch.channels_last)))
    return torch.cat(rows).numpy(), time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    import numpy
    import torch
    torch.set_num_threads(options.threads)
    for _ in range(options.repeat):  # alternate, so that other load on the machine meets both
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "x.npy"
            said = subprocess.run([ROOT / "bin/parallax", "embed", "--run", options.encoder, "--data", options.data,
                                   "--out", out, "--threads", str(options.threads), "--workers", str(options.workers),
                                   "--json"], check=True, capture_output=True, text=True)
            ours = json.loads(said.stdout)
            features = numpy.load(out)
            with open(out.with_suffix(".csv"), newline="") as rows:
                import csv
                paths = [Path(options.data) / row["path"] for row in csv.DictReader(rows)]
        theirs, seconds = loop(options.encoder, paths, options.workers)
        print(json.dumps({
            "images": len(paths), "threads": options.threads, "workers": options.workers,
            "parallax": round(ours["images_per_second"], 1), "pytorch": round(len(paths) / seconds, 1),
            "greatest difference": float(numpy.abs(features - theirs).max()),
        }), flush=True)


if __name__ == "__main__":
    sys.exit(main())
