#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the repository's Markdown pages: relative links and pictures lead to files, and #anchors to headings."""

import re
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)>\s]+)>?(?:\s+\"[^\"]*\")?\s*\)")
SKIP = re.compile(r"(\.(libtorch|venv|git)|bin/|runs/|dashboard/web/node_modules/)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)


def anchors(text):
    """Return the anchors of a page's headings, as the usual hosts form them."""
    found = {}
    for heading in re.findall(r"^#+\s+(.*?)\s*#*$", FENCE.sub("", text), re.M):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading).lower()).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        yield slug if count == 0 else f"{slug}-{count}"


def main():
    pages = [page for page in sorted(ROOT.rglob("*.md")) if not SKIP.match(page.relative_to(ROOT).as_posix())]
    links = broken = 0
    for page in pages:
        for target in LINK.findall(re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))):
            if re.match(r"[a-z][a-z0-9+.-]*:", target, re.I):
                continue
            links += 1
            name, _, anchor = unquote(target).partition("#")
            to = (page.parent / name).resolve() if name else page
            if not to.exists():
                why = "no such file"
            elif anchor and to.suffix == ".md" and anchor not in anchors(to.read_text(encoding="utf-8")):
                why = "no such heading"
            else:
                continue
            broken += 1
            print(f"{page.relative_to(ROOT)}: link to {target}: {why}", file=sys.stderr)
    print(f"docs: {len(pages)} pages, {links} links between them, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
