# SPDX-License-Identifier: Apache-2.0
"""The networks of the benchmarks, of torchvision's parts."""

import torch
from torchvision.models.resnet import BasicBlock, ResNet

BLOCKS = {"resnet8": [1, 1, 1], "resnet18": [2, 2, 2, 2]}
STEMS = {"imagenet": (7, 2, 3), "small": (3, 1, 1), "strided": (3, 2, 1)}  # kernel, stride, padding of conv1


def add_arguments(parser):
    """Add the options that say which network learns by which method, from what batches."""
    parser.add_argument("--method", choices=["simsiam", "simclr"], required=True)
    parser.add_argument("--backbone", choices=list(BLOCKS), default="resnet18")
    parser.add_argument("--stem", choices=list(STEMS), default="small")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=64)


def resnet(name, width=64, stem="small"):
    """Return a ResNet of basic blocks without its classifier, and its number of features."""
    blocks = BLOCKS[name]
    model = ResNet(BasicBlock, [1, 1, 1, 1])
    model.inplanes = width
    kernel, stride, padding = STEMS[stem]
    model.conv1 = torch.nn.Conv2d(3, width, kernel, stride, padding, bias=False)
    model.bn1 = torch.nn.BatchNorm2d(width)
    if stem != "imagenet":
        model.maxpool = torch.nn.Identity()
    for i in range(4):
        layer = torch.nn.Identity()
        if i < len(blocks):
            layer = model._make_layer(BasicBlock, width << i, blocks[i], stride=1 if i == 0 else 2)
        setattr(model, f"layer{i + 1}", layer)
    model.fc = torch.nn.Identity()
    for module in model.modules():  # as torchvision's constructor does
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model, width << (len(blocks) - 1)


def method(name, backbone, features, hidden):
    """Return a network with lightly's heads, and its loss of two views: SimSiam's or SimCLR's.

    Where there is no lightly, as on a machine that is only lent, the same heads and losses are written here.
    """
    try:
        from lightly.loss import NegativeCosineSimilarity, NTXentLoss
        from lightly.models.modules import SimCLRProjectionHead, SimSiamPredictionHead, SimSiamProjectionHead
    except ImportError:
        from plain import (NegativeCosineSimilarity, NTXentLoss, SimCLRProjectionHead, SimSiamPredictionHead,
                           SimSiamProjectionHead)

    if name == "simclr":
        projector = SimCLRProjectionHead(features, hidden, 128)
        criterion = NTXentLoss(temperature=0.2)
        model = torch.nn.ModuleList([backbone, projector])
        return model, lambda x0, x1: criterion(projector(backbone(x0)), projector(backbone(x1)))

    projector = SimSiamProjectionHead(features, hidden, hidden)
    predictor = SimSiamPredictionHead(hidden, hidden // 4, hidden)
    criterion = NegativeCosineSimilarity()

    def loss(x0, x1):
        z0, z1 = projector(backbone(x0)), projector(backbone(x1))
        p0, p1 = predictor(z0), predictor(z1)
        return 0.5 * (criterion(p0, z1.detach()) + criterion(p1, z0.detach()))

    return torch.nn.ModuleList([backbone, projector, predictor]), loss
