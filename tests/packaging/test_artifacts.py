"""What tools/release writes, and that it installs. Programs are stand-ins here; run_release tries those that are compiled."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import krew
from kube import BIN, CHART, TOP, chart, documents, key, mapping, one
from test_chart import plain
from test_versions import VERSION

REGISTRY = "registry.example/team"
DIGESTS = {"bcmp": "sha256:" + "1" * 64, "bcmp-tools": "sha256:" + "2" * 64}
CATEGORIES = {"ai-machine-learning", "database", "integration-delivery", "monitoring-logging", "networking", "security", "storage",
              "streaming-messaging", "skip-prediction"}
# In cargo's place for programs; the list of crates is cargo's own.
CARGO = """#!/bin/sh
[ "$1" = build ] || exec "$REAL_CARGO" "$@"
directory=$CARGO_TARGET_DIR/$TARGET/release
mkdir -p "$directory"
for program in bcmp kubectl-bcmp; do printf '#!/bin/sh\\necho "%s with %s"\\n' "$program" "${RUSTFLAGS%% --*}" >"$directory/$program"; done
"""


def release(out, *arguments, **environment):
    """Runs it into a directory that knows which images were pushed."""
    out.mkdir(parents=True, exist_ok=True)
    for name, digest in DIGESTS.items():
        out.joinpath(f"{name}.digest").write_text(digest)
    command = [TOP / "tools/release", "--out", out, "--registry", REGISTRY, "--files", "https://files.example/bcmp",
               "--source", "https://git.example/bcmp", *arguments]
    done = subprocess.run(command, text=True, capture_output=True, check=False,
                          env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment})
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stderr


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Released(unittest.TestCase):
    """A release in a directory, made once for the class."""
    steps = ()

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(scratch.cleanup)
        cls.scratch = Path(scratch.name)
        cls.out = cls.scratch / "out"
        cls.said = cls.release(cls.out)

    @classmethod
    def release(cls, out):
        return release(out, *cls.steps)


class Chart(Released):
    steps = ("chart",)

    def setUp(self):
        self.layout = Path(self.enterContext(tempfile.TemporaryDirectory()))
        with tarfile.open(self.out / f"bcmp-chart-{VERSION}.oci.tar") as packed:
            packed.extractall(self.layout, filter="data")

    def with_registry(self, *command):
        words = [str(word) for word in (sys.executable, TOP / "tools/release.d/oci_registry.py", self.layout, *command)]
        return subprocess.run(words, text=True, capture_output=True, check=False)

    def pulled(self):
        """Helm's own pull, from a registry that has the layout."""
        to = Path(self.enterContext(tempfile.TemporaryDirectory()))
        done = self.with_registry(BIN / "helm", "pull", "oci://{}/charts/bcmp", "--version", VERSION, "--plain-http", "--destination", to)
        return done, to / f"bcmp-{VERSION}.tgz"

    def test_the_layout_is_as_specified(self):
        self.assertEqual(json.loads(self.layout.joinpath("oci-layout").read_text()), {"imageLayoutVersion": "1.0.0"})
        (entry,) = json.loads(self.layout.joinpath("index.json").read_text())["manifests"]
        self.assertEqual(entry["annotations"], {"org.opencontainers.image.ref.name": VERSION})
        manifest = json.loads(self.blob(entry, "application/vnd.oci.image.manifest.v1+json"))
        self.assertEqual(manifest["schemaVersion"], 2)
        config = json.loads(self.blob(manifest["config"], "application/vnd.cncf.helm.config.v1+json"))
        self.assertEqual((config["name"], config["version"]), ("bcmp", VERSION))
        (layer,) = manifest["layers"]
        content = self.blob(layer, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
        self.assertEqual(content, self.out.joinpath(f"bcmp-{VERSION}.tgz").read_bytes())

    def blob(self, descriptor, media_type):
        self.assertEqual(descriptor["mediaType"], media_type)
        content = self.layout.joinpath("blobs", *descriptor["digest"].split(":")).read_bytes()
        self.assertEqual((len(content), "sha256:" + hashlib.sha256(content).hexdigest()), (descriptor["size"], descriptor["digest"]))
        return content

    def test_helm_pulls_the_same_file(self):
        done, file = self.pulled()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sha256(file), sha256(self.out / f"bcmp-{VERSION}.tgz"))

    def test_helm_installs_from_it_what_the_chart_of_the_tree_makes(self):
        values = ("--set", "watch.clusterWide=true", "--namespace", "bcmp-system")
        made = self.with_registry(BIN / "helm", "template", "bcmp", "oci://{}/charts/bcmp", "--version", VERSION, "--plain-http", *values)
        self.assertEqual(made.returncode, 0, made.stderr)
        # What it pulled is said first.
        self.assertEqual(documents(made.stdout[made.stdout.index("---\n"):]), chart("watch.clusterWide=true"))
        tried = self.with_registry(BIN / "helm", "install", "bcmp", "oci://{}/charts/bcmp", "--version", VERSION, "--plain-http",
                                   "--dry-run=client", *values)
        self.assertEqual(tried.returncode, 0, tried.stderr)
        self.assertIn(f"bcmp {VERSION} is installed in bcmp-system.", tried.stdout)

    def test_what_was_damaged_is_not_pulled(self):
        for blob in self.layout.joinpath("blobs/sha256").iterdir():
            if blob.read_bytes()[:2] == b"\x1f\x8b":
                blob.write_bytes(blob.read_bytes()[:-1] + b"?")
        done, file = self.pulled()
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse(file.exists())

    def test_the_same_commit_gives_the_same_files(self):
        again = self.scratch / "again"
        self.release(again)
        for name in (f"bcmp-{VERSION}.tgz", f"bcmp-chart-{VERSION}.oci.tar"):
            self.assertEqual(sha256(again / name), sha256(self.out / name), name)

    def test_artifact_hub_finds_what_it_shows(self):
        shown = subprocess.check_output([BIN / "helm", "show", "chart", self.out / f"bcmp-{VERSION}.tgz"], text=True)
        found = {name.removeprefix("artifacthub.io/"): text for name, text in mapping(strings(shown))["annotations"].items()}

        def entries(name):
            return mapping("list:\n" + found[name])["list"]
        self.assertEqual({entry["name"]: entry["image"] for entry in entries("images")},
                         {name: f"{REGISTRY}/{name}:{VERSION}@{digest}" for name, digest in DIGESTS.items()})
        self.assertIn(found["category"], CATEGORIES)
        self.assertEqual(found["license"], "Apache-2.0")
        self.assertEqual([entry["kind"] for entry in entries("crds")], ["BenchmarkComparison"])
        self.assertEqual(entries("crdsExamples"), documents((TOP / "config/samples/guide.yaml").read_text()))
        self.assertGreater(len(entries("changes")), 10)
        for entry in entries("changes"):
            self.assertIn(entry["kind"], {"added", "changed", "deprecated", "removed", "fixed", "security"})
            self.assertTrue(entry["description"].endswith("."), entry)
        for entry in entries("links"):
            self.assertTrue(entry["url"].startswith("https://git.example/bcmp"), entry)


def strings(text):
    """Without the fields of a chart that are also an object's."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(("apiVersion:", "kind:")))


class Manifest(Released):
    steps = ("manifest",)

    def setUp(self):
        self.text = self.out.joinpath(f"bcmp-{VERSION}.yaml").read_text()
        self.objects = documents(self.text)

    def test_what_others_need_comes_first(self):
        kinds = [thing["kind"] for thing in self.objects]
        self.assertEqual(kinds[0], "Namespace")
        self.assertEqual(self.objects[0]["metadata"]["name"], "bcmp-system")
        self.assertLess(kinds.index("CustomResourceDefinition"), kinds.index("Deployment"))
        self.assertLess(kinds.index("ServiceAccount"), kinds.index("Deployment"))

    def test_it_is_what_the_chart_makes(self):
        settings = [f"{value}.{field}" for value, name in (("image", "bcmp"), ("predictorImage", "bcmp-tools"), ("loadImage", "bcmp-tools"))
                    for field in (f"repository={REGISTRY}/{name}", f"digest={DIGESTS[name]}")]
        charts = {key(o): plain(o) for o in chart("watch.clusterWide=true", "helmTest.enabled=false", *settings)}
        self.assertEqual({key(o): plain(o) for o in self.objects[1:]}, charts)

    def test_helm_does_not_own_it(self):
        self.assertNotIn("Helm", self.text)
        self.assertNotIn("helm.sh/", self.text)

    def test_images_have_the_digests_they_were_pushed_with(self):
        container = one(self.objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
        images = {container["image"], *(entry["value"] for entry in container["env"] if entry["name"].endswith("_IMAGE"))}
        self.assertEqual(images, {f"{REGISTRY}/{name}@{digest}" for name, digest in DIGESTS.items()})


class Programs(Released):
    steps = ("binaries", "krew", "provenance", "checksums")
    names = {program: f"{program}-{VERSION}-linux-amd64.tar.gz" for program in ("bcmp", "kubectl-bcmp")}

    @classmethod
    def release(cls, out):
        tools = cls.scratch / "tools"
        tools.mkdir(exist_ok=True)
        tools.joinpath("cargo").write_text(CARGO)
        tools.joinpath("cargo").chmod(0o755)
        real = subprocess.check_output(["which", "cargo"], text=True).strip()
        return release(out, "--platform", "linux/amd64", *cls.steps, PATH=f"{tools}:{os.environ['PATH']}", REAL_CARGO=real,
                       CARGO_TARGET_DIR=str(cls.scratch / f"target-{out.name}"))

    def manifest(self):
        """As krew reads it: another kind of object than those of a cluster, and no less YAML."""
        text = self.out.joinpath(f"bcmp-krew-{VERSION}.yaml").read_text()
        (found,) = documents(text)
        return found

    def test_archives_hold_program_and_licences_and_nothing_of_the_machine(self):
        commit = int(subprocess.check_output(["git", "log", "-1", "--format=%ct"], cwd=TOP, text=True))
        for program, name in self.names.items():
            with tarfile.open(self.out / name) as packed:
                entries = {entry.name: entry for entry in packed}
                notices = packed.extractfile("THIRD-PARTY").read().decode()
            self.assertEqual(list(entries), ["LICENSE", "THIRD-PARTY", program])
            self.assertEqual(oct(entries[program].mode), "0o755")
            for entry in entries.values():
                self.assertEqual((entry.uid, entry.gid, entry.uname, entry.mtime), (0, 0, "", commit), entry.name)
            self.assertIn("\nresvg ", notices)
            self.assertNotIn(str(Path.home()), notices)

    def test_they_are_compiled_to_need_no_library(self):
        link = krew.install(self.manifest(), self.out / self.names["kubectl-bcmp"], self.scratch / "static")
        self.assertEqual(subprocess.check_output([link], text=True), "kubectl-bcmp with -C target-feature=+crt-static\n")

    def test_the_same_commit_gives_the_same_archives(self):
        again = self.scratch / "again"
        self.release(again)
        for name in self.names.values():
            self.assertEqual(sha256(again / name), sha256(self.out / name), name)

    def test_krew_installs_the_plugin(self):
        archive, root = self.out / self.names["kubectl-bcmp"], self.scratch / "krew"
        self.assertEqual(self.manifest()["spec"]["platforms"][0]["uri"], f"https://files.example/bcmp/{archive.name}")
        link = krew.install(self.manifest(), archive, root)
        self.assertEqual(link.name, "kubectl-bcmp")
        self.assertEqual(sorted(path.name for path in link.resolve().parent.iterdir()), ["LICENSE", "THIRD-PARTY", "kubectl-bcmp"])

    def test_krew_refuses_what_is_not_as_its_manifest_says(self):
        archive = self.out / self.names["kubectl-bcmp"]
        with self.assertRaisesRegex(krew.Refused, "checksum"):
            krew.install(self.manifest(), self.out / self.names["bcmp"], self.scratch / "other")
        with self.assertRaisesRegex(krew.Refused, "platform"):
            krew.install(self.manifest(), archive, self.scratch / "arm", architecture="arm64")
        broken = self.manifest()
        broken["spec"]["platforms"][0]["files"][0]["from"] = "bin/kubectl-bcmp"
        with self.assertRaisesRegex(krew.Refused, "no files in the archive match"):
            krew.install(broken, archive, self.scratch / "moved")

    def test_without_an_address_there_is_no_manifest(self):
        with tempfile.TemporaryDirectory() as out:
            done = subprocess.run([TOP / "tools/release", "--out", out, "krew"], text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, 0)
            self.assertIn("--files", done.stderr)
            self.assertEqual(list(Path(out).glob("*krew*")), [])

    def test_provenance_names_every_file_and_its_source(self):
        statement = json.loads(self.out.joinpath(f"bcmp-{VERSION}.provenance.json").read_text())
        self.assertEqual((statement["_type"], statement["predicateType"]),
                         ("https://in-toto.io/Statement/v1", "https://slsa.dev/provenance/v1"))
        subjects = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
        others = {f"bcmp-{VERSION}.provenance.json", "SHA256SUMS"}
        files = {path.name: sha256(path) for path in self.out.iterdir() if path.is_file() and path.name not in others}
        self.assertEqual(subjects, files)
        built, ran = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
        commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=TOP, text=True).strip()
        sources = {entry["uri"]: entry for entry in built["resolvedDependencies"]}
        self.assertEqual(sources["git+https://git.example/bcmp"]["digest"], {"gitCommit": commit})
        self.assertEqual(sources["file:Cargo.lock"]["digest"]["sha256"], sha256(TOP / "Cargo.lock"))
        self.assertEqual(built["externalParameters"]["command"][0], "tools/release")
        self.assertEqual(built["externalParameters"]["command"][-4:], list(self.steps))
        self.assertRegex(built["internalParameters"]["tools"]["rustc"], r"^rustc \d")
        self.assertTrue(ran["builder"]["id"].startswith("https://"))
        self.assertLessEqual(ran["metadata"]["startedOn"], ran["metadata"]["finishedOn"])

    def test_checksums_are_of_every_file(self):
        lines = self.out.joinpath("SHA256SUMS").read_text().splitlines()
        files = {path.name for path in self.out.iterdir() if path.is_file()} - {"SHA256SUMS"}
        self.assertEqual({line.split("  ")[1] for line in lines}, files)
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=self.out, check=True)


if __name__ == "__main__":
    unittest.main()
