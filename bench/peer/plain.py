# SPDX-License-Identifier: Apache-2.0
"""Heads and losses of SimCLR and SimSiam in plain PyTorch, with lightly's names, for where there is no lightly."""

import torch
from torch import nn


class SimCLRProjectionHead(nn.Sequential):
    """Two linear layers with batch norm: Chen et al., arXiv:2002.05709."""

    def __init__(self, features, hidden, out):
        super().__init__(nn.Linear(features, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
                         nn.Linear(hidden, out, bias=False), nn.BatchNorm1d(out))


class SimSiamProjectionHead(nn.Sequential):
    """Three linear layers with batch norm: Chen & He, arXiv:2011.10566."""

    def __init__(self, features, hidden, out):
        super().__init__(nn.Linear(features, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
                         nn.Linear(hidden, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
                         nn.Linear(hidden, out, bias=False), nn.BatchNorm1d(out, affine=False))


class SimSiamPredictionHead(nn.Sequential):
    """A bottleneck of two linear layers."""

    def __init__(self, features, hidden, out):
        super().__init__(nn.Linear(features, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(),
                         nn.Linear(hidden, out))


class NegativeCosineSimilarity(nn.Module):
    """The mean negative cosine of two batches."""

    def forward(self, x0, x1):
        return -torch.nn.functional.cosine_similarity(x0, x1, dim=1).mean()


class NTXentLoss(nn.Module):
    """The normalised temperature-scaled cross entropy of SimCLR over the views of a batch."""

    def __init__(self, temperature):
        super().__init__()
        self.temperature = temperature

    def forward(self, z0, z1):
        n = len(z0)
        z = torch.nn.functional.normalize(torch.cat([z0, z1]).float(), dim=1)
        logits = (z @ z.T / self.temperature).fill_diagonal_(-torch.inf)
        positives = torch.arange(2 * n, device=z.device).roll(n)
        return torch.nn.functional.cross_entropy(logits, positives)
