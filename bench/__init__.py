# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: this program beside its peers, on one machine, in turns. `make bench` runs them.

all.py lists them, a function each. harness.py lets two sides take turns and makes a row of their figures; results.py
keeps the rows in results.json, from which docs/benchmarks.md is made. processes.py runs commands and measures what
they use. What runs in the peers' virtual environment is in peer/.
"""
