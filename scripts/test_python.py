#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check that Parallax and the real PyTorch, torchvision, timm, ONNX Runtime, lightly and others read each other's files.

Called by `make test-python`. Makes a virtual environment from requirements-python.txt on its first run.
PYTHON_TESTS=/path/to/python uses an interpreter that already has those packages.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import python_import
import virtualenv

ROOT = Path(__file__).resolve().parent.parent
PARALLAX = ROOT / "bin" / "parallax"
INSIDE = "--inside"


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


def export(run, out, *more):
    """Export a run's encoder to out."""
    subprocess.run([str(PARALLAX), "export", "--run", str(run), "--out", str(out), "--threads", "1", *more], check=True, stdout=subprocess.DEVNULL)
    return out


def networks(folder):
    """Yield runs of each kind of network, with what makes the same network of the real packages for h x w pixels (or None)."""
    import timm
    import torch
    import torchvision

    def torchvision_network(name, small=False):
        def make(state, h, w):
            model = getattr(torchvision.models, name)()
            model.fc = torch.nn.Identity()
            if small:
                model.conv1, model.maxpool = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False), torch.nn.Identity()
            model.load_state_dict(state, strict=True)
            return model.eval()
        return make

    def timm_network(state, h, w):
        side = int((state["pos_embed"].shape[1] - 1) ** 0.5)
        patch, width = state["patch_embed.proj.weight"].shape[-1], state["pos_embed"].shape[-1]
        model = timm.models.vision_transformer.VisionTransformer(img_size=(h, w), patch_size=patch, embed_dim=width, depth=12, num_heads=3, num_classes=0)
        places = state["pos_embed"][:, 1:].reshape(1, side, side, width).permute(0, 3, 1, 2)
        places = torch.nn.functional.interpolate(places, (h // patch, w // patch), mode="bicubic").flatten(2).transpose(1, 2)
        model.load_state_dict({**state, "pos_embed": torch.cat([state["pos_embed"][:, :1], places], 1)}, strict=True)
        return model.eval()

    for name, size, make, settings in [
            ("resnet18", 96, torchvision_network("resnet18"), []), ("resnet50", 96, torchvision_network("resnet50"), []),
            ("resnet18", 32, torchvision_network("resnet18", small=True), []), ("vit_tiny", 64, timm_network, []),
            ("resnet18", 32, None, ["--set", "backbone.norm=group", "--set", "backbone.width=32"]),
            ("wrn28", 32, None, ["--set", "backbone.width=32"])]:
        out = folder / f"{name}-{size}-{len(settings)}"
        yield name, size, make, pretrain(out, "--backbone", name, "--size", str(size), *settings)


def opened(path):
    """Return a function from images to features, by the package that the file is for."""
    import onnx
    import onnxruntime
    import torch
    if path.suffix == ".pt":
        return torch.jit.load(str(path)).eval()
    if path.suffix == ".pt2":
        extra = {"card.json": ""}
        program = torch.export.load(path, extra_files=extra)
        assert json.loads(extra["card.json"])["format"] == "pt2", "the card is not in the archive"
        return program.module()
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path))
    assert "card" in session.get_modelmeta().custom_metadata_map, "the card is not in the metadata"
    return lambda x: torch.from_numpy(session.run(["features"], {"images": x.numpy()})[0])


def difference(got, want):
    """Return the greatest difference, divided by the greatest feature if that is above 1."""
    assert got.shape == want.shape and got.dtype == want.dtype, f"{got.dtype} {got.shape} for {want.dtype} {want.shape}"
    return ((got - want).abs().max() / want.abs().max().clamp(min=1)).item()


def check_exports(folder):
    """torchvision, timm, TorchScript, torch.export and onnxruntime give the features of the exported encoders."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import load_file
    torch.manual_seed(1)
    for name, size, make, run in networks(folder):
        state = load_file(export(run, folder / f"{run.name}.safetensors"))
        kinds = {"float32": []}
        if size <= 64 and make:  # a ResNet and a ViT
            kinds |= {"preprocess": ["--preprocess"], "float16": ["--float16"]}
        files = {(ending, kind): opened(export(run, folder / f"{run.name}-{kind}.{ending}", *flags))
                 for ending in ("pt", "pt2", "onnx") for kind, flags in kinds.items()}
        with safe_open(folder / f"{run.name}.safetensors", "pt") as file:
            card = json.loads(file.metadata()["card"])
        mean, std = torch.tensor(card["mean"]), torch.tensor(card["std"])
        worst = {}
        for h, w in ((size, size), (size + 16, size + 48)):
            model = make(state, h, w) if make else files["pt", "float32"]
            for n in (1, 2, 7):
                levels = torch.randint(0, 256, (n, h, w, 3), dtype=torch.uint8)
                x = ((levels / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()
                with torch.no_grad():
                    want = model(x)
                    for (ending, kind), file in files.items():
                        got = file(levels if kind == "preprocess" else x)
                        worst[ending, kind] = max(worst.get((ending, kind), 0), difference(got, want))
        print(f"      {run.name}: " + ", ".join(f"{ending} {kind} {d:.1e}" for (ending, kind), d in worst.items()), flush=True)
        for (ending, kind), d in worst.items():
            assert d <= (2e-2 if kind == "float16" else 1e-4), f"{run.name} {ending} {kind}: differs by {d:.2g}"


def check_opsets(folder):
    """onnxruntime runs the exports of every opset, and gets the same features."""
    import torch
    run = pretrain(folder / "run", "--backbone", "vit_tiny", "--size", "32")
    x, want = torch.randn(2, 3, 32, 48), None
    for opset in range(17, 24):
        got = opened(export(run, folder / f"{opset}.onnx", "--opset", str(opset)))(x)
        want = got if want is None else want
        assert difference(got, want) <= 1e-4, f"opset {opset} differs by {difference(got, want):.2g}"


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
    checks = [
        check_safetensors,
        check_equal_runs,
        check_torchvision,
        check_tensorboard,
        check_embeddings,
        check_exports,
        check_opsets,
        *python_import.CHECKS,
    ]
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
        python = virtualenv.interpreter("python", "PYTHON_TESTS")
    except (OSError, subprocess.CalledProcessError) as err:
        sys.exit(f"test-python: could not make the virtual environment: {err}: apt-get install python3-venv, or set PYTHON_TESTS")
    sys.exit(subprocess.run([python, __file__, INSIDE]).returncode)
