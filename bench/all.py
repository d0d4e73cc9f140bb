# SPDX-License-Identifier: Apache-2.0
"""The benchmarks: a function each, and the list of them."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import data, machine, ours, peers
from bench.harness import Benchmark, Pair, Side, fixed
from bench.ours import ALIKE, BARE, PARALLAX, crop_only, pretrain, recipe, scratch, steady, step_lines
from bench.processes import ROOT, Failed, busy_loop, run, shown, started

BEFORE = "6bb695e"  # the commit that "before" means


@dataclass
class Settings:
    """What a user chose."""

    images: str = ""  # an archive or a folder with train/CLASS and test/CLASS
    photos: str = ""  # an archive or a folder of photos
    quick: bool = False  # a few steps, to see that a benchmark works
    threads: int = field(default_factory=machine.cores)

    @property
    def data(self):
        if not self.images:
            raise Failed("no images given: make bench DATA=cifar10.tar.gz")
        return data.folder(self.images, "train")

    @property
    def photo_folder(self):
        if not self.photos:
            raise Failed("no photos given: make bench PHOTOS=FOLDER, with JPEG files of some hundred pixels")
        return data.folder(self.photos, "")

    def scaled(self, full, quick):
        return quick if self.quick else full


# Training, end to end and the step alone.

@dataclass(frozen=True)
class Task:
    """A training task, in our words and in those of bench/peer/train.py."""

    method: str
    width: int
    hidden: int
    batch: int
    every: int  # steps between our lines
    steps: int  # that are measured, after a warm-up of one line
    flags: tuple
    recipe: tuple
    backbone: str = "resnet18"
    stem: str = "small"

    def peer(self):
        return ["--method", self.method, "--backbone", self.backbone, "--stem", self.stem, "--width", self.width,
                "--hidden", self.hidden, "--batch", self.batch]


R18 = Task("simsiam", 64, 2048, 64, 5, 20, ("--preset", "cifar", "--backbone", "resnet18"),
           tuple(recipe(0.2, (0.4, 0.4, 0.4, 0.1), 0.5)))
W16 = Task("simclr", 16, 512, 256, 10, 40, ("--preset", "tiny-cpu"), tuple(recipe(0.08, (0.8, 0.8, 0.8, 0.2), 0)))
SMALL = Task("simclr", 16, 128, 256, 20, 80, ("--preset", "lab", "--set", "method.projector.widths=[128, 128]",
                                              "--set", "train.eval_early=false", "--set", "probe.detail=false"), (),
             "resnet8", "strided")


def lengths(s, task):
    """Return the steps of the warm-up, which are also those between our lines, and the steps that are measured."""
    return s.scaled((task.every, task.steps), (1, 2))


def our_training(s, task, precision, flags, threads=None, batch=None, pin=None):
    """Return the side of `parallax pretrain`: images a second by the clock."""
    warm, steps = lengths(s, task)
    batch = batch or task.batch
    command = pretrain(s.data, "--method", task.method, "--size", 32, "--batch", batch, *task.flags,
                       *(["--precision", precision] if precision else []), "--threads", threads or s.threads,
                       "--log-every", warm, *flags)
    return Side(shown(command), lambda: steady(step_lines(command, warm + steps, pin=pin), batch, warm))


def peer_training(s, task, *flags, env=None, threads=None):
    """Return the side of a PyTorch loop."""
    warm, steps = lengths(s, task)
    command = peers.command("train", *task.peer(), "--threads", threads or s.threads, "--warm", warm, "--steps", steps,
                            *flags)

    def measure():
        return peers.told(command, s.threads, env)[0]["images_per_second"]

    return Side(shown(command, env), measure)


def end2end(task, precision, s):
    """Both with the same precision, batch, recipe and optimiser; ours without the guard and the online probe."""
    return Pair(our_training(s, task, precision, [*task.recipe, "--workers", 2, *ALIKE]),
                peer_training(s, task, "--data", s.data, "--precision", precision))


def tuned_peer(task, precision, s):
    """As end2end, and the peer has what our engine does for itself: channels-last and the allocator's settings."""
    return Pair(end2end(task, precision, s).ours, peer_training(
        s, task, "--data", s.data, "--precision", precision, "--channels-last", env=peers.ALLOCATOR))


def defaults(task, s):
    """Both as they come: ours with its precision, guard and online probe, theirs as lightly's example."""
    return Pair(our_training(s, task, "", BARE), peer_training(s, task, "--data", s.data))


def end2end_solo(s):
    """SimSiam with solo-learn's settings for CIFAR, which our preset cifar has: batch 256, channels-last, bf16."""
    task = Task("simsiam", 64, 2048, 256, 2, 6, R18.flags, ())
    return Pair(our_training(s, task, "bf16", ["--workers", 2, *ALIKE]), peer_training(
        s, task, "--data", s.data, "--precision", "bf16", "--transforms", "solo", "--channels-last"))


def our_step(s, task, precision, threads):
    """Return the side of our step: crops only, and less the wait for them."""
    warm, steps = lengths(s, task)
    command = pretrain(s.data, "--method", task.method, "--size", 32, "--batch", task.batch, *task.flags, "--precision",
                       precision, "--threads", threads, "--log-every", warm, *crop_only(), *ALIKE)
    return Side(shown(command), lambda: ours.unwaited(step_lines(command, warm + steps), warm))


def step_r18(s):
    """The peer's images are random tensors that are there; ours are read and cropped beside the step."""
    return Pair(our_step(s, R18, "bf16", s.threads), peer_training(s, R18, "--random", "--precision", "bf16"))


def limit(s, task, precision, threads):
    """Return the command that times the convolutions and products of a step alone."""
    return peers.command("limit", *task.peer(), "--precision", precision, "--threads", threads, "--seconds",
                         s.scaled(1, 0.05))


def step_limit(s):
    """The share of a step that is convolutions and products: the time these take alone, over that of the whole step."""
    command = limit(s, R18, "bf16", s.threads)
    return Pair(our_step(s, R18, "bf16", s.threads), Side(
        shown(command), lambda: peers.told(command, s.threads)[0]["images_per_second"]))


def step_small(s):
    """The laboratory's network of 77,000 parameters on one thread, in the operations of its convolutions and products.

    The peer is half of the rate of a large float32 product: half of what the core can do.
    """
    command = limit(s, SMALL, "float32", 1)
    told = {}
    step = our_step(s, SMALL, "float32", 1)

    def peer():
        told.update(peers.told(command, 1)[0])
        return told["peak"] / 2e9

    def our():
        told.update(told or peers.told(command, 1)[0])
        return step.measure() * told["operations"] / 1e9

    return Pair(Side(step.command, our), Side(shown(command), peer), {"limit": told})


# Beside other programs.

def two_cores():
    """Return two cores of those that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise Failed("this needs two cores")
    return set(usable[:2])


def contended(s):
    """Ours with two threads and with one, on two cores of which a busy loop wants one."""
    pin = two_cores()

    def side(threads):
        quiet = our_training(s, W16, "bf16", ALIKE, threads=threads, pin=pin)

        def measure():
            with busy_loop(pin):
                return quiet.measure()

        return Side(f"{quiet.command} # beside a busy loop, on two cores", measure)

    return Pair(side(2), side(1))


def contended_training(s):
    """Two runs of ours at once, two threads each, over the fair share: half of what one reaches alone."""
    pin = two_cores()
    warm, steps = lengths(s, W16)
    alone = our_training(s, W16, "bf16", ALIKE, threads=2, pin=pin)
    other = pretrain(s.data, "--method", W16.method, "--size", 32, "--batch", W16.batch, *W16.flags, "--precision",
                     "bf16", "--threads", 2, "--log-every", warm, *ALIKE)

    def together():
        with ours.events(other, pin=pin) as lines:
            next(line for line in lines if line.event.get("event") == "step")  # it trains
            return alone.measure()

    return Pair(Side(f"{alone.command} # beside another such run", together),
                Side(f"{alone.command} # half of it", lambda: alone.measure() / 2))


# Images.

def our_views(s, *flags):
    """Return the side of internal/viewsbench: a rate for each second of processor time, on one thread."""
    def measure():
        return json.loads(run([ours.go_program("viewsbench"), *flags], {"GOMAXPROCS": "1"}).out)["a_second"]

    return Side(shown([ROOT / "bin" / "viewsbench", *flags]), measure)


def views(size, library, s):
    folder = s.data / "train" if size <= 32 else s.photo_folder
    seconds = s.scaled(5, 0.5)
    command = peers.command("views", "--images", folder, "--what", library, "--size", size, "--seconds", seconds)
    what = "decode" if library == "decode" else "views"
    return Pair(our_views(s, f"-images={folder}", f"-what={what}", f"-size={size}", f"-seconds={seconds}"),
                Side(shown(command), lambda: peers.told(command, 1)[0]["a_second"]))


def pack(s):
    """Training of a small network on photos, where reading them is most of the work: packed, over the files."""
    if not ours.help_has(["pack"], "--out"):
        raise Failed("there is no parallax pack in this build")
    warm, steps = s.scaled((5, 20), (1, 2))
    files = s.photo_folder
    packed = ROOT / "runs" / "bench-photos-packed"

    def side(images):
        command = pretrain(images, "--method", "simclr", "--preset", "lab", "--set", "backbone.stem=imagenet", "--size",
                           224, "--batch", 32, "--threads", s.threads, "--log-every", warm, *ALIKE)
        return Side(shown(command), lambda: steady(step_lines(command, warm + steps), 32, warm))

    def prepared():
        if not packed.exists():
            run([PARALLAX, "pack", "--data", files, "--out", packed])
        return side(packed).measure()

    return Pair(Side(side(packed).command, prepared), side(files))


# What a command takes.

def first_step(s):
    """From the command to the end of the first step, evaluation at step 0 included, the images read before."""
    command = pretrain(s.data, "--method", "simclr", "--preset", "tiny-cpu", "--threads", s.threads)
    return Pair(Side(shown(command), lambda: ours.first_step(command)), fixed(2.0, "two seconds, by definition"))


def memory(s):
    """The greatest proportional set size of the process tree, in the training of end2end-r18."""
    warm, steps = lengths(s, R18)
    training = end2end(R18, "bf16", s)
    command = pretrain(s.data, "--method", R18.method, "--size", 32, "--batch", R18.batch, *R18.flags, *R18.recipe,
                       "--precision", "bf16", "--threads", s.threads, "--workers", 2, "--max-steps", warm + steps,
                       *ALIKE)

    def our():
        with scratch() as folder:
            return run([*command, "--out", folder / "run"], memory=True).pss

    return Pair(Side(shown(command), our), Side(training.peer.command, lambda: run(
        peers.command("train", *R18.peer(), "--threads", s.threads, "--warm", warm, "--steps", steps, "--data", s.data,
                      "--precision", "bf16"), {"OMP_NUM_THREADS": str(s.threads)}, memory=True).pss))


def lab(s):
    """The processor time of the two arms of one claim, one seed each, of 200 steps: now, and before."""
    words = ["lab", "run", "SIM-01", "--data", s.data, "--seeds", 1, "--longer=false", "--steps", s.scaled(200, 20)]

    def side(program, name):
        def measure():
            with scratch() as folder:
                return run([program(), *words, "--out", folder / "lab"]).cpu

        return Side(f"{name} {shown(words)}", measure)

    return Pair(side(lambda: PARALLAX, "bin/parallax"), side(partial(ours.build_of, BEFORE), f"that of {BEFORE}:"))


def growth(s):
    """From the command to the end of the first step, by the number of files, and the speed by the length of a queue.

    The figures are microseconds a file: of a thousand times as many files as the least folder, and of a hundred times.
    """
    sizes = s.scaled([10**3, 10**5, 10**6], [100, 1000, 10000])
    files, queues = [], []
    flags = ["--method", "simclr", "--preset", "lab", "--size", 32, "--batch", 64, "--threads", s.threads, *ALIKE]

    def walk():
        if files:
            return
        for size in sizes:
            with scratch() as folder:
                data.many(s.data / "train", folder / "files", size)
                command = pretrain(folder / "files", *flags, "--max-steps", 1)
                seconds = ours.first_step(pretrain(folder / "files", *flags))
                files.append({"files": size, "seconds": round(seconds, 2), "pss_mib": round(
                    run([*command, "--out", folder / "run"], memory=True).pss)})
        warm, steps = s.scaled((10, 40), (1, 2))
        for queue in (4096, 65536):
            command = pretrain(s.data, "--method", "mocov2", "--preset", "tiny-cpu", "--set", f"method.queue={queue}",
                               "--threads", s.threads, "--log-every", warm, *ALIKE)
            queues.append({"queue": queue, "images_per_second": round(
                steady(step_lines(command, warm + steps), 256, warm), 1)})

    def each(n):
        walk()
        more = files[n]["seconds"] - files[0]["seconds"]
        return max(more, 1e-3) / (sizes[n] - sizes[0]) * 1e6

    command = shown(pretrain("FILES", *flags))
    return Pair(Side(command, lambda: each(2)), Side(command, lambda: each(1)), {"files": files, "queues": queues})


# Evaluation and search.

def knn(dim, probes, s):
    """The ten nearest of 200,000 rows for 1,000 queries. The rows that both find are compared, too."""
    rows, queries = (ROOT / "runs" / f"bench-{what}-{dim}{'-quick' if s.quick else ''}" for what in ("rows", "queries"))
    counts = s.scaled((200_000, 1000), (5000, 100))
    found, extra = {}, {"rows": counts[0], "width": dim}
    program = ROOT / "bin" / "searchbench"
    our = [program, f"-rows={rows}", f"-queries={queries}", f"-dim={dim}", "-k=10", f"-threads={s.threads}",
           f"-probes={probes}"]
    peer = peers.command("search", "--rows", rows, "--queries", queries, "--dim", dim, "--threads", s.threads,
                         "--probes", probes)

    def note(side, told):
        found[side] = told["found"]
        extra[f"{side}_rss_mib"], extra[f"{side}_first_s"] = told["rss_mib"], told.get("first_s")
        if len(found) == 2:
            both = sum(len(set(a) & set(b)) for a, b in zip(found["ours"], found["peer"]))
            extra["same_rows"] = both / sum(len(a) for a in found["peer"])
        return counts[1] / told["search_s"]

    def ours_rate():
        ours.go_program("searchbench")
        for path, n, seed in ((rows, counts[0], 1), (queries, counts[1], 2)):
            if not path.exists() or path.stat().st_size != 4 * n * dim:
                peers.told(peers.command("search", "--write", path, n, seed, "--dim", dim), 1)
        return note("ours", json.loads(run(our).out))

    return Pair(Side(shown(our), ours_rate),
                Side(shown(peer), lambda: note("peer", peers.told(peer, s.threads)[0])), extra)


def embed(s):
    """The test images through a ResNet-18, the same weights on both sides, and the greatest difference of a feature."""
    folder = ROOT / "runs" / f"bench-encoder{'-quick' if s.quick else ''}"
    images = s.data / "test"
    encoder, out = folder / "encoder.safetensors", folder / "test.npy"
    our = [PARALLAX, "embed", "--run", encoder, "--data", images, "--out", out, "--threads", s.threads, "--workers", 2,
           "--force", "--json"]
    peer = peers.command("embed", "--encoder", encoder, "--data", images, "--ours", out, "--threads", s.threads,
                         "--workers", 2)
    extra = {}

    def ours_rate():
        if not encoder.exists():
            run(pretrain(s.data, "--method", "simsiam", "--backbone", "resnet18", "--set",
                         f"backbone.width={s.scaled(64, 8)}", "--size", 32, "--batch", 16, "--max-steps", 1, *ALIKE,
                         "--out", folder))
        return json.loads(run(our).out)["images_per_second"]

    def peer_rate():
        told = peers.told(peer, s.threads)[0]
        extra["greatest_difference"] = told["greatest_difference"]
        return told["images_per_second"]

    return Pair(Side(shown(our), ours_rate), Side(shown(peer), peer_rate), extra)


# Minutes to a good encoder.

def scores(words):
    """Return the kNN accuracy (k 20, T 0.07) and the linear accuracy (L-BFGS) of an encoder, by parallax eval."""
    every = {}
    for probe, score in (("knn", "kNN top-1"), ("linear", "lbfgs top-1")):
        told = json.loads(run([PARALLAX, "eval", probe, *words, "--untrained=false", "--json"]).out)
        every[probe] = next(row["value"] for row in told["rows"] if row["score"].startswith(score))
    return every


def our_curve(s, minutes, method):
    """Train for so many minutes, evaluate the checkpoints afterwards, and return the points of the curve."""
    flags = ["--method", method, "--preset", "tiny-cpu"] if method else []
    command = pretrain(s.data, "--minutes", minutes, *flags, "--threads", s.threads, "--set", "train.keep=100")
    with scratch() as folder:
        begun, marks = time.perf_counter(), {}
        with started([*command, "--json", "--out", folder / "run"], stdout=subprocess.PIPE) as process:
            for text in process.stdout:
                event = json.loads(text) if text.startswith("{") else {}
                if event.get("event") == "saved":
                    marks[event["step"]] = (time.perf_counter() - begun) / 60
        points = []
        for step, at in marks.items():
            if (folder / "run" / "checkpoints" / f"step-{step:08d}").is_dir():
                points.append({"minutes": round(at, 2)} | scores(
                    ["--run", folder / "run", "--checkpoint", step, "--data", s.data, "--no-cache"]))
    if not points:
        raise Failed("the run kept no checkpoint")
    return shown(command), points


def reference_curve(s, minutes):
    """The same of plain SimCLR in PyTorch: lightly's transforms and loss, width 16, batch 256, bf16."""
    command = peers.command("train", *W16.peer(), "--data", s.data, "--precision", "bf16", "--rate", 0.3, "--threads",
                            s.threads, "--minutes", minutes)
    with scratch() as folder:
        told, _ = peers.told([*command, "--save", folder], s.threads)
        points = []
        for saved in told["saved"]:
            encoder = Path(saved["file"]).with_suffix(".safetensors")
            run([PARALLAX, "import", saved["file"], "--as", "resnet18", "--size", 32, "--out", encoder])
            points.append({"minutes": round(saved["minutes"], 2)} | scores(
                ["--run", encoder, "--data", s.data, "--no-cache"]))
    return shown(command), points


def minutes(s):
    """kNN accuracy after ten minutes, of `parallax pretrain --minutes` and of plain SimCLR in PyTorch.

    The row has the curves, also those of some methods with the preset tiny-cpu in place of the chosen recipe. A curve's
    points are checkpoints, which are evaluated afterwards, all by parallax eval.
    """
    if not ours.help_has(["pretrain"], "--minutes"):
        raise Failed("there is no parallax pretrain --minutes in this build")
    length = s.scaled(10, 0.5)
    curves = []

    def curve(name, make):
        command, points = make()
        curves.append({"name": name, "command": command, "points": points})
        return points[-1]["knn"]

    def our():
        knn_of_recipe = curve("parallax --minutes", lambda: our_curve(s, length, ""))
        if len(curves) == 1:
            for method in s.scaled(["simclr", "vibcreg", "directclr", "mocov2"], ["simclr"]):
                curve(f"{method}, tiny-cpu", partial(our_curve, s, length, method))
        return knn_of_recipe

    return Pair(Side(shown(pretrain(s.data, "--minutes", length)), our), Side(
        "the loop of bench/peer/train.py", lambda: curve("SimCLR in PyTorch", lambda: reference_curve(s, length))),
        {"curves": curves})


LOOP = "PyTorch loop with lightly's transforms and loss, 2 workers"
TUNED = f"{LOOP}, channels-last, our allocator settings"
SIMSIAM, SIMCLR = "SimSiam, ResNet-18, batch 64", "SimCLR, ResNet-18 of width 16, batch 256"
RATE, CPU = "images/s", "1/s of processor time"

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
              "solo-learn's settings as plain PyTorch, channels-last, 2 workers", RATE, end2end_solo),
    Benchmark("step-r18", f"{SIMSIAM}, bf16: the step without its images", "PyTorch's bare step on random tensors",
              RATE, step_r18),
    Benchmark("step-limit", f"{SIMSIAM}, bf16: the share of a step that is convolutions and products",
              "the convolutions and products alone, in PyTorch", RATE, step_limit),
    Benchmark("step-small", "SimCLR, ResNet of 77,000 parameters, batch 256, float32, one thread",
              "half the rate of a large product", "Gflop/s", step_small),
    Benchmark("contended", f"{SIMCLR}, bf16, two threads beside a busy loop", "one thread beside a busy loop", RATE,
              contended),
    Benchmark("contended-training", f"{SIMCLR}, bf16, two threads beside another such run",
              "half of what it reaches alone", RATE, contended_training),
    Benchmark("views32", "views of 32 pixels", "PIL, solo-learn's settings", CPU, partial(views, 32, "pil")),
    Benchmark("views32-kornia", "views of 32 pixels", "kornia, batches of 256", CPU, partial(views, 32, "kornia")),
    Benchmark("views32-albumentations", "views of 32 pixels", "albumentations", CPU,
              partial(views, 32, "albumentations")),
    Benchmark("views224", "views of 224 pixels", "PIL, solo-learn's settings", CPU, partial(views, 224, "pil")),
    Benchmark("views224-kornia", "views of 224 pixels", "kornia, batches of 16", CPU, partial(views, 224, "kornia")),
    Benchmark("views224-albumentations", "views of 224 pixels", "albumentations", CPU,
              partial(views, 224, "albumentations")),
    Benchmark("decode", "photos decoded to RGB", "PIL", CPU, partial(views, 224, "decode")),
    Benchmark("pack", "training on packed photos, views of 224 pixels", "the same on the files", RATE, pack),
    Benchmark("first-step", "SimCLR, tiny-cpu: from the command to the end of the first step", "two seconds", "s",
              first_step, less=True),
    Benchmark("memory", f"{SIMSIAM}, bf16: greatest PSS over the process tree", LOOP, "MiB", memory, less=True),
    Benchmark("knn", "ten nearest of 200,000 rows of 512", "FAISS IndexFlatIP", "queries/s", partial(knn, 512, 0)),
    Benchmark("knn-index", "ten nearest of 200,000 rows of 512 by an index, 8 lists", "FAISS IndexIVFFlat, 8 lists",
              "queries/s", partial(knn, 512, 8)),
    Benchmark("embed", "CIFAR-10's test images through a ResNet-18", "PyTorch loop, channels-last, 2 workers", RATE,
              embed),
    Benchmark("lab", "claim SIM-01, one seed: processor time", f"before: commit {BEFORE}", "s", lab, less=True),
    Benchmark("growth", "start on 1,000,000 files, for each file", "start on 100,000 files, for each file",
              "µs a file", growth, less=True),
    Benchmark("minutes", "kNN accuracy after ten minutes", "SimCLR in PyTorch, width 16, bf16", "accuracy", minutes,
              long=True),
]
