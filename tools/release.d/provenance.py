#!/usr/bin/env python3
"""Prints what files were made from, as an in-toto statement with SLSA provenance v1.

    provenance.py --out DIRECTORY --version V --builder URI [--source URL] [--seconds N] -- ARGUMENT…

Reads names of files in DIRECTORY from stdin, one a line. ARGUMENT… is what tools/release was called with; N is since when it
runs.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
# What decides the content beside the source: compilers, packers.
TOOLS = {"rustc": ["rustc", "--version"], "cargo": ["cargo", "--version"], "tar": ["tar", "--version"], "python": ["python3", "--version"]}


def printed(*command):
    """Its first line; nothing where it cannot be run."""
    try:
        done = subprocess.run(command, cwd=TOP, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip().split("\n")[0] if done.returncode == 0 else ""


def sha256(path):
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def source_code(url):
    """The commit. A tree that differs from it says so: nobody else can make the same of it."""
    commit = printed("git", "rev-parse", "HEAD")
    changed = bool(printed("git", "status", "--porcelain"))
    return [{"uri": f"git+{url}" if url else "git+file:bcmp", "digest": {"gitCommit": commit}, "annotations": {"modified": changed}}] if commit else []


def base_images(out):
    """Of the images, where they were built: `NAME=IMAGE@DIGEST` a line."""
    listed = out / "base-images.txt"
    for line in listed.read_text().splitlines() if listed.exists() else []:
        image, digest = line.split("=", 1)[1].split("@sha256:")
        yield {"uri": f"docker://{image}", "digest": {"sha256": digest}}


def pinned():
    """Files that say which versions of others' code go in, by their hashes."""
    for path in [TOP / "Cargo.lock", *sorted((TOP / "tools").glob("requirements-*.txt"))]:
        yield {"uri": f"file:{path.relative_to(TOP)}", "digest": sha256(path)}


def timestamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def statement(options, files):
    now = datetime.now(timezone.utc)
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": sha256(options.out / name)} for name in files],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://bcmp.dev/release/v1",
                "externalParameters": {"command": ["tools/release", *options.arguments], "version": options.version},
                "internalParameters": {"tools": {name: said for name, command in TOOLS.items() if (said := printed(*command))}},
                "resolvedDependencies": [*source_code(options.source), *base_images(options.out), *pinned()],
            },
            "runDetails": {
                "builder": {"id": options.builder},
                "metadata": {
                    "invocationId": uuid.uuid4().urn,
                    "startedOn": timestamp(now - timedelta(seconds=options.seconds)),
                    "finishedOn": timestamp(now),
                },
            },
        },
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--builder", required=True)
    parser.add_argument("--source", default="")
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    files = sys.stdin.read().splitlines()
    json.dump(statement(options, files), sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
