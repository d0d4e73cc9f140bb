#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The convolutions and products of a training step alone, forward and backward, and the rate of a large product.

Every layer is timed by itself on random tensors: the same shapes, layout, precision and threads as in the step, with
nothing between the layers. Prints one JSON object: images a second if a step were only that; the floating-point
operations of an image in a step; and the operations a second of large products and a large convolution (the best).
"""

import argparse
import json
import time

import networks
import torch


def layers(model, loss_of, batch, size):
    """Run the network once and return (module, input's shape, uses) of its convolutions and products, for two views."""
    seen = {}

    def note(module, inputs, _):
        shape, uses = seen.get(module, (inputs[0].shape, 0))
        seen[module] = shape, uses + 1

    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(note)
    loss_of(torch.randn(batch, 3, size, size), torch.randn(batch, 3, size, size))
    return [(module, shape, uses) for module, (shape, uses) in seen.items()]


def best(seconds, run):
    """Return the least time of a run, of at least five and for so many seconds."""
    run()
    times, begun = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begun < seconds:
        at = time.perf_counter()
        run()
        times.append(time.perf_counter() - at)
    return min(times)


def cost(module, shape, kind, first, seconds):
    """Return the seconds of a layer's forward and backward pass, and its multiplications."""
    x = torch.randn(shape, dtype=kind)
    weight = module.weight.detach().to(kind)
    if len(shape) == 4:
        x = x.to(memory_format=torch.channels_last)
        weight = weight.to(memory_format=torch.channels_last)
    x.requires_grad_(not first)  # images get no gradient
    weight.requires_grad_()

    def forward():
        if len(shape) == 4:
            return torch.nn.functional.conv2d(x, weight, None, module.stride, module.padding)
        return torch.nn.functional.linear(x, weight)

    out = forward()
    slope = torch.randn_like(out)
    wanted = [weight] if first else [x, weight]
    products = out.numel() * weight[0].numel()
    return best(seconds, lambda: torch.autograd.grad(forward(), wanted, slope)), products * (1 + len(wanted))


def peak(kind, seconds):
    """Return the operations a second of the fastest of some large products and a large convolution.

    MKL's float32 product reaches less than half of an AMD processor; oneDNN's convolution reaches nearly all of it.
    """
    x = torch.randn(64, 256, 8, 8, dtype=kind).to(memory_format=torch.channels_last)
    weight = torch.randn(256, 256, 3, 3, dtype=kind).to(memory_format=torch.channels_last)
    # Products with pixels beyond the image's edge are left out: 22 of 24 rows and columns are within.
    operations = 2 * 64 * 256 * 256 * 22**2
    rates = [operations / best(seconds, lambda: torch.nn.functional.conv2d(x, weight, None, 1, 1))]
    for n in (1024, 2048, 3072):
        a, b = torch.randn(n, n, dtype=kind), torch.randn(n, n, dtype=kind)
        rates.append(2 * n**3 / best(seconds, lambda: a @ b))
    return max(rates)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    networks.add_arguments(p)
    p.add_argument("--precision", choices=["float32", "bf16"], default="bf16")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=1, help="for each layer")
    o = p.parse_args()
    torch.set_num_threads(o.threads)
    kind = torch.bfloat16 if o.precision == "bf16" else torch.float32
    backbone, features = networks.resnet(o.backbone, o.width, o.stem)
    model, loss_of = networks.method(o.method, backbone, features, o.hidden)
    spent = products = 0
    for module, shape, uses in layers(model, loss_of, o.batch, o.size):
        seconds, n = cost(module, shape, kind, module is backbone.conv1, o.seconds)
        spent, products = spent + uses * seconds, products + uses * n
    print(json.dumps({
        "images_per_second": o.batch / spent, "operations": 2 * products / o.batch, "peak": peak(kind, o.seconds),
        "parameters": sum(p.numel() for p in backbone.parameters()),
    }))


if __name__ == "__main__":
    main()
