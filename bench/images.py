# SPDX-License-Identifier: Apache-2.0
"""Views, decoding, and packed images."""

import json

from bench import ours, peers
from bench.harness import Pair, Side
from bench.ours import ALIKE, PARALLAX, pretrain, steady, step_lines
from bench.processes import ROOT, Failed, run, shown


def views(of, library, s, instructions=""):
    """Two views of a photo, or a photo decoded, on one thread. instructions limits those of our side."""
    photos = sorted(p for p in s.photo_folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    if not photos:
        raise Failed(f"{s.photos} has no JPEG files")
    folder, seconds = photos[0].parent, s.scaled(5, 0.5)
    size = 32 if of == "views32" else 224
    env = {"PARALLAX_SIMD": instructions} if instructions else {}
    our = [ROOT / "bin" / "viewsbench", "-seconds", seconds, "-of", of, folder]
    peer = peers.command("views", "--images", folder, "--what", library, "--size", size, "--seconds", seconds)
    extra = {}

    def measure():
        ours.go_program("viewsbench")
        told = json.loads(run(our, env).out.splitlines()[-1])
        extra["instruction_set"] = told["instruction_set"]
        return told["images_per_second"]

    return Pair(Side(shown(our, env), measure),
                Side(shown(peer), lambda: peers.told(peer, 1)[0]["images_per_second"]), extra)


def pack(s):
    """Training of a small network on photos, where reading them is most of the work: packed, over the files."""
    if not ours.help_has(["pack"], "parallax pack"):
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
