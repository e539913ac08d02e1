"""One version, in Cargo.toml: whatever else names it names the same. The tools' versions stand in tools/requirements-*.txt."""

import json
import re
import tomllib
import unittest

from kube import TOP

VERSION = tomllib.loads((TOP / "Cargo.toml").read_text())["package"]["version"]
# Where the version is written, and how; every file that holds one of these is found by the search below.
PLACES = {
    "charts/bcmp/Chart.yaml": [r"^version: (\S+)$", r"^appVersion: (\S+)$"],
    "config/gitops-example/argocd/operator.yaml": [r"targetRevision: v(\S+)$"],
    "config/gitops-example/flux/operator.yaml": [r"tag: v(\S+)$"],
    "CHANGELOG.md": [r"^## (\d\S*)"],
}
IMAGE = re.compile(r"\b(?:bcmp|bcmp-tools):v?(\d+\.\d+\.\d+[^\s\"'`,]*)")
# Named as `aiconfigurator 0.12.0` or `AIPerf 0.13.0`.
TOOL = re.compile(r"\b(aiconfigurator|aiperf) (?:version )?(\d+\.\d+\.\d+)", re.IGNORECASE)


def written():
    """What people read or apply: documents, chart, configuration."""
    for place in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "Dockerfile", "docs", "charts", "config", "tests/cluster/operator"):
        path = TOP / place
        yield from (f for f in ([path] if path.is_file() else path.rglob("*")) if f.is_file() and "testdata" not in f.parts)


class Versions(unittest.TestCase):
    def test_each_place_names_the_packages_version(self):
        for place, patterns in PLACES.items():
            text = (TOP / place).read_text()
            for pattern in patterns:
                with self.subTest(f"{place}: {pattern}"):
                    found = re.findall(pattern, text, re.MULTILINE)
                    self.assertTrue(found, "no version here")
                    self.assertEqual(found[0], VERSION)

    def test_images_have_the_packages_version(self):
        count = 0
        for path in written():
            for found in IMAGE.findall(path.read_text(errors="replace")):
                count += 1
                self.assertEqual(found, VERSION, path.relative_to(TOP))
        self.assertGreater(count, 8, "too few to be all")

    def test_the_files_of_a_release_that_documents_name_are_this_versions(self):
        text = (TOP / "docs/install.md").read_text()
        found = re.findall(r"\bbcmp-(?:chart-|krew-)?(\d+\.\d+\.\d+)", text) + re.findall(r"--version (\S+)", text)
        self.assertGreater(len(found), 6, "too few to be all")
        self.assertEqual(set(found), {VERSION})

    def test_base_images_are_named_to_the_last_digit(self):
        """What `1-slim` is changes from one build to the next."""
        found = re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", (TOP / "Dockerfile").read_text(), re.MULTILINE)
        self.assertEqual(len(found), 2)
        for name, image in found:
            self.assertRegex(image, r":\d+\.\d+\.\d+-|@sha256:", name)

    def test_the_lock_file_has_the_packages_version(self):
        lock = tomllib.loads((TOP / "Cargo.lock").read_text())
        self.assertEqual([p["version"] for p in lock["package"] if p["name"] == "bcmp"], [VERSION])

    def test_documents_name_the_tools_versions_that_are_installed(self):
        pinned = {}
        for tool in ("aiconfigurator", "aiperf"):
            text = (TOP / f"tools/requirements-{tool}.txt").read_text()
            pinned[tool] = re.search(rf"^{tool}==(\S+)", text, re.MULTILINE)[1]
        for path in written():
            if path.suffix != ".md":
                continue
            for tool, version in TOOL.findall(path.read_text()):
                self.assertEqual(version, pinned[tool.lower()], f"{path.relative_to(TOP)} names {tool} {version}")

    def test_systems_are_those_the_predictor_knows(self):
        answers = (TOP / "tests/fixtures/aiconfigurator/driver/system.jsonl").read_text().splitlines()
        known = next(answer["result"]["systems"] for answer in map(json.loads, answers) if "systems" in answer["result"])
        page = (TOP / "docs/coming-from-the-guide.md").read_text()
        self.assertIn("knows: " + ", ".join(f"`{system}`" for system in known), page)


if __name__ == "__main__":
    unittest.main()
