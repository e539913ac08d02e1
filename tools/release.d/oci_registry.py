#!/usr/bin/env python3
"""A registry on 127.0.0.1, as long as a command runs, whose content is an OCI image layout: oci_registry.py LAYOUT COMMAND…

`{}` in the command is the registry's address. What the command pushes is in the directory LAYOUT afterwards, and what is there it
can pull; all repositories have the same content. The exit code is the command's.
"""

import hashlib
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TAG = "org.opencontainers.image.ref.name"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Layout:
    """A directory as OCI's image layout specification has it."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.lock = threading.Lock()
        self.blobs = self.directory / "blobs/sha256"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.directory.joinpath("oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self.index = self.directory / "index.json"
        if not self.index.exists():
            self.write([])

    def manifests(self):
        return json.loads(self.index.read_text())["manifests"]

    def write(self, manifests):
        self.index.write_text(json.dumps({"schemaVersion": 2, "manifests": manifests}, separators=(",", ":")))

    def blob(self, digest):
        """The content, or None."""
        if not DIGEST.fullmatch(digest):
            return None
        path = self.blobs / digest.split(":")[1]
        return path.read_bytes() if path.exists() else None

    def keep(self, content):
        digest = hashlib.sha256(content).hexdigest()
        self.blobs.joinpath(digest).write_bytes(content)
        return f"sha256:{digest}"

    def tag(self, name, content, media_type):
        digest = self.keep(content)
        with self.lock:
            others = [entry for entry in self.manifests() if entry["annotations"][TAG] != name]
            self.write([*others, {"mediaType": media_type, "digest": digest, "size": len(content), "annotations": {TAG: name}}])
        return digest

    def tags(self):
        return [entry["annotations"][TAG] for entry in self.manifests()]

    def resolve(self, reference):
        """The digest of a tag; a digest is its own."""
        found = [entry["digest"] for entry in self.manifests() if entry["annotations"][TAG] == reference]
        return found[0] if found else reference


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    layout = None

    def answer(self, status, content=b"", kind="application/json", **headers):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(content), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def missing(self):
        self.answer(404, json.dumps({"errors": [{"code": "NOT_FOUND", "message": self.path}]}).encode())

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self):
        path = urlsplit(self.path).path
        if path == "/v2/":
            self.answer(200, b"{}")
        elif found := re.fullmatch(r"/v2/(.+)/tags/list", path):
            self.answer(200, json.dumps({"name": found[1], "tags": self.layout.tags()}).encode())
        elif found := re.fullmatch(r"/v2/.+/(blobs|manifests)/([^/]+)", path):
            kind, reference = found.groups()
            digest = self.layout.resolve(reference) if kind == "manifests" else reference
            content = self.layout.blob(digest)
            if content is None:
                self.missing()
            else:
                self.answer(200, content, MANIFEST if kind == "manifests" else "application/octet-stream", Docker_Content_Digest=digest)
        else:
            self.missing()

    do_HEAD = do_GET

    def do_POST(self):
        self.body()
        path = urlsplit(self.path).path
        # A blob comes whole, with the request after this one.
        if re.fullmatch(r"/v2/.+/blobs/uploads/", path):
            self.answer(202, Location=f"{path}new")
        else:
            self.missing()

    def do_PUT(self):
        content, parts = self.body(), urlsplit(self.path)
        if found := re.fullmatch(r"/v2/.+/manifests/([^/]+)", parts.path):
            # What has no name but its digest is content like any other.
            digest = self.layout.keep(content) if DIGEST.fullmatch(found[1]) else self.layout.tag(found[1], content, self.media_type())
            self.answer(201, Location=parts.path, Docker_Content_Digest=digest)
        elif re.fullmatch(r"/v2/.+/blobs/uploads/new", parts.path):
            (asked,) = parse_qs(parts.query).get("digest", [""])
            kept = self.layout.keep(content)
            self.answer(201 if kept == asked else 400, Location=parts.path, Docker_Content_Digest=kept)
        else:
            self.missing()

    def media_type(self):
        return self.headers.get("Content-Type", MANIFEST)

    def log_message(self, *_):
        pass


def main(directory, *command):
    served = type("Served", (Handler,), {"layout": Layout(directory)})
    with ThreadingHTTPServer(("127.0.0.1", 0), served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        code = subprocess.run([word.replace("{}", address) for word in command], check=False).returncode
        server.shutdown()
    return code


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
