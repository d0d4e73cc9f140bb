# SPDX-License-Identifier: Apache-2.0
"""Tests of what turns measurements into rows. They need no peer and measure no time."""

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

from bench import data, harness, machine, ours, processes, results
from bench.__main__ import chosen, line
from bench.all import ALL

# What the project promises a row for, each once.
NAMES = """end2end-r18 end2end-r18-f32 end2end-w16 end2end-w16-f32 end2end-defaults end2end-defaults-w16 step-r18
step-limit step-small contended views32 views224 decode pack first-step memory knn embed lab growth minutes""".split()


def side(*figures):
    """Return a side that gives these figures in turns."""
    every = iter(figures)
    return harness.Side("command", lambda: next(every))


class Turns(unittest.TestCase):
    def turns(self, ours, peer, less=False, busy=lambda: 0.0):
        self.said = []
        return harness.turns(harness.Pair(side(*ours), side(*peer)), len(ours), less, self.said.append, busy)

    def test_the_ratio_is_the_median_of_the_rounds(self):
        row = self.turns([20, 30, 80], [10, 10, 20])
        self.assertEqual((row["ratio"], row["spread"]), (3, [2, 4]))  # of 2, 3 and 4, not 30/10
        self.assertEqual((row["ours"], row["peer"], row["rounds"]), (30, 10, 3))

    def test_less_is_better(self):
        row = self.turns([1, 2], [3, 3], less=True)
        self.assertEqual((row["ratio"], row["spread"]), (2.25, [1.5, 3]))

    def test_the_sides_take_turns(self):
        order = []
        pair = harness.Pair(harness.Side("", lambda: order.append("ours") or 1),
                            harness.Side("", lambda: order.append("peer") or 1))
        harness.turns(pair, 2, False, busy=lambda: 0.0)
        self.assertEqual(order, ["ours", "peer", "ours", "peer"])

    def test_a_busy_machine_is_told_and_kept(self):
        used = iter([0.1, 0.1, 0.9, 0.1])
        row = self.turns([1, 1], [1, 1], busy=lambda: next(used))
        self.assertEqual((row["load"], row["quiet"]), (0.9, False))
        self.assertEqual(sum("warning" in text for text in self.said), 1)
        self.assertTrue(self.turns([1], [1])["quiet"])

    def test_figures_keep_four_digits(self):
        self.assertEqual(self.turns([1 / 3], [1])["ours"], 0.3333)
        texts = [harness.number(x) for x in (1234.5, 12.34, 1.234, 0.0123)]
        self.assertEqual(texts, ["1,234", "12.3", "1.23", "0.012"])


class Lines(unittest.TestCase):
    def lines(self, *steps):
        return [ours.Line(at, {"event": "step", "step": step, "images_per_second": rate, "data_wait": wait})
                for step, at, rate, wait in steps]

    def test_the_steady_part_is_by_the_clock(self):
        lines = self.lines((5, 20.0, 1, 0), (10, 24.0, 1, 0), (15, 30.0, 1, 0))
        self.assertEqual(ours.steady(lines, 64, 5), 64.0)  # 640 images in 10 s, whatever the lines say
        self.assertAlmostEqual(ours.steady(lines, 64, 10), 5 * 64 / 6)

    def test_one_line_is_no_steady_part(self):
        with self.assertRaisesRegex(processes.Failed, "two are the least"):
            ours.steady(self.lines((5, 20.0, 1, 0), (10, 24.0, 1, 0)), 64, 10)

    def test_the_wait_for_data_is_taken_off(self):
        lines = self.lines((1, 0, 5, 0), (2, 0, 100, 0.5), (3, 0, 200, 0))
        self.assertAlmostEqual(ours.unwaited(lines, 1), 2 / (0.5 / 100 + 1 / 200))


class Profile(unittest.TestCase):
    def test_what_a_step_works(self):
        profile = {"phases": [{"name": "wait", "share": 0.1}, {"name": "forward", "share": 0.3},
                              {"name": "forward/x", "share": 0.2}, {"name": "backward", "share": 0.5}],
                   "kinds": [{"name": "convolution", "share": 0.6}, {"name": "product", "share": 0.15},
                             {"name": "norm", "share": 0.2}]}
        self.assertAlmostEqual(ours.worked(profile), 0.8 / 0.9 * 0.75)


class Machine(unittest.TestCase):
    def test_busy_ticks_are_without_idle_ones(self):
        self.assertEqual(machine.ticks("cpu  10 1 4 100 20 0 1 2 0 0\ncpu0 1 1 1"), (18, 138))

    def test_the_generation_of_a_processor_is_told(self):
        text = machine.description("model name\t: A CPU\ncpu family\t: 25\nmodel\t\t: 17\n")
        self.assertIn("A CPU (family 25, model 17)", text)

    def test_the_machine_is_described(self):
        text = machine.description("model name\t: A CPU\nflags\t\t: fpu avx2 avx512f avx512_bf16\n")
        self.assertRegex(text, r"^\d+ cores of A CPU, AVX2, AVX-512, AVX-512 bf16, \d+ GiB$")


class Processes(unittest.TestCase):
    def test_what_a_command_used(self):
        ended = processes.run([sys.executable, "-c", "print('x' * 3); sum(range(10**6))"])
        self.assertEqual(ended.out, "xxx\n")
        self.assertGreater(ended.cpu, 0)

    def test_memory_is_that_of_the_whole_tree(self):
        child = "import sys, time\ndata = bytearray(b'x') * (80 << 20)\ntime.sleep(1.5)"
        parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
        self.assertGreater(processes.run([sys.executable, "-c", parent], memory=True).pss, 80)

    def test_a_failure_is_one_line(self):
        with self.assertRaisesRegex(processes.Failed, r"ended with status 3: why$"):
            processes.run([sys.executable, "-c", "import sys; print('more\\nwhy', file=sys.stderr); sys.exit(3)"])

    def test_a_command_ends_with_its_block(self):
        with processes.started([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
            pass
        self.assertIsNotNone(process.returncode)

    def test_settings_of_the_shell_do_not_reach_a_side(self):
        os.environ["OMP_NUM_THREADS"] = "7"
        self.addCleanup(os.environ.pop, "OMP_NUM_THREADS")
        self.assertNotIn("OMP_NUM_THREADS", processes.environment(None))
        self.assertEqual(processes.environment({"OMP_NUM_THREADS": "2"})["OMP_NUM_THREADS"], "2")

    def test_commands_are_shown_as_typed(self):
        words = ["/some/bin/python", processes.ROOT / "bench" / "x.py", "--set", "a=[1, 2]"]
        self.assertEqual(processes.shown(words, {"A": "1"}), "A=1 python bench/x.py --set 'a=[1, 2]'")


class Data(unittest.TestCase):
    def test_many_files_are_links_to_few(self):
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "from", Path(folder) / "to"
            source.mkdir()
            (source / "a.jpg").write_bytes(b"a")
            data.many(source, target, 2500)
            files = [p for p in target.rglob("*.jpg")]
            self.assertEqual((len(files), len({p.stat().st_ino for p in files})), (2500, 100))
            self.assertTrue(all(p.read_bytes() == b"a" for p in files))

    def test_a_wrong_path_is_told(self):
        with self.assertRaisesRegex(processes.Failed, "no such file"):
            data.folder("/no/such/place", "train")


class Results(unittest.TestCase):
    def test_a_new_row_takes_the_place_of_the_old_one(self):
        rows = results.merge([{"name": "b", "ours": 1}, {"name": "gone"}], [{"name": "b", "ours": 2}, {"name": "a"}],
                             ["a", "b", "c"])
        self.assertEqual(rows, [{"name": "a"}, {"name": "b", "ours": 2}])

    def test_what_is_written_is_read(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "results.json"
            self.assertEqual(results.read(path), [])
            results.write([{"name": "a", "unit": "µs"}], path)
            self.assertEqual(results.read(path), [{"name": "a", "unit": "µs"}])
            self.assertEqual(os.listdir(folder), ["results.json"])

    def test_the_rows_in_the_repository_are_whole(self):
        rows = json.loads(results.RESULTS.read_text())
        names = [row["name"] for row in rows]
        self.assertEqual(names, [b.name for b in ALL if b.name in names])
        for row in rows:
            self.assertTrue({"ours", "peer", "peer_name", "ratio", "spread", "unit", "machine", "versions", "date",
                             "commit", "command", "load", "quiet"} <= row.keys(), row["name"])
            self.assertLessEqual(row["spread"][0], row["ratio"])
            self.assertLessEqual(row["ratio"], row["spread"][1])


class List(unittest.TestCase):
    def test_every_promised_name_is_there_once(self):
        names = [b.name for b in ALL]
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual(set(NAMES), set(names))

    def test_the_page_says_what_each_is(self):
        page = (processes.ROOT / "docs" / "benchmarks.md").read_text()
        for name in (b.name for b in ALL):
            said = [f"`{name}`", *(f"`...-{name.split('-', n)[-1]}`" for n in range(1, name.count("-") + 1))]
            self.assertTrue(any(text in page for text in said), f"docs/benchmarks.md does not say what {name} is")

    def test_long_ones_only_when_named(self):
        self.assertNotIn("minutes", [b.name for b in chosen("")])
        self.assertEqual([b.name for b in chosen("minutes,knn,knn")], ["minutes", "knn"])
        with self.assertRaisesRegex(processes.Failed, "no benchmark 'x'"):
            chosen("knn,x")

    def test_a_row_is_a_line(self):
        self.assertEqual(line({"name": "a", "ratio": 2.0, "spread": [1.5, 3.0], "ours": 20.0, "unit": "images/s",
                               "peer_name": "theirs", "peer": 10.0}),
                         "a: 2.00 times (1.50 to 3.00): 20.0 images/s, theirs: 10.0")


if __name__ == "__main__":
    unittest.main()
