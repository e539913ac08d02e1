"""tools/release: what it would run, and the steps that need neither network nor container engine."""

import json
import os
import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

from kube import BIN, TOP
from test_versions import VERSION

RELEASE = TOP / "tools/release"
LICENCES = TOP / "tools/licences"


def commands(*arguments, path="/usr/bin:/bin"):
    """The commands of a dry run, split into arguments, and what it says to people."""
    done = subprocess.run([RELEASE, "--dry-run", *arguments], text=True, capture_output=True, check=False,
                          env={**os.environ, "PATH": path})
    assert done.returncode == 0, done.stderr
    return [shlex.split(line[2:]) for line in done.stdout.splitlines() if line.startswith("+ ")], done.stderr


class DryRun(unittest.TestCase):
    def setUp(self):
        self.tools = tempfile.TemporaryDirectory()
        self.addCleanup(self.tools.cleanup)

    def path_with(self, *names):
        """A PATH with these tools, which fail if they are run, and what every machine has."""
        for name in names:
            tool = Path(self.tools.name, name)
            tool.write_text("#!/bin/sh\necho \"$0 was run\" >&2\nexit 1\n")
            tool.chmod(0o755)
        base = Path(self.tools.name, "base")
        base.mkdir()
        for name in ("bash", "env", "sed", "head", "dirname", "basename", "cat", "find", "sort", "xargs", "sha256sum", "uname", "mkdir"):
            base.joinpath(name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
        return f"{self.tools.name}:{base}"

    def test_both_images_are_built_with_the_packages_version(self):
        for builder in ("buildah", "docker"):
            with self.subTest(builder):
                self.setUp()
                ran, _ = commands("images", path=self.path_with(builder))
                self.assertEqual([command[0] for command in ran], [builder] * 2)
                for command, target in zip(ran, ("operator", "tools")):
                    self.assertEqual(command[command.index("--target") + 1], target)
                    self.assertIn(f"VERSION={VERSION}", command)
                    self.assertNotIn("--platform", command)

    def test_base_images_have_digests(self):
        digest = "sha256:" + "0" * 64
        path = self.path_with("docker")
        ran, _ = commands("images", "--base", f"RUST_IMAGE=mirror.example/rust@{digest}", path=path)
        for command in ran:
            self.assertIn(f"RUST_IMAGE=mirror.example/rust@{digest}", command)
            self.assertTrue(any(word.startswith("PYTHON_IMAGE=") and "@sha256:" in word for word in command), command)

    def test_a_base_image_without_a_digest_is_refused(self):
        path = self.path_with("docker")
        done = subprocess.run([RELEASE, "--out", self.tools.name, "images"], text=True, capture_output=True, check=False,
                              env={**os.environ, "PATH": path})
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("without a digest", done.stderr)

    def test_several_platforms_and_a_registry(self):
        for builder in ("buildah", "docker"):
            with self.subTest(builder):
                self.setUp()
                ran, _ = commands("images", "--platform", "linux/amd64,linux/arm64", "--registry", "registry.example/team/",
                                  "--push", path=self.path_with(builder))
                builds = [command for command in ran if "build" in command]
                for command, name in zip(builds, ("bcmp", "bcmp-tools")):
                    self.assertEqual(command[command.index("--platform") + 1], "linux/amd64,linux/arm64")
                    self.assertIn(f"registry.example/team/{name}:{VERSION}", command)
                pushed = [command for command in ran if "push" in command or "--push" in command]
                self.assertEqual(len(pushed), 2)

    def test_several_platforms_that_are_not_pushed_go_into_archives(self):
        """Docker's own store of images takes one platform a name."""
        path = self.path_with("docker")
        ran, _ = commands("images", "--platform", "linux/amd64,linux/arm64", path=path)
        for command, name in zip(ran, ("bcmp", "bcmp-tools"), strict=True):
            self.assertNotIn("--load", command)
            self.assertEqual(command[command.index("--output") + 1], f"type=oci,dest=target/release-{VERSION}/{name}-{VERSION}.oci.tar")
        ran, _ = commands("images", "--platform", "linux/arm64", path=path)
        for command in ran:
            self.assertIn("--load", command)

    def test_an_sbom_of_the_binary_for_each_platform(self):
        def targets(*arguments):
            ran, _ = commands("sbom", *arguments, path=path)
            rust = [command for command in ran if command[:2] == ["cargo", "cyclonedx"]]
            named = [command[command.index("--override-filename") + 1] for command in rust]
            self.assertEqual(len(set(named)), len(named), "one would be written over the other")
            return [command[command.index("--target") + 1] for command in rust]
        path = self.path_with("cargo-cyclonedx")
        self.assertEqual(targets("--platform", "linux/amd64,linux/arm64"), ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"])
        self.assertEqual(targets(), [f"{os.uname().machine}-unknown-linux-gnu"])

    def test_programs_for_each_platform_that_is_asked_for(self):
        def targets(*arguments):
            ran, said = commands("binaries", *arguments, path=path)
            builds = [command for command in ran if command[0] == "env"]
            for command in builds:
                self.assertEqual(command[-4:], ["tools/build-static", "--release", "--bin=bcmp", "--bin=kubectl-bcmp"])
            return [command[1] for command in builds], said
        path = self.path_with()
        both = ["TARGET=x86_64-unknown-linux-gnu", "TARGET=aarch64-unknown-linux-gnu"]
        self.assertEqual(targets("--platform", "linux/amd64,linux/arm64")[0], both)
        # Without a word the other one is left out, and said, where there is no compiler for it.
        own = f"TARGET={os.uname().machine}-unknown-linux-gnu"
        found, said = targets()
        self.assertEqual(found, [own])
        self.assertRegex(said, r"no programs for linux/\w+: rustup target add \w+-unknown-linux-gnu")

    def test_programs_that_cannot_be_compiled_are_not_left_out_silently(self):
        other = {"x86_64": "linux/arm64", "aarch64": "linux/amd64"}[os.uname().machine]
        done = subprocess.run([RELEASE, "--out", self.tools.name, "--platform", other, "binaries"], text=True, capture_output=True,
                              check=False, env={**os.environ, "PATH": self.path_with()})
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot be compiled here: rustup target add", done.stderr)

    def test_signatures_of_files_images_and_sboms(self):
        path = self.path_with("cosign")
        ran, _ = commands("sign", "--registry", "registry.example", "--push", path=path)
        self.assertEqual([command[1] for command in ran], ["sign-blob", "sign-blob", "sign", "attest", "sign", "attest"])
        _, said = commands("sign", path=path)
        self.assertIn("images are not signed", said)

    def test_everything_in_order(self):
        _, said = commands("--files", "https://files.example", path=self.path_with("docker", "cosign", "helm"))
        steps = [line.removeprefix("release: ") for line in said.splitlines() if line.count(" ") == 1]
        self.assertEqual(steps, ["images", "sbom", "licences", "binaries", "chart", "manifest", "krew", "provenance", "checksums", "sign"])

    def test_what_cannot_be_is_refused(self):
        for arguments, message in ((("--push",), "--push needs --registry"), (("publish",), "no such step: publish"),
                                 (("--platform",), "--platform needs a value"), (("--platform", "linux/mips", "sbom"), "linux/mips"),
                                 (("--force",), "no such option")):
            done = subprocess.run([RELEASE, "--dry-run", *arguments], text=True, capture_output=True, check=False)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(message, done.stderr)


class Pinned(unittest.TestCase):
    def test_every_package_has_its_hashes(self):
        for file in (TOP / "tools").glob("requirements-*.txt"):
            entries = file.read_text().replace(" \\\n", " ").splitlines()
            for entry in entries:
                if not entry.startswith("#"):
                    self.assertRegex(entry, r"^\S+==\S+( +--hash=sha256:[0-9a-f]{64})+$", file.name)

    def test_hashes_are_put_beside_the_versions_they_are_of(self):
        with tempfile.TemporaryDirectory() as directory:
            file, report = Path(directory, "requirements.txt"), Path(directory, "report.json")
            file.write_text("# mine\nruamel.yaml==1.0\n")
            item = {"metadata": {"name": "ruamel-yaml", "version": "1.0"},
                    "download_info": {"archive_info": {"hashes": {"sha256": "0" * 64}}}}
            report.write_text(json.dumps({"install": [item]}))
            pin = [TOP / "tools/pin", file, report]
            for _ in range(2):
                subprocess.run(pin, check=True)
                self.assertEqual(file.read_text(), f"# mine\nruamel.yaml==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
            item["metadata"]["version"] = "1.1"
            report.write_text(json.dumps({"install": [item]}))
            done = subprocess.run(pin, text=True, capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (1, "pin: no report has ruamel.yaml==1.0\n"))

    def test_every_crate_of_the_binary_has_its_notice(self):
        told = subprocess.run([TOP / "tools/notices", "--no-default-features"], cwd=TOP, text=True, capture_output=True, check=True).stdout
        listed = subprocess.check_output(["cargo", "tree", "--locked", "--no-default-features", "--edges", "normal,no-proc-macro",
                                          "--prefix", "none", "--format", "{p}"], cwd=TOP, text=True)
        for line in listed.splitlines():
            name, version = line.split()[:2]
            if name != "bcmp":
                self.assertIn(f"\n{name} {version.removeprefix('v')}: ", told)
        self.assertIn("Apache License", told)
        self.assertNotRegex(told, r"(?m)^\S+ \S+: $", "a crate without a licence")


class Images(unittest.TestCase):
    def test_what_the_dockerfile_copies_is_sent_to_the_builder(self):
        ignored, *sent = (TOP / ".dockerignore").read_text().split()
        self.assertEqual(ignored, "*")
        copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (TOP / "Dockerfile").read_text(), re.MULTILINE)
        names = [name for line in copies for name in line.split()]
        self.assertGreater(len(names), 6)
        for name in names:
            self.assertTrue((TOP / name).exists(), name)
            self.assertIn("!" + name.split("/")[0], sent, name)


class Files(unittest.TestCase):
    def test_chart_and_checksums(self):
        with tempfile.TemporaryDirectory() as out:
            environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
            subprocess.run([RELEASE, "--out", out, "chart", "checksums"], env=environment, check=True, capture_output=True)
            chart = f"bcmp-{VERSION}.tgz"
            self.assertIn(chart, Path(out, "SHA256SUMS").read_text())
            subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=True)
            shown = subprocess.check_output([BIN / "helm", "show", "chart", Path(out, chart)], text=True)
            self.assertIn(f"appVersion: {VERSION}", shown)

    def test_nothing_to_sum_up(self):
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run([RELEASE, "--out", out, "checksums"], text=True, capture_output=True, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("holds nothing", done.stderr)


class Licences(unittest.TestCase):
    def listed(self, **packages):
        """The list of a tree of packages, each with these lines of metadata."""
        with tempfile.TemporaryDirectory() as tree:
            for name, lines in packages.items():
                info = Path(tree, f"{name}-1.0.dist-info")
                info.mkdir()
                info.joinpath("METADATA").write_text("\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *lines, ""]))
            return subprocess.run([LICENCES, tree], text=True, capture_output=True, check=False)

    def test_wherever_a_package_says_it(self):
        done = self.listed(
            a=["License-Expression: MIT OR Apache-2.0", "License: other"],
            b=["Classifier: License :: OSI Approved :: BSD License"],
            c=["License: Apache-2.0"],
            d=["License: " + "All rights of the text " * 20, "Classifier: License :: OSI Approved :: MIT License"],
            e=["License: MIT License", "        Permission is hereby granted"],
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        found = dict(line.split("\t1.0\t") for line in done.stdout.splitlines()[1:])
        self.assertEqual(found, {"a": "MIT OR Apache-2.0", "b": "BSD License", "c": "Apache-2.0", "d": "MIT License", "e": "MIT License"})

    def test_silence_is_no_licence(self):
        done = self.listed(a=["License: MIT"], b=["License: UNKNOWN"], c=[])
        self.assertEqual(done.returncode, 1)
        self.assertIn("b 1.0, c 1.0", done.stderr)

    def test_an_empty_tree(self):
        done = self.listed()
        self.assertEqual(done.returncode, 1)
        self.assertIn("holds no Python package", done.stderr)


if __name__ == "__main__":
    unittest.main()
