# SPDX-License-Identifier: Apache-2.0
"""Checks of `parallax import` for scripts/test_python.py: checkpoints made by the real packages, and their own features.

The weights are random, so nothing is downloaded. Statistics of batch norm are random, too: with those of a new network
a mistake in them would not show.
"""

import copy
import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARALLAX = ROOT / "bin" / "parallax"
SHIM = next((ROOT / "bin").glob("libparallax_shim.*"), ROOT / "bin" / "libparallax_shim.so")
PHOTOS = [ROOT / "testdata/oracles/augment" / name for name in ("astro150x200.png", "coffee200x150.png")]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TOLERANCE = 1e-4


def random_weights(network, seed=0):
    """Give every parameter and statistic a random value, and switch to evaluation."""
    import torch
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low, high in ((module.weight, 0.5, 0.9), (module.bias, -0.1, 0.1), (module.running_mean, -0.1, 0.1), (module.running_var, 0.8, 1.2)):
                values.data.uniform_(low, high, generator=generator)
    for name, values in network.named_parameters():
        if name.endswith(("cls_token", "class_token", "pos_embed", "pos_embedding")):
            values.data.normal_(0, 0.5, generator=generator)
    return network.eval()


def photos(folder, size):
    """Return paths of real photographs that `parallax` crops to size pixels without resizing, and those crops as a tensor."""
    import numpy as np
    import torch
    from PIL import Image
    short = (size * 8 + 6) // 7 if size > 32 else size
    paths, crops = [], []
    for i, photo in enumerate(PHOTOS * 2):
        picture = Image.open(photo).convert("RGB").resize((short, short), Image.BICUBIC, box=(10 * i, 5 * i, 10 * i + 100, 5 * i + 100))
        paths.append(folder / f"{size}-{i}.png")
        picture.save(paths[-1])
        edge = (short - size) // 2
        crop = np.asarray(picture, dtype=np.float32)[edge:edge + size, edge:edge + size] / 255
        crops.append((crop - np.float32(MEAN)) / np.float32(STD))
    return paths, torch.from_numpy(np.stack(crops).astype(np.float32)).permute(0, 3, 1, 2).contiguous()


def imported(file, out, *more):
    """Import a checkpoint; return the account of it."""
    done = subprocess.run([str(PARALLAX), "import", str(file), "--out", str(out), "--json", *more], capture_output=True, text=True)
    assert done.returncode == 0, f"import {file.name}: {done.stderr}"
    return json.loads(done.stdout)


def features(folder, encoder, paths):
    """Return the features of images as `encoder.Embed` gives them."""
    import torch
    program = folder / "embed"
    if not program.exists():
        subprocess.run(["go", "build", "-o", str(program), "./examples/embed"], check=True, cwd=ROOT)
    done = subprocess.run([str(program), str(encoder), *map(str, paths)], check=True, capture_output=True, text=True, env={**os.environ, "PARALLAX_SHIM": str(SHIM)})
    return torch.tensor([[float(v) for v in line.split()[1:]] for line in done.stdout.splitlines()])


def compare(folder, file, network, size, *more, name=None):
    """Import a file and compare the features of real photographs with those of the network that it holds."""
    import torch
    out = folder / (file.name + ".safetensors")
    report = imported(file, out, *more)
    paths, pixels = photos(folder, size)
    with torch.no_grad():
        want = network.eval()(pixels).flatten(1)
    got = features(folder, out, paths)
    assert got.shape == want.shape, f"{file.name}: {tuple(got.shape)} features, the network has {tuple(want.shape)}"
    difference, largest = (got - want).abs().max().item(), want.abs().max().item()
    assert want.std(0).max() > 0.01 * largest, f"{file.name}: the network gives every image the same features"
    print(f"      {name or file.name}: {len(report['keys'])} entries, {report['as']}, {report['family']}: greatest difference {difference:.2g} of {largest:.3g}")
    assert difference <= TOLERANCE, f"{file.name}: the features differ by {difference}"
    return report


def check_import_torchvision(folder):
    """Imported networks of torchvision have its features: ResNet-18 and -50, and ViT-B."""
    import torch
    import torchvision
    for name, head in (("resnet18", "fc"), ("resnet50", "fc"), ("vit_b_16", "heads")):
        network = random_weights(getattr(torchvision.models, name)())
        torch.save(network.state_dict(), folder / f"{name}.pth")
        if name == "resnet50":
            torch.save(network.state_dict(), folder / "stream.pth", _use_new_zipfile_serialization=False)
            torch.save(network, folder / "module.pth")
        setattr(network, head, torch.nn.Identity())
        compare(folder, folder / f"{name}.pth", network, 224, "--as", name)
        if name == "resnet50":
            compare(folder, folder / "stream.pth", network, 224)
            compare(folder, folder / "module.pth", network, 224)


def check_import_timm(folder):
    """Imported networks of timm have its features: ViTs, also at another size, and a ResNet in safetensors."""
    import timm
    import torch
    from safetensors.torch import save_file
    for name in ("vit_tiny_patch16_224", "vit_small_patch16_224", "vit_small_patch32_224"):
        network = random_weights(timm.create_model(name))
        torch.save(network.state_dict(), folder / f"{name}.pth")
        for size in (224, 96, 320):
            if size == 224 or name == "vit_tiny_patch16_224":
                other = timm.create_model(name, num_classes=0, img_size=size)
                from timm.models.vision_transformer import checkpoint_filter_fn
                other.load_state_dict(checkpoint_filter_fn(network.state_dict(), other), strict=False)
                compare(folder, folder / f"{name}.pth", other, size, "--as", name, "--size", str(size), name=f"{name} at {size} px")
    network = random_weights(timm.create_model("resnet34"))
    save_file(network.state_dict(), folder / "model.safetensors")
    network.reset_classifier(0)
    compare(folder, folder / "model.safetensors", network, 224, "--as", "resnet34.tv_in1k")


def check_import_solo_learn(folder):
    """A checkpoint of Lightning with an omegaconf object, in solo-learn's naming, has its network's features."""
    import pytorch_lightning
    import torch
    import torchvision
    from omegaconf import OmegaConf
    logging_off()

    class Method(pytorch_lightning.LightningModule):
        def __init__(self, cfg):
            super().__init__()
            self.save_hyperparameters(cfg)
            self.cfg = cfg
            self.backbone = torchvision.models.resnet18()
            self.backbone.fc = torch.nn.Identity()
            if cfg.data.dataset == "cifar10":
                self.backbone.conv1 = torch.nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=2, bias=False)
                self.backbone.maxpool = torch.nn.Identity()
            self.momentum_backbone = random_weights(copy.deepcopy(self.backbone), 2)
            self.classifier = torch.nn.Linear(512, 10)
            self.projector = torch.nn.Sequential(torch.nn.Linear(512, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64))

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1, momentum=0.9)

    for dataset, size in (("cifar10", 32), ("imagenet100", 224)):
        cfg = OmegaConf.create({"method": "byol", "data": {"dataset": dataset, "crops": [{"size": size}]}, "optimizer": {"lr": 0.1}})
        method = random_weights(Method(cfg))
        trainer = pytorch_lightning.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
        method.trainer = trainer
        trainer.strategy.connect(method)
        trainer.strategy.setup_optimizers(trainer)
        trainer.save_checkpoint(folder / f"{dataset}.ckpt")
        report = compare(folder, folder / f"{dataset}.ckpt", method.backbone, size, "--as", "resnet18")
        skipped = [g["name"] for g in report.get("skipped_globals", [])]
        assert any("omegaconf" in name for name in skipped), f"no omegaconf object among {skipped}"
        compare(folder, folder / f"{dataset}.ckpt", method.momentum_backbone, size, "--which", "teacher", name=f"{dataset}.ckpt, momentum")


def check_import_lightly(folder):
    """Checkpoints of lightly's modules have their backbones' features."""
    import pytorch_lightning
    import torch
    import torchvision
    from lightly.models import ResNetGenerator
    from lightly.models.modules import DINOProjectionHead, SimCLRProjectionHead
    from lightly.models.utils import deactivate_requires_grad
    logging_off()

    class SimCLR(pytorch_lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.backbone = torch.nn.Sequential(*list(torchvision.models.resnet50().children())[:-1])
            self.projection_head = SimCLRProjectionHead(2048, 64, 64)

    class DINO(pytorch_lightning.LightningModule):
        def __init__(self):
            super().__init__()
            backbone = torch.nn.Sequential(*list(torchvision.models.resnet18().children())[:-1])
            self.student_backbone, self.student_head = backbone, DINOProjectionHead(512, 64, 32, 128)
            self.teacher_backbone, self.teacher_head = random_weights(copy.deepcopy(backbone), 3), DINOProjectionHead(512, 64, 32, 128)
            deactivate_requires_grad(self.teacher_backbone)

    for method, file in ((SimCLR(), "simclr.ckpt"), (DINO(), "dino.ckpt")):
        random_weights(method)
        trainer = pytorch_lightning.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
        trainer.strategy.connect(method)
        trainer.save_checkpoint(folder / file)
        compare(folder, folder / file, getattr(method, "backbone", None) or method.teacher_backbone, 224)
    compare(folder, folder / "dino.ckpt", method.student_backbone, 224, "--which", "student", name="dino.ckpt, student")
    own = random_weights(ResNetGenerator("resnet-18"))
    torch.save(own.state_dict(), folder / "generator.pth")
    own.linear = torch.nn.Identity()
    compare(folder, folder / "generator.pth", own, 32)


def check_import_others(folder):
    """Checkpoints named as MoCo, MoCo v3, DINO, Barlow Twins, VICReg, SimSiam, SwAV and VISSL name theirs have their networks' features."""
    import argparse
    import timm
    import torch
    import torchvision

    class Named(torch.nn.Module):
        def __init__(self, **parts):
            super().__init__()
            for name, part in parts.items():
                setattr(self, name, part)

    def resnet18(seed, **more):
        torch.manual_seed(seed)
        network = random_weights(torchvision.models.resnet18(), seed)
        for name, part in more.items():
            setattr(network, name, part)
        return network

    def without_head(network, *heads):
        network = copy.deepcopy(network)
        for head in ("fc", *heads):
            setattr(network, head, torch.nn.Identity())
        return network

    arguments = argparse.Namespace(arch="resnet18", lr=0.03)
    mlp = torch.nn.Sequential(torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 128))
    query, key = resnet18(1, fc=mlp), resnet18(2, fc=copy.deepcopy(mlp))
    moco = torch.nn.DataParallel(Named(encoder_q=query, encoder_k=key))
    moco.module.register_buffer("queue", torch.randn(128, 64))
    moco.module.register_buffer("queue_ptr", torch.zeros(1, dtype=torch.long))
    optimizer = torch.optim.SGD(query.parameters(), 1e-5, momentum=0.9)
    sum(p.sum() for p in query.parameters()).backward()
    optimizer.step()
    torch.save({"epoch": 200, "arch": "resnet18", "state_dict": moco.state_dict(), "optimizer": optimizer.state_dict(), "args": arguments}, folder / "moco.pth.tar")
    compare(folder, folder / "moco.pth.tar", without_head(query), 224)
    compare(folder, folder / "moco.pth.tar", without_head(key), 224, "--which", "teacher", name="moco.pth.tar, key encoder")

    vit = random_weights(timm.models.vision_transformer.VisionTransformer(patch_size=16, embed_dim=384, depth=12, num_heads=12, qkv_bias=True, num_classes=256))
    v3 = torch.nn.DataParallel(Named(base_encoder=vit, momentum_encoder=copy.deepcopy(vit), predictor=torch.nn.Linear(256, 256)))
    torch.save({"epoch": 300, "state_dict": v3.state_dict()}, folder / "mocov3.pth.tar")
    vit = copy.deepcopy(vit)
    vit.reset_classifier(0)
    compare(folder, folder / "mocov3.pth.tar", vit, 224, "--as", "vit_small")

    student, teacher = (random_weights(timm.create_model("vit_tiny_patch16_224", num_classes=0), seed) for seed in (4, 5))
    head = torch.nn.Linear(192, 64)
    torch.save({"student": torch.nn.DataParallel(Named(backbone=student, head=head)).state_dict(), "teacher": Named(backbone=teacher, head=head).state_dict(),
                "epoch": 100, "args": arguments, "dino_loss": {"center": torch.zeros(1, 64)}}, folder / "dino.pth")
    compare(folder, folder / "dino.pth", teacher, 224)
    compare(folder, folder / "dino.pth", student, 224, "--which", "student", name="dino.pth, student")

    backbone = resnet18(6, fc=torch.nn.Identity())
    for name in ("barlow", "vicreg"):
        twins = torch.nn.DataParallel(Named(backbone=backbone, projector=mlp, bn=torch.nn.BatchNorm1d(128)))
        torch.save({"epoch": 10, "model": twins.state_dict()}, folder / f"{name}.pth")
        compare(folder, folder / f"{name}.pth", backbone, 224)
    encoder = resnet18(7, fc=mlp)
    torch.save({"epoch": 99, "state_dict": torch.nn.DataParallel(Named(encoder=encoder, predictor=mlp)).state_dict()}, folder / "simsiam.pth.tar")
    compare(folder, folder / "simsiam.pth.tar", without_head(encoder), 224)
    swav = resnet18(8, fc=torch.nn.Identity(), projection_head=mlp, prototypes=torch.nn.Linear(128, 300, bias=False))
    torch.save(torch.nn.DataParallel(swav).state_dict(), folder / "swav.pth.tar")
    compare(folder, folder / "swav.pth.tar", without_head(resnet18(8)), 224)
    trunk = {"_feature_blocks." + name: value for name, value in without_head(resnet18(9)).state_dict().items()}
    torch.save({"phase_idx": 1, "classy_state_dict": {"base_model": {"model": {"trunk": trunk, "heads": {"0.clf.0.weight": torch.zeros(8, 512)}}}}}, folder / "vissl.torch")
    compare(folder, folder / "vissl.torch", without_head(resnet18(9)), 224)
    compiled = torch.compile(resnet18(10))
    torch.save(compiled.state_dict(), folder / "compiled.pth")
    compare(folder, folder / "compiled.pth", without_head(resnet18(10)), 224)


def check_import_runs_nothing(folder):
    """A pickle that would run a program when PyTorch reads it does not when Parallax does; it is named."""
    import torch
    import torchvision

    class Program:
        def __reduce__(self):
            return os.system, (f"touch {folder / 'ran'}",)

    state = torchvision.models.resnet18().state_dict()
    for name, zipped in (("program.pth", True), ("program-stream.pth", False)):
        torch.save({"state_dict": state, "program": Program()}, folder / name, _use_new_zipfile_serialization=zipped)
        report = imported(folder / name, folder / "out.safetensors")
        assert not (folder / "ran").exists(), f"{name} ran a program"
        assert {"name": "posix.system", "times": 1, "called": True} in report["skipped_globals"], report.get("skipped_globals")
        print(f"      {name}: skipped {report['skipped_globals']}")
    torch.load(folder / name, weights_only=False)
    assert (folder / "ran").exists(), "the file does not run a program in PyTorch either: this checks nothing"


def logging_off():
    import logging
    import warnings
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")


CHECKS = [check_import_torchvision, check_import_timm, check_import_solo_learn, check_import_lightly, check_import_others, check_import_runs_nothing]
