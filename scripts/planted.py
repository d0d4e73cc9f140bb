#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants sixty images among others and counts which are found, by parallax duplicates and outliers and by others.

    python scripts/planted.py --data ARCHIVE|FOLDER --run runs/simclr-1 [--images 1000] [--seed 1] [--odd KIND|FOLDER]

Ten each: exact copies; resized (to half or one and a half times the side, as PNG); re-encoded (JPEG of quality 50);
flipped left to right; all three at once (flipped, three quarters of the side, JPEG of quality 75); and odd ones, unlike
all others. Of few images there are fewer copies. The odd ones are of all of ODD's kinds in turn, of one kind, or images
of another folder. A copy is found if it is in a group with its original. An odd one is found if it is among the twenty
strongest outliers. Also counted: groups without any planted image (in CIFAR-10 some may be right: it has near-duplicates
of its own).

With imagededup (PyPI) its perceptual hashes (PHash, DHash) are asked the same, and with fastdup its own embeddings. All
have their usual thresholds.
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
KINDS = ["copy", "resized", "re-encoded", "flipped", "all three"]
ODD = ["noise", "stripes", "text", "plain", "dots", "gradient", "checkerboard"]


def take(data, folder, n, seed):
    """Copies n images, drawn at random, of an archive or a folder into the folder, and returns their names."""
    endings, draw, names = (".jpg", ".jpeg", ".png"), random.Random(seed), []
    if pathlib.Path(data).is_dir():
        files = sorted(f for f in pathlib.Path(data).rglob("*") if f.suffix.lower() in endings)
        contents = ((str(f.relative_to(data)), f.read_bytes()) for f in draw.sample(files, min(n, len(files))))
        for name, content in contents:
            names.append(name.replace("/", "_"))
            (folder / names[-1]).write_bytes(content)
        return names
    with tarfile.open(data) as tar:
        members = sorted((m for m in tar.getmembers() if m.isfile() and m.name.lower().endswith(endings)),
                         key=lambda m: m.name)
        for m in sorted(draw.sample(members, min(n, len(members))), key=lambda m: m.offset):
            names.append(m.name.strip("/").replace("/", "_"))
            (folder / names[-1]).write_bytes(tar.extractfile(m).read())
    return names


def odd(kind, side, draw):
    """An image of side x side pixels of one of ODD's kinds."""
    img, unit = Image.new("RGB", (side, side), (255, 255, 255)), max(1, side // 32)
    pen = ImageDraw.Draw(img)
    colour = lambda: tuple(draw.randrange(256) for _ in range(3))
    if kind == "noise":
        img.putdata([colour() for _ in range(side * side)])
    elif kind == "stripes":
        for x in range(0, side, 4 * unit):
            pen.rectangle([x, 0, x + unit, side], fill=(draw.randrange(256), 0, draw.randrange(256)))
    elif kind == "text":
        for y in range(0, side, 10):
            pen.text((1, y), "".join(draw.choice("ABCDEFGHKMabcdefgh") for _ in range(side // 5)), fill=(0, 0, 0))
    elif kind == "plain":
        img.paste(colour(), [0, 0, side, side])
    elif kind == "dots":
        for _ in range(12):
            x, y, r = draw.randrange(side), draw.randrange(side), 3 * unit
            pen.ellipse([x - r, y - r, x + r, y + r], fill=(255, 0, draw.randrange(256)))
    elif kind == "gradient":
        a, b = colour(), colour()
        for x in range(side):
            pen.line([x, 0, x, side], fill=tuple(round(p + (q - p) * x / side) for p, q in zip(a, b)))
        img = img.rotate(draw.choice([0, 90, 180, 270]))
    else:
        a, b, size = colour(), colour(), draw.choice([2, 4, 8]) * unit
        img.putdata([a if (x // size + y // size) % 2 else b for y in range(side) for x in range(side)])
    return img


def plant(folder, names, seed, other):
    """Writes the planted images and returns {planted name: (kind, original name or None)}."""
    draw = random.Random(seed + 1)
    each = min(EACH, len(names) // len(KINDS))
    originals = draw.sample(names, each * len(KINDS))
    planted = {}
    for at, original in enumerate(originals):
        kind = KINDS[at // each]
        img = Image.open(folder / original).convert("RGB")
        size = lambda by: tuple(max(1, int(by * s)) for s in img.size)
        if kind == "copy":
            name = f"planted_copy_{at}.jpg"
            shutil.copyfile(folder / original, folder / name)
        elif kind == "resized":
            name = f"planted_resized_{at}.png"
            img.resize(size(1.5 if at % 2 else 0.5), Image.Resampling.BICUBIC).save(folder / name)
        elif kind == "re-encoded":
            name = f"planted_reencoded_{at}.jpg"
            img.save(folder / name, quality=50)
        elif kind == "flipped":
            name = f"planted_flipped_{at}.png"
            ImageOps.mirror(img).save(folder / name)
        else:
            name = f"planted_all_{at}.jpg"
            ImageOps.mirror(img).resize(size(0.75), Image.Resampling.BICUBIC).save(folder / name, quality=75)
        planted[name] = (kind, original)
    side = sorted(Image.open(folder / name).width for name in names)[len(names) // 2]
    kinds = [other] if other in ODD else ODD
    files = [] if other in ["all", *ODD] else draw.sample(sorted(pathlib.Path(other).iterdir()), EACH)
    for i in range(EACH):
        name = f"planted_odd_{i}.png"
        if files:
            ImageOps.fit(Image.open(files[i]).convert("RGB"), (side, side)).save(folder / name)
        else:
            odd(kinds[i % len(kinds)], side, draw).save(folder / name)
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
    p.add_argument("--layers", default="backbone,blocks")
    p.add_argument("--odd", default="all", help="all, one of " + ", ".join(ODD) + ", or a folder of images")
    p.add_argument("--keep", help="folder for the images; default a temporary one")
    p.add_argument("--out")
    o = p.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(o.keep or temporary) / "images"
        folder.mkdir(parents=True)
        names = take(o.data, folder, o.images, o.seed)
        planted = plant(folder, names, o.seed, o.odd)
        lines = []
        for layer in o.layers.split(","):
            for by in ["both", "embeddings", "pixels"]:
                asked = ["--run", o.run, "--data", folder, "--layer", layer, "--by", by]
                outliers = [i["path"] for i in parallax(o.parallax, "outliers", *asked)["items"]]
                groups = {}
                for i in parallax(o.parallax, "duplicates", *asked)["items"]:
                    groups.setdefault(i["group"], []).append(i["path"])
                name = "pixels" if by == "pixels" else f"{by}, {layer}"
                lines.append(score(f"parallax, {name}", groups.values(), planted, outliers))
                print(lines[-1], file=sys.stderr)
        for name, groups in hashes(folder):
            lines.append(score(name, groups, planted))
        if told := fastdup(folder):
            lines.append(score("fastdup, threshold 0.9", told["groups"], planted, told["outliers"]))
    columns = ["what", *KINDS, "odd", "other groups"]
    widths = [max(len(str(line[c])) for line in [dict(zip(columns, columns)), *lines]) for c in columns]
    print(f"found of {min(EACH, len(names) // len(KINDS))} planted of each kind (odd: of {EACH}), among {len(names)} images")
    for line in [dict(zip(columns, columns)), *lines]:
        print("  ".join(str(line[c]).ljust(w) for c, w in zip(columns, widths)).rstrip())
    if o.out:
        pathlib.Path(o.out).write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
