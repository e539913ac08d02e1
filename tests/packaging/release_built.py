"""A release in the directory BCMP_RELEASE, installed. `run_release` runs this."""

import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

import krew
from kube import BIN, TOP, documents, run
from test_versions import VERSION

OUT = Path(os.environ["BCMP_RELEASE"])
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
PROGRAMS = ("bcmp", "kubectl-bcmp")
CRD = "benchmarkcomparisons.bcmp.dev"


def archive(program):
    return OUT / f"{program}-{VERSION}-linux-{MACHINE}.tar.gz"


class Programs(unittest.TestCase):
    def setUp(self):
        """A root that has the programs and nothing else."""
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for program in PROGRAMS:
            with tarfile.open(archive(program)) as packed:
                packed.extract(program, self.root, filter="data")

    def alone(self, *command):
        own = [] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user"]
        path = {"PATH": os.environ["PATH"] + ":/usr/sbin"}
        done = subprocess.run([*own, "chroot", self.root, *command], text=True, capture_output=True, check=False, env=path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_they_are_static(self):
        for program in PROGRAMS:
            done = subprocess.run(["ldd", self.root / program], text=True, capture_output=True, check=False)
            self.assertRegex(done.stdout + done.stderr, "statically linked|not a dynamic executable", program)

    def test_they_run_in_an_empty_root(self):
        self.assertEqual(self.alone("/bcmp", "--version"), f"bcmp {VERSION}\n")
        self.assertEqual(self.alone("/bcmp", "crd"), (TOP / f"crds/{CRD}.yaml").read_text())
        self.assertIn("GAIN", self.alone("/kubectl-bcmp", "explain", "GAIN"))

    def test_the_demo_answers(self):
        """Not in the empty root: clients of Kubernetes want /dev/urandom."""
        self.assertIn("Confirmed", run(self.root / "bcmp", "demo", "-d", self.root / "report"))
        self.assertIn("<!doctype html>", (self.root / "report/report.html").read_text()[:20])

    def test_they_name_no_place_of_the_machine_they_were_made_on(self):
        for program in PROGRAMS:
            content = (self.root / program).read_bytes()
            for place in (TOP, Path.home() / ".cargo"):
                self.assertNotIn(str(place).encode(), content, program)

    def test_krew_installs_the_plugin_and_it_runs(self):
        (manifest,) = documents((OUT / f"bcmp-krew-{VERSION}.yaml").read_text())
        link = krew.install(manifest, archive("kubectl-bcmp"), self.root / "krew", architecture=MACHINE)
        path = f"{link.parent}:{BIN}:{os.environ['PATH']}"
        shown = subprocess.check_output([BIN / "kubectl", "bcmp", "explain", "GAIN"], text=True, env={**os.environ, "PATH": path})
        self.assertIn("GAIN", shown)


class OnAServer(unittest.TestCase):
    """Of the API server's own admission, defaults and schemas. No pod runs."""

    @classmethod
    def setUpClass(cls):
        cluster, name = TOP / "tests/cluster/cluster", f"bcmp-release-{os.getpid()}"
        cls.addClassCleanup(subprocess.run, [cluster, "down", "--name", name], check=False, stderr=subprocess.DEVNULL)
        subprocess.run([cluster, "up", "--size", "control-plane", "--name", name], check=True, stderr=subprocess.DEVNULL)
        cls.kubeconfig = run(cluster, "kubeconfig", "--name", name).strip()

    def kubectl(self, *words):
        return run(BIN / "kubectl", "--kubeconfig", self.kubeconfig, *words)

    def served(self):
        """Once it is established, and a moment after."""
        self.kubectl("wait", "--for=condition=Established", f"crd/{CRD}", "--timeout=30s")
        for _ in range(100):
            if CRD in self.kubectl("api-resources", "--api-group=bcmp.dev", "-o", "name", "--cached=false"):
                return
            time.sleep(0.2)
        self.fail("comparisons are not served")

    def test_1_the_one_file_installs_updates_and_is_removed(self):
        file = OUT / f"bcmp-{VERSION}.yaml"
        self.kubectl("apply", "--server-side", "-f", file)
        self.served()
        made = {(o["kind"], o["metadata"]["name"]) for o in documents(file.read_text())}
        there = self.kubectl("get", "-f", file, "-o", "jsonpath={range .items[*]}{.kind} {.metadata.name}{'\\n'}{end}")
        self.assertEqual({tuple(line.split()) for line in there.splitlines()}, made)
        self.kubectl("create", "namespace", "benchmarks")
        self.kubectl("-n", "benchmarks", "apply", "--server-side", "--validate=strict", "-f", TOP / "config/samples/guide.yaml")
        # Again, as for an update: nothing is in the way.
        self.kubectl("apply", "--server-side", "-f", file)
        self.kubectl("-n", "benchmarks", "delete", "bcmp", "--all")
        self.kubectl("delete", "-f", file, "--wait=false")
        self.kubectl("wait", "--for=delete", f"crd/{CRD}", "--timeout=60s")

    def test_2_the_chart_installs_from_a_registry_that_has_the_archive(self):
        layout = self.enterContext(tempfile.TemporaryDirectory())
        with tarfile.open(OUT / f"bcmp-chart-{VERSION}.oci.tar") as packed:
            packed.extractall(layout, filter="data")
        helm = [BIN / "helm", "--kubeconfig", self.kubeconfig]
        run(sys.executable, TOP / "tools/release.d/oci_registry.py", layout, *helm, "install", "bcmp", "oci://{}/charts/bcmp", "--version",
            VERSION, "--plain-http", "--namespace", "bcmp-chart", "--create-namespace")
        self.served()
        self.assertIn("bcmp-operator", self.kubectl("-n", "bcmp-chart", "get", "deployments", "-o", "name"))
        run(*helm, "uninstall", "bcmp", "--namespace", "bcmp-chart")


if __name__ == "__main__":
    unittest.main()
