#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants fifty images among others and counts which are found, by parallax duplicates and outliers and by others.

    python scripts/planted.py --data cifar10-jpeg.tar.gz --run runs/simclr-1 [--images 1000] [--seed 1] [--out FILE.json]

Ten each: exact copies; resized (to half or one and a half times the side, as PNG); re-encoded (JPEG of quality 50);
flipped left to right; and odd ones, unlike all others (noise, stripes, text, plain colours). A copy is found if it is in
a group with its original. An odd one is found if it is among the twenty strongest outliers. Also counted: groups without
any planted image (in CIFAR-10 some may be right: it has near-duplicates of its own).

With imagededup (PyPI) its perceptual hashes (PHash, DHash) are asked the same, and with fastdup its own embeddings. All
have their usual thresholds; parallax has several.
"""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile

from PIL import Image, ImageDraw, ImageOps

EACH = 10
KINDS = ["copy", "resized", "re-encoded", "flipped"]


def take(archive, folder, n, seed):
    """Extracts n images, drawn at random, into the folder, and returns their names."""
    with tarfile.open(archive) as tar:
        members = sorted((m for m in tar.getmembers() if m.isfile() and m.name.lower().endswith((".jpg", ".png"))),
                         key=lambda m: m.name)
        names = []
        for m in sorted(random.Random(seed).sample(members, n), key=lambda m: m.offset):
            name = m.name.strip("/").replace("/", "_")
            (folder / name).write_bytes(tar.extractfile(m).read())
            names.append(name)
    return names


def odd(i, side, draw):
    img = Image.new("RGB", (side, side), (255, 255, 255))
    pen = ImageDraw.Draw(img)
    if i % 5 == 0:
        img.putdata([tuple(draw.randrange(256) for _ in range(3)) for _ in range(side * side)])
    elif i % 5 == 1:
        for x in range(0, side, 4):
            pen.rectangle([x, 0, x + 1, side], fill=(draw.randrange(256), 0, draw.randrange(256)))
    elif i % 5 == 2:
        for y in range(0, side, 10):
            pen.text((1, y), "".join(draw.choice("ABCDEFGHKM") for _ in range(6)), fill=(0, 0, 0))
    elif i % 5 == 3:
        img.paste((draw.randrange(256), draw.randrange(256), draw.randrange(256)), [0, 0, side, side])
    else:
        for _ in range(12):
            x, y = draw.randrange(side), draw.randrange(side)
            pen.ellipse([x - 3, y - 3, x + 3, y + 3], fill=(255, 0, draw.randrange(256)))
    return img


def plant(folder, names, seed):
    """Writes the planted images and returns {planted name: (kind, original name or None)}."""
    draw = random.Random(seed + 1)
    originals = draw.sample(names, EACH * len(KINDS))
    planted = {}
    for at, original in enumerate(originals):
        kind = KINDS[at // EACH]
        img = Image.open(folder / original).convert("RGB")
        side = img.width
        if kind == "copy":
            name = f"planted_copy_{at}.jpg"
            shutil.copyfile(folder / original, folder / name)
        elif kind == "resized":
            to = side * 3 // 2 if at % 2 else side // 2
            name = f"planted_resized_{at}.png"
            img.resize((to, to), Image.Resampling.BICUBIC).save(folder / name)
        elif kind == "re-encoded":
            name = f"planted_reencoded_{at}.jpg"
            img.save(folder / name, quality=50)
        else:
            name = f"planted_flipped_{at}.png"
            ImageOps.mirror(img).save(folder / name)
        planted[name] = (kind, original)
    for i in range(EACH):
        name = f"planted_odd_{i}.png"
        odd(i, 32, draw).save(folder / name)
        planted[name] = ("odd", None)
    return planted


def score(name, groups, planted, outliers=None):
    """A line of the table: how many of each kind are found, and how many groups hold nothing planted."""
    group = {path: i for i, g in enumerate(groups) for path in g}
    line = {"what": name} | {kind: 0 for kind in KINDS}
    for path, (kind, original) in planted.items():
        if original is not None and path in group and group[path] == group.get(original):
            line[kind] += 1
    line["odd"] = "-" if outliers is None else sum(planted.get(p, ("",))[0] == "odd" for p in outliers)
    line["other groups"] = sum(not any(p in planted for p in g) for g in groups)
    return line


def parallax(program, *args):
    return json.loads(subprocess.run([program, *map(str, args), "--json"], check=True, capture_output=True).stdout)


def components(pairs):
    parent = {}

    def root(x):
        parent.setdefault(x, x)
        while parent[x] != x:
            x = parent[x]
        return x

    for a, b in pairs:
        parent[root(a)] = root(b)
    groups = {}
    for x in list(parent):
        groups.setdefault(root(x), []).append(x)
    return [g for g in groups.values() if len(g) > 1]


def hashes(folder):
    try:
        from imagededup import methods
    except ImportError as err:
        print(f"imagededup is not installed ({err})", file=sys.stderr)
        return
    for method in ("PHash", "DHash"):
        found = getattr(methods, method)(verbose=False).find_duplicates(image_dir=str(folder))
        yield f"imagededup {method}, distance 10", components((a, b) for a, near in found.items() for b in near)


def fastdup(folder):
    """fastdup's groups (threshold 0.9) and its twenty outliers, in a process of its own."""
    code = """
import json, sys, fastdup
fd = fastdup.create(work_dir=sys.argv[2], input_dir=sys.argv[1])
fd.run(ccthreshold=0.9, num_threads=2, overwrite=True, print_summary=False, verbose=False)
df, _ = fd.connected_components()
names = fd.annotations().set_index("index")["filename"].to_dict()
base = lambda p: p.rsplit("/", 1)[-1]
groups = {}
for _, r in df.iterrows():
    groups.setdefault(int(r["component_id"]), []).append(base(r.get("filename") or names[r["index"]]))
out = fd.outliers()
col = "filename_outlier" if "filename_outlier" in out else "outlier"
order = out.sort_values("distance")[col].map(base).drop_duplicates().tolist()[:20]
json.dump({"groups": [g for g in groups.values() if len(g) > 1], "outliers": order}, open(sys.argv[3], "w"))
"""
    with tempfile.TemporaryDirectory() as work:
        out = pathlib.Path(work) / "out.json"
        try:
            subprocess.run([sys.executable, "-c", code, str(folder), str(pathlib.Path(work) / "w"), str(out)],
                           check=True, capture_output=True, timeout=300)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as err:
            text = (getattr(err, "stderr", b"") or b"").decode(errors="replace").strip().splitlines()
            print("fastdup failed:", text[-1] if text else err, file=sys.stderr)
            return None
        return json.loads(out.read_text())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--run", required=True)
    p.add_argument("--images", type=int, default=1000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--parallax", default=str(pathlib.Path(__file__).parent.parent / "bin" / "parallax"))
    p.add_argument("--thresholds", default="0.9,0.8,0.7,0.6")
    p.add_argument("--layers", default="backbone,blocks")
    p.add_argument("--keep", help="folder for the images; default a temporary one")
    p.add_argument("--out")
    o = p.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(o.keep or temporary) / "images"
        folder.mkdir(parents=True)
        names = take(o.data, folder, o.images, o.seed)
        planted = plant(folder, names, o.seed)
        lines = []
        for layer in o.layers.split(","):
            file = folder.parent / f"{layer}.parquet"
            subprocess.run([o.parallax, "embed", "--run", o.run, "--data", folder, "--layer", layer, "--out", file],
                           check=True, stdout=subprocess.DEVNULL)
            found = parallax(o.parallax, "outliers", "--in", file, "--limit", 20)
            outliers = [i["path"] for i in found["items"]]
            for threshold in o.thresholds.split(","):
                told = parallax(o.parallax, "duplicates", "--in", file, "--threshold", threshold)
                groups = {}
                for i in told["items"]:
                    groups.setdefault(i["group"], []).append(i["path"])
                lines.append(score(f"parallax, {layer}, cosine {threshold}", groups.values(), planted, outliers))
        for name, groups in hashes(folder):
            lines.append(score(name, groups, planted))
        if told := fastdup(folder):
            lines.append(score("fastdup, threshold 0.9", told["groups"], planted, told["outliers"]))
    columns = ["what", *KINDS, "odd", "other groups"]
    widths = [max(len(str(line[c])) for line in [dict(zip(columns, columns)), *lines]) for c in columns]
    print(f"found of {EACH} planted of each kind, among {o.images} images")
    for line in [dict(zip(columns, columns)), *lines]:
        print("  ".join(str(line[c]).ljust(w) for c, w in zip(columns, widths)).rstrip())
    if o.out:
        pathlib.Path(o.out).write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
