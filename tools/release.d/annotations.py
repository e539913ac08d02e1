#!/usr/bin/env python3
"""Prints what Artifact Hub shows of this release, as annotations of Chart.yaml: annotations.py VERSION SOURCE

Reads the images from stdin, `NAME IMAGE` a line. Changes are the changelog's, the example is the first sample: neither is
written twice. SOURCE is where the source is published; where it is nowhere there are no links.
"""

import json
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SAMPLE = "config/samples/guide.yaml"


def changes(version):
    """The entries of the version in the changelog."""
    text = (TOP / "CHANGELOG.md").read_text()
    found = re.search(rf"^## {re.escape(version)}\b.*?$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        sys.exit(f"annotations: CHANGELOG.md has no section for {version}: write it")
    entries = re.findall(r"^- (.*?)(?=^- |\Z|\n\n)", found.group(1), re.MULTILINE | re.DOTALL)
    return [{"kind": "added", "description": " ".join(entry.split())} for entry in entries]


def links(source):
    named = {"Source": "", "First comparison": "/blob/main/docs/first-comparison.md", "Changelog": "/blob/main/CHANGELOG.md"}
    return [{"name": name, "url": source + path} for name, path in named.items()] if source else []


def example():
    """The sample as an entry of a list."""
    lines = [line for line in (TOP / SAMPLE).read_text().splitlines() if not line.startswith("#")]
    return [("- " if number == 0 else "  ") + line for number, line in enumerate(lines)]


def annotation(name, lines):
    return [f"  artifacthub.io/{name}: |", *(f"    {line}" for line in lines)] if lines else []


def main(version, source):
    images = [dict(zip(("name", "image"), line.split())) for line in sys.stdin]

    # JSON is YAML, too.
    def listed(entries):
        return [f"- {json.dumps(entry, ensure_ascii=False)}" for entry in entries]

    for name, lines in (("images", listed(images)), ("changes", listed(changes(version))), ("links", listed(links(source))),
                        ("crdsExamples", example())):
        print("\n".join(annotation(name, lines)) + "\n" if lines else "", end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
