# SPDX-License-Identifier: Apache-2.0
"""The list of the benchmarks."""

from functools import partial

from bench import commands, evaluation, images, minutes, training
from bench.harness import Benchmark
from bench.images import views
from bench.training import R18, W16, defaults, end2end, tuned_peer

LOOP = "PyTorch loop with lightly's transforms and loss, 2 workers"
TUNED = f"{LOOP}, channels-last, our allocator settings"
SIMSIAM, SIMCLR = "SimSiam, ResNet-18, batch 64", "SimCLR, ResNet-18 of width 16, batch 256"
RATE, CPU = "images/s", "images/s of processor time"

ALL = [
    Benchmark("end2end-r18", f"{SIMSIAM}, bf16", LOOP, RATE, partial(end2end, R18, "bf16")),
    Benchmark("end2end-r18-f32", f"{SIMSIAM}, float32", LOOP, RATE, partial(end2end, R18, "float32")),
    Benchmark("end2end-w16", f"{SIMCLR}, bf16", LOOP, RATE, partial(end2end, W16, "bf16")),
    Benchmark("end2end-w16-f32", f"{SIMCLR}, float32", LOOP, RATE, partial(end2end, W16, "float32")),
    Benchmark("end2end-r18-tuned-peer", f"{SIMSIAM}, bf16", TUNED, RATE, partial(tuned_peer, R18, "bf16")),
    Benchmark("end2end-r18-f32-tuned-peer", f"{SIMSIAM}, float32", TUNED, RATE, partial(tuned_peer, R18, "float32")),
    Benchmark("end2end-w16-tuned-peer", f"{SIMCLR}, bf16", TUNED, RATE, partial(tuned_peer, W16, "bf16")),
    Benchmark("end2end-w16-f32-tuned-peer", f"{SIMCLR}, float32", TUNED, RATE, partial(tuned_peer, W16, "float32")),
    Benchmark("end2end-defaults", f"{SIMSIAM}, both as they come", f"{LOOP}, float32", RATE, partial(defaults, R18)),
    Benchmark("end2end-defaults-w16", f"{SIMCLR}, both as they come", f"{LOOP}, float32", RATE, partial(defaults, W16)),
    Benchmark("end2end-solo", "SimSiam, ResNet-18, batch 256, bf16",
              "solo-learn's settings as plain PyTorch, channels-last, 2 workers", RATE, training.end2end_solo),
    Benchmark("step-r18", f"{SIMSIAM}, bf16: the step without its images", "PyTorch's bare step on random tensors",
              RATE, training.step_r18),
    Benchmark("step-limit", f"{SIMSIAM}, bf16: the step without its images",
              "a step that has convolutions and products only, in PyTorch", RATE, training.step_limit),
    Benchmark("step-share", f"{SIMSIAM}, bf16: the share of a step that is convolutions and products", "the whole step",
              "of a step", training.step_share),
    Benchmark("step-small", "SimCLR, ResNet of 77,000 parameters, batch 256, float32, one thread",
              "half the rate of a large product", "Gflop/s", training.step_small),
    Benchmark("contended", f"{SIMCLR}, bf16, two threads beside a busy loop", "one thread beside a busy loop", RATE,
              training.contended),
    Benchmark("contended-training", f"{SIMCLR}, bf16, two threads beside another such run",
              "half of what it reaches alone", RATE, training.contended_training),
    Benchmark("views32", "two views of 32 pixels", "PIL and torchvision", CPU, partial(views, "views32", "pil")),
    Benchmark("views32-avx2", "two views of 32 pixels, at most AVX2", "PIL and torchvision", CPU,
              partial(views, "views32", "pil", instructions="avx2")),
    Benchmark("views32-kornia", "two views of 32 pixels", "kornia, batches of 256", CPU,
              partial(views, "views32", "kornia")),
    Benchmark("views32-albumentations", "two views of 32 pixels", "albumentations", CPU,
              partial(views, "views32", "albumentations")),
    Benchmark("views224", "two views of 224 pixels", "PIL and torchvision", CPU, partial(views, "views224", "pil")),
    Benchmark("views224-avx2", "two views of 224 pixels, at most AVX2", "PIL and torchvision", CPU,
              partial(views, "views224", "pil", instructions="avx2")),
    Benchmark("views224-kornia", "two views of 224 pixels", "kornia, batches of 16", CPU,
              partial(views, "views224", "kornia")),
    Benchmark("views224-albumentations", "two views of 224 pixels", "albumentations", CPU,
              partial(views, "views224", "albumentations")),
    Benchmark("decode", "photos decoded to RGB", "PIL", CPU, partial(views, "decode", "decode")),
    Benchmark("pack", "training on packed photos, views of 224 pixels", "the same on the files", RATE, images.pack),
    Benchmark("first-step", "SimCLR, tiny-cpu: from the command to the end of the first step", "two seconds", "s",
              commands.first_step, less=True),
    Benchmark("memory", f"{SIMSIAM}, bf16: greatest PSS over the process tree", LOOP, "MiB", commands.memory,
              less=True),
    Benchmark("knn", "ten nearest of 200,000 rows of 512", "FAISS IndexFlatIP", "queries/s",
              partial(evaluation.knn, 512, 0)),
    Benchmark("knn-index", "ten nearest of 200,000 rows of 512 by an index, 8 lists", "FAISS IndexIVFFlat, 8 lists",
              "queries/s", partial(evaluation.knn, 512, 8)),
    Benchmark("embed", "CIFAR-10's test images through a ResNet-18", "PyTorch loop, channels-last, 2 workers", RATE,
              evaluation.embed),
    Benchmark("lab", "claim SIM-01, one seed: processor time", f"before: commit {commands.BEFORE}", "s", commands.lab,
              less=True),
    Benchmark("growth", "start on 1,000,000 files, for each file", "start on 100,000 files, for each file", "µs a file",
              commands.growth, less=True),
    Benchmark("minutes", "kNN accuracy after ten minutes", "SimCLR in PyTorch, width 16, bf16", "accuracy",
              minutes.minutes, long=True),
]
