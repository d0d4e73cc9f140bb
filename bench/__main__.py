# SPDX-License-Identifier: Apache-2.0
"""python3 -m bench [NAMES]: runs benchmarks, prints their rows, and keeps them in bench/results.json."""

import argparse
import datetime
import json
import signal
import subprocess
import sys
from pathlib import Path

from bench import machine, peers, results
from bench.all import ALL
from bench.harness import number, turns
from bench.processes import ROOT, Failed
from bench.settings import Settings

GO = "go"  # the Go benchmarks, which have no peer


def chosen(names):
    """Return the benchmarks of a list such as "knn,embed"; all but the long ones if it is empty."""
    if not names:
        return [b for b in ALL if not b.long]
    every = {b.name: b for b in ALL}
    wanted = [name for name in names.split(",") if name]
    for name in wanted:
        if name not in every:
            raise Failed(f"there is no benchmark {name!r}: `make bench BENCH=list` lists them")
    return [every[name] for name in dict.fromkeys(wanted)]


def output(*words):
    """Return what a command prints, "" if it fails."""
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def versions():
    """Return the versions of what is compared."""
    return {"parallax": output(str(ROOT / "bin" / "parallax"), "version").split()[1],
            "go": output("go", "env", "GOVERSION").removeprefix("go")} | peers.versions()


def commit():
    """Return the commit of the checkout, marked if files were changed."""
    changed = "+" if output("git", "status", "--porcelain", "--untracked-files=no") else ""
    return output("git", "rev-parse", "--short", "HEAD") + changed


def row(benchmark, settings, rounds):
    """Run a benchmark and return its row."""
    pair = benchmark.pair(settings)
    figures = turns(pair, rounds, benchmark.less, say=lambda text: print(f"  {text}", flush=True))
    return {"name": benchmark.name, "about": benchmark.about} | figures | {
        "peer_name": benchmark.peer, "unit": benchmark.unit, "better": "less" if benchmark.less else "more",
        "threads": settings.threads, "machine": machine.description(), "versions": versions(),
        "date": datetime.date.today().isoformat(), "commit": commit(),
        "command": {"ours": pair.ours.command, "peer": pair.peer.command},
    } | {key: value for key, value in pair.extra.items() if value}


def line(row):
    """Return a row as a line of the terminal."""
    low, high = row["spread"]
    return (f"{row['name']}: {number(row['ratio'])} times ({number(low)} to {number(high)}): "
            f"{number(row['ours'])} {row['unit']}, {row['peer_name']}: {number(row['peer'])}")


def main():
    p = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__)
    p.add_argument("names", nargs="?", default="", help=f"names with commas between, list, or {GO}")
    p.add_argument("--data", default="", help="archive or folder with train/CLASS and test/CLASS, such as CIFAR-10")
    p.add_argument("--photos", default="", help="archive or folder of JPEG photos")
    p.add_argument("--rounds", type=int, default=3, help="turns of each side (default 3)")
    p.add_argument("--threads", type=int, default=machine.cores(), help="of both sides; default one per core")
    p.add_argument("--quick", action="store_true", help="one round of a few steps, to see that a benchmark works; "
                   "its figures mean nothing and are not kept")
    p.add_argument("--out", type=Path, default=results.RESULTS, help="file of the rows")
    o = p.parse_args()
    if o.names == "list":
        for b in ALL:
            print(f"{b.name:28}{b.about}; beside: {b.peer}{' (long: only when named)' if b.long else ''}")
        print(f"{GO:28}the Go benchmarks of every package; no peer, no row")
        return 0
    if o.names == GO:
        return subprocess.run(["go", "test", "-run", "^$", "-bench", ".", "-benchmem", "./..."], cwd=ROOT).returncode
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended, too
    settings = Settings(o.data, o.photos, o.quick, o.threads)
    failed = []
    try:
        todo = chosen(o.names)
    except Failed as err:
        print(f"bench: {err}", file=sys.stderr)
        return 2
    for b in todo:
        print(f"{b.name}: {b.about}; beside: {b.peer}", flush=True)
        try:
            found = row(b, settings, 1 if o.quick else o.rounds)
        except Failed as err:
            failed.append(b.name)
            print(f"bench: {b.name}: {err}", file=sys.stderr, flush=True)
            continue
        if o.quick:
            print(json.dumps(found, ensure_ascii=False))
        else:
            results.write(results.merge(results.read(o.out), [found], [b.name for b in ALL]), o.out)
        print(line(found), flush=True)
    if failed:
        print(f"bench: {len(failed)} of {len(todo)} not measured: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("bench: stopped; the rows that were finished are kept")
