#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Neighbours by FAISS, with what it took, as internal/searchbench does it by package search.

Rows are drawn around 2000 centres, as embeddings of images lie in clusters. FAISS holds the rows in memory; package
search reads them from a file, which the system may cache. Times of a search are of all queries together; `first` is the
time of one query alone. The greatest memory is that of the whole process, data included.
"""

import argparse
import contextlib
import json
import resource
import time

import numpy as np

K = 10


def write(path, rows, dim, seed, centres=2000):
    """Write a file of float32 rows of length 1."""
    centre = np.random.default_rng(7).standard_normal((centres, dim), dtype=np.float32)
    draw = np.random.default_rng(seed)
    with open(path, "wb") as f:
        for start in range(0, rows, 50_000):
            n = min(50_000, rows - start)
            x = centre[draw.integers(centres, size=n)] + 0.7 * draw.standard_normal((n, dim), dtype=np.float32)
            x /= np.linalg.norm(x, axis=1, keepdims=True)
            f.write(x.astype(np.float32).tobytes())


def search(rows, queries, dim, threads, probes):
    """Search the flat index, or with probes an inverted file, and return seconds, memory and what was found."""
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
        if probes == 0:
            index = faiss.IndexFlatIP(dim)
        else:
            told["lists"] = int(2 * len(x) ** 0.5)
            index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, told["lists"], faiss.METRIC_INNER_PRODUCT)
            index.cp.max_points_per_centroid = 64
            index.train(x)
            index.nprobe = probes
        index.add(x)
        del x
    with clock("first"):
        index.search(q[:1], K)
    with clock("search"):
        _, found = index.search(q, K)
    told["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return told | {"found": found.tolist()}


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--write", nargs=3, metavar=("FILE", "ROWS", "SEED"), help="write rows instead")
    p.add_argument("--rows")
    p.add_argument("--queries")
    p.add_argument("--dim", type=int, default=512)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--probes", type=int, default=0, help="lists to look into; 0 for the flat index")
    o = p.parse_args()
    if o.write:
        write(o.write[0], int(o.write[1]), o.dim, int(o.write[2]))
        print("{}")
    else:
        print(json.dumps(search(o.rows, o.queries, o.dim, o.threads, o.probes)))


if __name__ == "__main__":
    main()
