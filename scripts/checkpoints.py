#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the small checkpoints in weights/testdata, under the names of the programs that write such files.

    python3 scripts/checkpoints.py

needs the packages of requirements-python.txt. The names are those of torchvision's and timm's networks. To keep the files
small, a ResNet has one channel where the real one has 64, and all tensors of a file are views of one small storage, with
strides and offsets of their own. expected.json has a digest of the values that an import has to find.
"""

import argparse
import copy
import hashlib
import json
import os
import pickle
from collections import OrderedDict
from pathlib import Path

import timm
import torch
import torchvision
from omegaconf import OmegaConf

FOLDER = Path(__file__).resolve().parent.parent / "weights" / "testdata"
VALUES = torch.sin(0.1 + 0.7 * torch.arange(1024, dtype=torch.float64)).mul_(0.1).float()
POSITIVE, COUNT = VALUES + 1, torch.tensor(100)


def view(shape, start, base=VALUES):
    """Return a float32 tensor of the given shape that overlaps others, rows one element apart."""
    need = sum(side - 1 for side in shape) + 1
    return torch.as_strided(base, tuple(shape), (1,) * len(shape), start % (base.numel() - need + 1))


def state(network, scale=1, skip=(), seed=0):
    """Return a state_dict with the names of a network; of every side that 64 divides, 64 become 64/scale."""
    own = OrderedDict()
    for i, (name, value) in enumerate(network.state_dict().items()):
        if name.startswith(skip):
            continue
        shape = [side // scale if side % 64 == 0 else side for side in value.shape]
        own[name] = COUNT if name.endswith("num_batches_tracked") else view(shape, 37 * i + seed, POSITIVE if name.endswith("running_var") else VALUES)
    return own


def under(prefix, tensors):
    return OrderedDict((prefix + name, value) for name, value in tensors.items())


def renamed(tensors, **places):
    def new(name):
        first, rest = name.split(".", 1)
        return places.get(first, first) + "." + rest
    return OrderedDict((new(name), value) for name, value in tensors.items())


def digest(tensors):
    """Return the SHA-256 of the values of a state_dict in its order, float32 or int64."""
    h = hashlib.sha256()
    for value in tensors.values():
        h.update((value.float() if value.is_floating_point() else value).contiguous().numpy().tobytes())
    return h.hexdigest()


class Program:
    """An object whose pickle runs a program."""

    def __reduce__(self):
        return os.system, ("touch ran",)


def main():
    FOLDER.mkdir(exist_ok=True)
    expected = {}

    def save(name, value, want, architecture, family, **more):
        torch.save(value, FOLDER / name, _use_new_zipfile_serialization=not more.pop("stream", False))
        expected[name] = {"architecture": architecture, "family": family, "sha256": digest(want), **more}

    resnet = torchvision.models.resnet18()
    r18, other = state(resnet, 64, ("fc.",)), state(resnet, 64, ("fc.",), seed=1000)
    head = OrderedDict(weight=view((10, 8), 5), bias=view((10,), 6))
    with_fc = OrderedDict([*r18.items(), *under("fc.", head).items()])
    arguments = argparse.Namespace(arch="resnet18", lr=0.03)
    optimizer = {"state": {0: {"momentum_buffer": view((1, 3, 7, 7), 9)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}

    save("torchvision.pth", with_fc, r18, "resnet18", "torchvision or timm")
    save("stream.pth", with_fc, r18, "resnet18", "torchvision or timm", stream=True)
    r50 = state(torchvision.models.resnet50(), 64, ("fc.",))
    save("resnet50.pth", r50, r50, "resnet50", "torchvision or timm")
    kinds = [torch.float64, torch.float16, torch.bfloat16, torch.float32]
    mixed = OrderedDict((name, value.to(kinds[i % 4]) if value.is_floating_point() else value) for i, (name, value) in enumerate(r18.items()))
    save("mixed.pt", mixed, mixed, "resnet18", "torchvision or timm")
    bare = OrderedDict((name, value) for name, value in r18.items() if not name.endswith("num_batches_tracked"))
    save("uncounted.pth", bare, OrderedDict((name, value if name in bare else torch.tensor(0)) for name, value in r18.items()), "resnet18", "torchvision or timm", filled=20)
    save("compiled.pth", under("_orig_mod.module.", with_fc), r18, "resnet18", "torchvision or timm")

    lightning = {"epoch": 3, "global_step": 30, "pytorch-lightning_version": "2.6.6", "loops": {}, "callbacks": {}, "optimizer_states": [optimizer], "lr_schedulers": [],
                 "hparams_name": "cfg", "hyper_parameters": OmegaConf.create({"method": "simclr", "data": {"dataset": "imagenet100"}, "crops": [1, 2]})}
    heads = OrderedDict([*under("classifier.", head).items(), *under("projector.0.", head).items()])
    omegaconf = ["omegaconf.dictconfig.DictConfig", "omegaconf.nodes.AnyNode"]
    save("solo-learn.ckpt", {**lightning, "state_dict": under("backbone.", r18) | under("momentum_backbone.", other) | heads}, r18, "resnet18", "solo-learn", skipped=omegaconf)
    small = OrderedDict(r18)
    small["conv1.weight"] = view((1, 3, 3, 3), 77)
    save("solo-learn-cifar.ckpt", {**lightning, "state_dict": under("encoder.", small) | heads}, small, "resnet18", "solo-learn", stem="padded", skipped=omegaconf)
    sequential = renamed(r18, conv1="0", bn1="1", layer1="4", layer2="5", layer3="6", layer4="7")
    save("lightly.ckpt", {**lightning, "hyper_parameters": {}, "state_dict": under("backbone.", sequential) | under("projection_head.layers.0.", head)}, r18, "resnet18", "lightly")
    shortcuts = OrderedDict((name.replace("downsample", "shortcut"), value) for name, value in small.items())
    save("lightly-own.pth", shortcuts | under("linear.", head), small, "resnet18", "torchvision or timm", stem="small")
    save("vissl.torch", {"phase_idx": 1, "classy_state_dict": {"base_model": {"model": {"trunk": under("_feature_blocks.", r18), "heads": under("0.clf.0.", head)}}}}, r18, "resnet18", "VISSL")
    moco = under("module.encoder_q.", with_fc) | under("module.encoder_k.", other) | {"module.queue": view((8, 16), 3), "module.queue_ptr": torch.zeros(1, dtype=torch.long)}
    save("moco.pth.tar", {"epoch": 200, "arch": "resnet18", "state_dict": moco, "optimizer": optimizer, "args": arguments}, r18, "resnet18", "MoCo", skipped=["argparse.Namespace"], teacher=digest(other))
    save("mocov3-resnet.pth.tar", {"state_dict": under("module.base_encoder.", r18) | under("module.momentum_encoder.", other) | under("module.predictor.0.", head)}, r18, "resnet18", "MoCo v3", teacher=digest(other))
    save("barlow.pth", {"epoch": 9, "model": under("module.backbone.", r18) | under("module.projector.0.", head) | {"module.bn.running_mean": view((8,), 3)}, "optimizer": optimizer}, r18, "resnet18",
         "Barlow Twins or VICReg")
    save("simsiam.pth.tar", {"state_dict": under("module.encoder.", r18) | under("module.encoder.fc.0.", head) | under("module.predictor.0.", head)}, r18, "resnet18", "SimSiam")
    save("swav.pth.tar", under("module.", r18) | under("module.projection_head.0.", head) | {"module.prototypes.weight": view((30, 8), 2)}, r18, "resnet18", "SwAV")

    tiny = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    vit, second = state(tiny), state(tiny, seed=1000)
    save("vit.pth", vit | under("head.", head), vit, "vit_tiny", "timm")
    save("dino.pth", {"student": under("module.backbone.", second) | under("module.head.mlp.0.", head), "teacher": under("backbone.", vit) | under("head.mlp.0.", head), "epoch": 100,
                      "args": arguments, "dino_loss": {"center": view((1, 8), 1)}}, vit, "vit_tiny", "DINO", skipped=["argparse.Namespace"], student=digest(second))
    without_bias = OrderedDict((name, value) for name, value in vit.items() if not name.endswith("qkv.bias"))
    zeros = OrderedDict((name, value if name in without_bias else torch.zeros_like(value)) for name, value in vit.items())
    save("vit-no-bias.pth", without_bias, zeros, "vit_tiny", "timm", filled=12)
    save("program.pth", {"state_dict": with_fc, "program": Program()}, r18, "resnet18", "torchvision or timm", skipped=[f"{os.system.__module__}.system"])
    save("program-stream.pth", {"state_dict": with_fc, "program": Program()}, r18, "resnet18", "torchvision or timm", skipped=[f"{os.system.__module__}.system"], stream=True)

    # Pickles alone, for the seeds of the fuzz tests.
    values = {"none": None, "numbers": [0, -1, 1 << 31, -(1 << 70), 0.5, True], "texts": ("a", b"b", "\u00e9\n"), "sets": {1}, "same": [], "namespace": copy.copy(arguments)}
    values["again"] = values["same"]
    for protocol in range(6):
        (FOLDER / f"protocol{protocol}.pkl").write_bytes(pickle.dumps(values, protocol))
    (FOLDER / "program.pkl").write_bytes(pickle.dumps(Program()))
    # PyTorch's bicubic interpolation with antialiasing, of positions on a grid of 5 to grids of 3 and 8.
    grid = torch.sin(torch.arange(25 * 2, dtype=torch.float64) ** 1.5).float().reshape(1, 5, 5, 2).permute(0, 3, 1, 2)
    expected["positions"] = {str(n): torch.nn.functional.interpolate(grid, (n, n), mode="bicubic", antialias=True).permute(0, 2, 3, 1).flatten().tolist() for n in (3, 8)}
    (FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(f"{len(expected) - 1} checkpoints, {sum(f.stat().st_size for f in FOLDER.iterdir())} bytes")


if __name__ == "__main__":
    main()
