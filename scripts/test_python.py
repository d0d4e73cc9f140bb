#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check that the real PyTorch, torchvision, safetensors and TensorBoard read what Parallax writes.

Called by `make test-python`. Makes a virtual environment from requirements-python.txt on its first run.
PYTHON_TESTS=/path/to/python uses an interpreter that already has those packages.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-python"
REQUIREMENTS = ROOT / "requirements-python.txt"
PARALLAX = ROOT / "bin" / "parallax"
INSIDE = "--inside"


def interpreter():
    """Return a Python with the packages; make its virtual environment if there is none."""
    given = os.environ.get("PYTHON_TESTS")
    if given:
        return given
    python, stamp = VENV / "bin" / "python", VENV / "stamp"
    want = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != want:
        print(f"test-python: installing {REQUIREMENTS.name} into {VENV.name} (once; about 3 GB to fetch) ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(REQUIREMENTS)], check=True)
        stamp.write_text(want)
    return str(python)


def pretrain(out, *more):
    """Run a short pretraining with the output in out."""
    subprocess.run([str(PARALLAX), "pretrain", "--data", "synthetic:80", "--method", "simsiam", "--batch", "16", "--max-steps", "2", "--set", "probe.limit=32",
                    "--seed", "1", "--threads", "1", "--out", str(out), *more], check=True, stdout=subprocess.DEVNULL)
    return out


def check_safetensors(folder):
    """Python's safetensors reads the file, and writes the same bytes for the same tensors."""
    from safetensors import safe_open
    from safetensors.numpy import save_file
    import ml_dtypes  # noqa: F401 (gives NumPy bfloat16)
    path = pretrain(folder / "a") / "encoder.safetensors"
    with safe_open(path, "numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        metadata = file.metadata() or {}
    assert tensors, "no tensors"
    assert all(t.dtype.kind != "f" or t.dtype.itemsize == 4 for t in tensors.values()), "not float32"
    again = folder / "again.safetensors"
    save_file(tensors, again, metadata=metadata)
    ours, theirs = path.read_bytes(), again.read_bytes()
    length = int.from_bytes(ours[:8], "little")
    assert ours[8 + length:] == theirs[8 + int.from_bytes(theirs[:8], "little"):], "the data differ from Python's"
    if len(metadata) < 2:  # Python's order of several metadata entries is random
        assert ours == theirs, "the file differs from Python's"


def check_equal_runs(folder):
    """Equal runs export equal bytes."""
    first, second = (pretrain(folder / name) / "encoder.safetensors" for name in ("b", "c"))
    assert first.read_bytes() == second.read_bytes(), "two runs with one seed export different files"


def check_torchvision(folder):
    """torchvision's networks load the exported encoders, key for key."""
    import torch
    import torchvision
    from safetensors.torch import load_file
    for name, size in (("resnet18", "32"), ("resnet18", "96"), ("resnet50", "64")):
        out = pretrain(folder / f"{name}-{size}", "--backbone", name, "--size", size)
        state = load_file(out / "encoder.safetensors")
        model = getattr(torchvision.models, name)()
        model.fc = torch.nn.Identity()
        if state["conv1.weight"].shape[-1] == 3:  # the stem for small images
            model.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)
            model.maxpool = torch.nn.Identity()
        model.load_state_dict(state, strict=True)
        features = model.eval()(torch.randn(2, 3, int(size), int(size)))
        assert torch.isfinite(features).all() and features.std() > 0, f"{name}: the features are not alive"


def check_tensorboard(folder):
    """TensorBoard reads the run's events."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    out = pretrain(folder / "d")
    files = sorted(out.rglob("events.out.tfevents.*"))
    assert files, "the run has no events file"
    events = EventAccumulator(str(files[0]))
    events.Reload()
    tags = events.Tags()["scalars"]
    assert any("loss" in tag for tag in tags), f"no loss among the scalars {tags}"


def check_embeddings(folder):
    """pyarrow, pandas and numpy read the files of embeddings."""
    import json
    import numpy
    import pandas
    import pyarrow.parquet
    run = pretrain(folder / "run")
    options = ["embed", "--run", str(run), "--data", "synthetic:100", "--threads", "1"]
    rows = {}
    for name, more in (("a.parquet", []), ("h.parquet", ["--float16"]), ("a.npy", []), ("h.npy", ["--float16"]), ("c.csv", [])):
        subprocess.run([str(PARALLAX), *options, "--out", str(folder / name), *more], check=True, stdout=subprocess.DEVNULL)
    for name, kind in (("a", "float"), ("h", "halffloat")):
        table = pyarrow.parquet.read_table(folder / f"{name}.parquet")
        column = table.column("embedding").combine_chunks()
        assert table.column_names == ["path", "sha256", "status", "reason", "label", "embedding"], table.column_names
        assert str(column.type.value_type) == kind and column.type.list_size > 1, f"the type is {column.type}"
        assert json.loads(table.schema.metadata[b"parallax"])["layer"] == "backbone"
        rows[name] = column.flatten().to_numpy().reshape(len(column), -1)
        frame = pandas.read_parquet(folder / f"{name}.parquet")
        assert (numpy.stack(frame["embedding"]) == rows[name]).all(), "pandas reads other values than pyarrow"
        matrix = numpy.load(folder / f"{name}.npy", mmap_mode="r")
        assert (matrix == rows[name]).all() and matrix.dtype == rows[name].dtype, "numpy reads other values than pyarrow"
        paths = pandas.read_csv(folder / f"{name}.csv", keep_default_na=False)
        assert list(paths["path"]) == table.column("path").to_pylist(), "the paths beside the matrix are others"
    assert rows["a"].dtype == numpy.float32 and rows["h"].dtype == numpy.float16
    assert (rows["a"].astype(numpy.float16) == rows["h"]).all(), "float16 is not the float32 rounded"
    text = pandas.read_csv(folder / "c.csv", keep_default_na=False)
    values = text[[f"e{i}" for i in range(rows["a"].shape[1])]].to_numpy(dtype=numpy.float32)
    assert (values == rows["a"]).all(), "CSV has other values than Parquet"


def inside():
    """Run every check, in a Python with the packages."""
    failed = 0
    checks = [check_safetensors, check_equal_runs, check_torchvision, check_tensorboard, check_embeddings]
    for check in checks:
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(Path(folder))
                print(f"ok    {check.__doc__}", flush=True)
            except (AssertionError, RuntimeError, KeyError, subprocess.CalledProcessError) as err:
                failed += 1
                print(f"FAIL  {check.__doc__} {err}", flush=True)
    print(f"test-python: {len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:] == [INSIDE]:
        sys.exit(inside())
    try:
        python = interpreter()
    except (OSError, subprocess.CalledProcessError) as err:
        sys.exit(f"test-python: could not make the virtual environment: {err}: apt-get install python3-venv, or set PYTHON_TESTS")
    sys.exit(subprocess.run([python, __file__, INSIDE]).returncode)
