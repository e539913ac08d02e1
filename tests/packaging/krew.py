"""What krew does with a plugin's manifest and its archive: the rules of its `validation` and `installation` packages."""

import fnmatch
import hashlib
import os
import re
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

VERSION = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-+].+)?")


class Refused(Exception):
    """krew would not install it."""


def need(condition, message):
    if not condition:
        raise Refused(message)


def check(manifest, name):
    need(manifest.get("apiVersion") == "krew.googlecontainertools.github.com/v1alpha2", "apiVersion")
    need(manifest.get("kind") == "Plugin", "kind")
    need(re.fullmatch(r"[\w-]+", name) and manifest["metadata"]["name"] == name, "name")
    spec = manifest["spec"]
    need(spec.get("shortDescription") and "\n" not in spec["shortDescription"], "shortDescription")
    need(VERSION.fullmatch(spec.get("version", "")), "version")
    need(spec.get("platforms"), "platforms")
    for platform in spec["platforms"]:
        need(platform.get("uri"), "uri")
        need(re.fullmatch(r"[0-9a-f]{64}", platform.get("sha256", "")), "sha256")
        need(platform.get("bin"), "bin")
        need(platform.get("files") is None or platform["files"], "files")
        for operation in platform.get("files") or []:
            need(operation.get("from") and operation.get("to"), "files")
            need(os.path.normpath(operation["to"]) == operation["to"], "files: to")
        labels = platform["selector"]["matchLabels"]
        need(labels and set(labels) <= {"os", "arch"}, "selector")


def unpack(archive, directory):
    """Regular files and directories, and nothing outside."""
    with tarfile.open(archive, "r:gz") as packed:
        for entry in packed:
            need(".." not in entry.name and not entry.name.startswith(("/", "\\")), f"suspicious entry {entry.name}")
            path = directory / entry.name
            if entry.isdir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            need(entry.isreg(), f"entry {entry.name} is not a file")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(packed.extractfile(entry).read())
            path.chmod(entry.mode)


def moves(unpacked, operation):
    """From where to where in the installation; relative to it."""
    source = operation["from"].removeprefix("/")
    if (unpacked / source).exists():
        name = PurePosixPath(source).name if operation["to"] == "." else operation["to"]
        return [(unpacked / source, name)]
    below = [path for path in unpacked.rglob("*") if fnmatch.fnmatch(str(path.relative_to(unpacked)), source)]
    need(below, f"no files in the archive match {source}")
    return [(path, os.path.normpath(f"{operation['to']}/{path.name}")) for path in below]


def install(manifest, archive, root, system="linux", architecture="amd64"):
    """Puts the plugin below the root, and returns the link that kubectl finds."""
    name, spec = manifest["metadata"]["name"], manifest["spec"]
    check(manifest, name)
    labels = {"os": system, "arch": architecture}
    fitting = [p for p in spec["platforms"] if all(labels[key] == value for key, value in p["selector"]["matchLabels"].items())]
    need(fitting, "no installation for this platform")
    platform = fitting[0]
    need(hashlib.sha256(archive.read_bytes()).hexdigest() == platform["sha256"], "checksum")
    store, links = root / "store" / name / spec["version"], root / "bin"
    store.mkdir(parents=True)
    links.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        unpack(archive, Path(scratch))
        for operation in platform.get("files") or [{"from": "*", "to": "."}]:
            for source, target in moves(Path(scratch), operation):
                need(not target.startswith(".."), f"{target} is outside")
                (store / target).parent.mkdir(parents=True, exist_ok=True)
                source.rename(store / target)
    need((store / platform["bin"]).exists(), f"{platform['bin']} is not in the archive")
    link = links / f"kubectl-{name.replace('-', '_')}"
    link.symlink_to(os.path.relpath(store / platform["bin"], links))
    return link
