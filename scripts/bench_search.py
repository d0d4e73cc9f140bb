#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times package search beside FAISS (PyPI: faiss-cpu), each in a process of its own, with the same threads.

    python scripts/bench_search.py [--rows 1000000] [--dims 128,512] [--queries 1000] [--threads 1] [--out FILE.json]
    python scripts/bench_search.py --duplicates 50000,200000

Rows are drawn around 2000 centres, as embeddings of images lie in clusters. The greatest memory is that of the whole
process, data included. FAISS holds the rows in memory; package search reads them from a file, which the system may
cache. Times of a search are of all queries together; `first` is the time of one query alone. Processor time (cpu)
is what to compare on a machine that does other work.
"""

import argparse
import contextlib
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

K = 10


def write_rows(path, rows, dim, seed, centres=2000):
    draw = np.random.default_rng(7)
    centre = draw.standard_normal((centres, dim), dtype=np.float32)
    draw = np.random.default_rng(seed)
    with open(path, "wb") as f:
        for start in range(0, rows, 50_000):
            n = min(50_000, rows - start)
            x = centre[draw.integers(centres, size=n)] + 0.7 * draw.standard_normal((n, dim), dtype=np.float32)
            x /= np.linalg.norm(x, axis=1, keepdims=True)
            f.write(x.astype(np.float32).tobytes())


def faiss_worker(kind, rows, queries, dim, threads):
    """Runs in a process of its own; prints JSON."""
    import faiss

    faiss.omp_set_num_threads(threads)
    told = {}

    @contextlib.contextmanager
    def clock(name):
        start, used = time.perf_counter(), time.process_time()
        yield
        told[f"{name}_s"], told[f"{name}_cpu_s"] = time.perf_counter() - start, time.process_time() - used

    with clock("collect"):
        x = np.fromfile(rows, dtype=np.float32).reshape(-1, dim)
        q = np.fromfile(queries, dtype=np.float32).reshape(-1, dim)
    with clock("build"):
        name, _, probes = kind.partition(":")
        if name == "flat":
            index = faiss.IndexFlatIP(dim)
        else:
            told["lists"] = int(2 * len(x) ** 0.5)
            index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, told["lists"], faiss.METRIC_INNER_PRODUCT)
            index.cp.max_points_per_centroid = 64
            index.train(x)
            index.nprobe = int(probes)
        index.add(x)
        del x
    with clock("first"):
        index.search(q[:1], K)
    with clock("search"):
        _, found = index.search(q, K)
    told["found"] = found.tolist()
    told["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    json.dump(told, sys.stdout)


def ours(program, **flags):
    out = subprocess.run([program] + [f"-{k}={v}" for k, v in flags.items()], check=True, capture_output=True)
    return json.loads(out.stdout)


def theirs(kind, rows, queries, dim, threads):
    out = subprocess.run([sys.executable, __file__, "--worker", kind, str(rows), str(queries), str(dim), str(threads)],
                         check=True, capture_output=True)
    return json.loads(out.stdout)


def recall(found, exact):
    return sum(len(set(f) & set(e)) for f, e in zip(found, exact)) / sum(len(e) for e in exact)


def build(folder):
    program = pathlib.Path(folder) / "searchbench"
    subprocess.run(["go", "build", "-o", program, "./internal/searchbench"], check=True,
                   cwd=pathlib.Path(__file__).parent.parent)
    return program


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rows", type=int, default=1_000_000)
    p.add_argument("--dims", default="128,512")
    p.add_argument("--queries", type=int, default=1000)
    p.add_argument("--probes", default="1,8")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--duplicates", help="numbers of rows among which to look for near-duplicates instead")
    p.add_argument("--out")
    p.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    o = p.parse_args()
    if o.worker:
        kind, rows, queries, dim, threads = o.worker
        return faiss_worker(kind, rows, queries, int(dim), int(threads))
    results = []
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        rows, queries = pathlib.Path(folder) / "rows", pathlib.Path(folder) / "queries"

        def tell(name, dim, told, exact=None):
            found = told.pop("found", None)
            told = {"name": name, "dim": dim, "rows": n} | told
            if exact is not None:
                told["recall"] = recall(found, exact)
            results.append(told)
            print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in told.items()}), flush=True)
            return found

        for dim in map(int, o.dims.split(",")):
            if o.duplicates:
                for n in map(int, o.duplicates.split(",")):
                    write_rows(rows, n, dim, 1)
                    tell("duplicates", dim, ours(program, rows=rows, dim=dim, duplicates=0.9, threads=o.threads))
                continue
            n = o.rows
            write_rows(rows, n, dim, 1)
            write_rows(queries, o.queries, dim, 2)
            usual = {"rows": rows, "queries": queries, "dim": dim, "k": K, "threads": o.threads}
            exact = tell("FAISS IndexFlatIP", dim, theirs("flat", rows, queries, dim, o.threads))
            tell("parallax exact", dim, ours(program, **usual), exact)
            for probes in map(int, filter(None, o.probes.split(","))):
                tell(f"FAISS IndexIVFFlat, {probes} probes", dim,
                     theirs(f"ivf:{probes}", rows, queries, dim, o.threads), exact)
                tell(f"parallax index, {probes} probes", dim, ours(program, **usual, probes=probes), exact)
    if o.out:
        pathlib.Path(o.out).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
