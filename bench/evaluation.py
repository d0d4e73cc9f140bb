# SPDX-License-Identifier: Apache-2.0
"""Search and embeddings."""

import json

from bench import ours, peers
from bench.harness import Pair, Side
from bench.ours import ALIKE, PARALLAX, pretrain
from bench.processes import ROOT, run, shown


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
