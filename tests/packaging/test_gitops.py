"""The example repository for GitOps: what it tells Argo CD and Flux to install is what the chart takes, and can be pulled."""

import json
import tempfile
import unittest
from pathlib import Path

from kube import CHART, TOP, documents, helm, one
from test_chart import environment

EXAMPLE = TOP / "config/gitops-example"


def objects(folder, name):
    return documents((EXAMPLE / folder / name).read_text())


def argo():
    """What the Application would have Helm do: (release, namespace, values, the chart's path)."""
    application = one(objects("argocd", "operator.yaml"), "Application")
    source = application["spec"]["source"]
    namespace = application["spec"]["destination"]["namespace"]
    return application["metadata"]["name"], namespace, source["helm"]["valuesObject"], source["path"]


def flux():
    release = one(objects("flux", "operator.yaml"), "HelmRelease")["spec"]
    return release["releaseName"], release["targetNamespace"], release["values"], release["chart"]["spec"]["chart"]


WAYS = {"argocd": argo, "flux": flux}


def installed(release, namespace, values, *command):
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "values.json")
        file.write_text(json.dumps(values))
        return helm(*command, release, CHART, "--namespace", namespace, "--values", file)


class Operator(unittest.TestCase):
    def test_the_chart_takes_the_values(self):
        for name, way in WAYS.items():
            with self.subTest(name):
                release, namespace, values, path = way()
                self.assertEqual(TOP / path, CHART)
                made = documents(installed(release, namespace, values, "template"))
                found = environment(made)
                (watched,) = objects(name, "namespace.yaml")
                self.assertEqual(found["BCMP_NAMESPACES"], watched["metadata"]["name"])
                for image in ("BCMP_AGENT_IMAGE", "BCMP_PREDICTOR_IMAGE", "BCMP_LOAD_IMAGE"):
                    self.assertRegex(found[image], r"^registry\.example/", "a node would look for it on Docker Hub")

    def test_the_chart_has_nothing_to_warn_of(self):
        for name, way in WAYS.items():
            with self.subTest(name):
                release, namespace, values, _ = way()
                self.assertNotIn("WARNING", installed(release, namespace, values, "install", "--dry-run=client"))

    def test_both_install_the_same(self):
        self.assertEqual(argo(), flux())


class Comparisons(unittest.TestCase):
    def test_they_lie_in_the_namespace_that_is_watched(self):
        text = (EXAMPLE / "comparisons/kustomization.yaml").read_text()
        self.assertIn("\nnamespace: benchmarks\n", text)
        application = one(objects("argocd", "comparisons.yaml"), "Application")
        self.assertEqual(application["spec"]["destination"]["namespace"], "benchmarks")
        self.assertEqual(one(objects("flux", "comparisons.yaml"), "Kustomization")["spec"]["targetNamespace"], "benchmarks")


if __name__ == "__main__":
    unittest.main()
