#!/usr/bin/env python3
"""Write a container image as an OCI archive, from directories and without a container engine.

The same directories give the same bytes. Layers are not compressed: the archive is read once, on the same machine.
"""

import argparse
import hashlib
import json
import platform
import subprocess
import tarfile
from pathlib import Path

BLOCK = 512
CHUNK = 1 << 20
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
MEDIA_TYPE = "application/vnd.oci.image."


class Archive:
    """A tar file of blobs named by their digests, and the two files that an OCI layout wants beside them."""

    def __init__(self, file):
        self.file = file
        self.digests = set()

    def add(self, name: str, content: bytes) -> None:
        self.file.write(_header(name, len(content)))
        self.file.write(content + _padding(len(content)))

    def add_blob(self, media_type: str, content: bytes) -> dict:
        """Add a small blob; returns its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self.add(f"blobs/sha256/{digest}", content)
        return _descriptor(media_type, digest, len(content))

    def add_layer(self, directory: Path) -> dict:
        """Add a directory's files as one layer; its digest, and so its header, is known only when it is written."""
        start = self.file.tell()
        self.file.write(bytes(BLOCK))
        digest, size = hashlib.sha256(), 0
        with subprocess.Popen(_tar_command(directory), stdout=subprocess.PIPE) as tar:
            while chunk := tar.stdout.read(CHUNK):
                digest.update(chunk)
                self.file.write(chunk)
                size += len(chunk)
        if tar.returncode:
            raise SystemExit(f"tar of {directory} failed")
        self.file.write(_padding(size))
        end = self.file.tell()
        self.file.seek(start)
        self.file.write(_header(f"blobs/sha256/{digest.hexdigest()}", size))
        self.file.seek(end)
        return _descriptor("layer.v1.tar", digest.hexdigest(), size)

    def finish(self, manifest: dict, names: list[str]) -> None:
        """Write the index: one entry for each name of the image."""
        entries = [
            manifest | {"annotations": {"io.containerd.image.name": n, "org.opencontainers.image.ref.name": n}}
            for n in names
        ]
        self.add("index.json", _json({"schemaVersion": 2, "manifests": entries}))
        self.add("oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        self.file.write(bytes(2 * BLOCK))


def _tar_command(directory: Path) -> list[str]:
    return ["tar", "-C", str(directory), "--sort=name", "--mtime=@0", "--numeric-owner", "--format=gnu", "-cf", "-", "."]


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def _json(document: dict) -> bytes:
    return json.dumps(document).encode()


def _descriptor(media_type: str, digest: str, size: int) -> dict:
    return {"mediaType": MEDIA_TYPE + media_type, "digest": f"sha256:{digest}", "size": size}


def write_image(output: Path, layers: list[Path], names: list[str], config: dict) -> None:
    unfinished = output.with_suffix(".new")
    with unfinished.open("wb") as file:
        archive = Archive(file)
        descriptors = [archive.add_layer(layer) for layer in layers]
        image = {
            "architecture": ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [d["digest"] for d in descriptors]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE + "manifest.v1+json",
            "config": archive.add_blob("config.v1+json", _json(image)),
            "layers": descriptors,
        }
        archive.finish(archive.add_blob("manifest.v1+json", _json(manifest)), names)
    unfinished.rename(output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("layers", type=Path, nargs="+", help="directories, lowest first")
    parser.add_argument("--name", action="append", required=True, help="full name with a tag; may be given again")
    parser.add_argument("--user", default="65532:65532")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--entrypoint", action="append")
    parser.add_argument("--workdir", default="/")
    arguments = parser.parse_args()
    config = {"User": arguments.user, "Env": arguments.env, "WorkingDir": arguments.workdir}
    if arguments.entrypoint:
        config["Entrypoint"] = arguments.entrypoint
    write_image(arguments.output, arguments.layers, arguments.name, config)


if __name__ == "__main__":
    main()
