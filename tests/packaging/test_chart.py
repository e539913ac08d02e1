"""The chart without a cluster: what it renders, what it refuses, and that it is the same as config/default."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from kube import BIN, CHART, TOP, chart, documents, helm, key, one, run

DIGEST = "sha256:" + "0123456789abcdef" * 4
EVERYTHING = (
    "watch.clusterWide=true",
    "metrics.serviceMonitor.enabled=true", "metrics.prometheusRule.enabled=true", "metrics.dashboard.enabled=true",
    "metrics.results.enabled=true",
    "metrics.prometheusRule.alertLabels.team=inference", "metrics.serviceMonitor.labels.release=prometheus",
    "networkPolicy.apiServer.cidrs[0]=10.0.0.1/32",
    'networkPolicy.metricsFrom=[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"monitoring"}}}]',
    'networkPolicy.extraEgress=[{"to":[{"ipBlock":{"cidr":"10.1.0.0/16"}}]}]',
    'imagePullSecrets=[{"name":"registry"}]', 'extraEnv=[{"name":"HTTPS_PROXY","value":"http://proxy:3128"}]',
    'extraArgs=["--listen=[::]:8080"]', 'tolerations=[{"operator":"Exists"}]', "nodeSelector.pool=system",
    'affinity={"nodeAffinity":{}}', "priorityClassName=system-cluster-critical", "podLabels.team=inference",
    "podAnnotations.note=yes", "logFilter=debug", "serviceAccount.annotations.note=yes",
)
NOTHING = (
    "crds.install=false", "rbac.create=false", "rbac.aggregate=false", "serviceAccount.create=false",
    "serviceAccount.name=mine", "admissionPolicy.enabled=false", "networkPolicy.enabled=false",
    "helmTest.enabled=false",
)
MATRIX = {
    "defaults": (),
    "cluster-wide": ("watch.clusterWide=true",),
    "named namespaces": ('watch.namespaces=["team-a","team-b"]',),
    "digests": tuple(f"{image}.digest={DIGEST}" for image in ("image", "predictorImage", "loadImage")),
    "everything": EVERYTHING,
    "nothing": NOTHING,
}


def kinds(objects):
    return sorted(o["kind"] for o in objects)


def environment(objects):
    container = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


class Rendering(unittest.TestCase):
    def test_lint(self):
        for name, settings in MATRIX.items():
            with self.subTest(name):
                flags = []
                for setting in settings:
                    flags += ["--set-json" if setting.split("=", 1)[1][:1] in "[{" else "--set", setting]
                helm("lint", "--strict", CHART, *flags)

    def test_defaults_look_after_the_releases_own_namespace(self):
        objects = chart(namespace="bench")
        self.assertEqual(environment(objects)["BCMP_NAMESPACES"], "bench")
        self.assertEqual({o["metadata"]["namespace"] for o in objects if o["kind"] in ("Role", "RoleBinding")}, {"bench"})
        self.assertNotIn("ClusterRoleBinding", kinds(objects))

    def test_named_namespaces_get_a_role_each_and_nothing_else(self):
        objects = chart('watch.namespaces=["team-a","team-b"]')
        self.assertEqual(environment(objects)["BCMP_NAMESPACES"], "team-a,team-b")
        for kind in ("Role", "RoleBinding"):
            found = [o["metadata"] for o in objects if o["kind"] == kind]
            self.assertEqual([(o["namespace"], o["name"]) for o in found], [
                ("team-a", "bcmp-operator"), ("team-b", "bcmp-operator"), ("bcmp-system", "bcmp-operator-lease")])
        for binding in (o for o in objects if o["kind"] == "RoleBinding"):
            self.assertEqual(binding["subjects"], [
                {"kind": "ServiceAccount", "name": "bcmp-operator", "namespace": "bcmp-system"}])
        self.assertNotIn("ClusterRoleBinding", kinds(objects))

    def test_a_namespace_gets_the_same_rights_as_the_cluster(self):
        everywhere = one(chart("watch.clusterWide=true"), "ClusterRole", "bcmp-operator")
        self.assertEqual(one(chart(), "Role", "bcmp-operator")["rules"], everywhere["rules"])

    def test_replicas_are_spread_and_drained_one_at_a_time(self):
        one_replica = chart()
        self.assertNotIn("PodDisruptionBudget", kinds(one_replica))
        self.assertNotIn("strategy", one(one_replica, "Deployment")["spec"])
        self.assertNotIn("affinity", one(one_replica, "Deployment")["spec"]["template"]["spec"])
        objects = chart("replicas=2")
        deployment = one(objects, "Deployment")["spec"]
        self.assertEqual(deployment["replicas"], 2)
        budget = one(objects, "PodDisruptionBudget")["spec"]
        self.assertEqual((budget["maxUnavailable"], budget["selector"]), (1, deployment["selector"]))
        (term,) = deployment["template"]["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        self.assertEqual(term["podAffinityTerm"]["labelSelector"], deployment["selector"])

    def test_the_lease_is_the_one_that_may_be_written(self):
        objects = chart(release="perf")
        rules = one(objects, "Role", "perf-bcmp-operator-lease")["rules"]
        self.assertEqual([rule.get("resourceNames") for rule in rules], [None, [environment(objects)["BCMP_LEASE_NAME"]]])

    def test_cluster_wide_names_no_namespace(self):
        self.assertNotIn("BCMP_NAMESPACES", environment(chart("watch.clusterWide=true")))

    def test_digests_win_over_tags(self):
        found = environment(chart(*MATRIX["digests"], "image.tag=v9"))
        self.assertEqual(found["BCMP_AGENT_IMAGE"], f"bcmp@{DIGEST}")
        self.assertEqual(found["BCMP_PREDICTOR_IMAGE"], f"bcmp-tools@{DIGEST}")
        self.assertEqual(found["BCMP_LOAD_IMAGE"], f"bcmp-tools@{DIGEST}")

    def test_the_agent_is_the_operators_own_image(self):
        objects = chart("image.repository=registry.example/bcmp", "image.tag=v9")
        container = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
        self.assertEqual(container["image"], "registry.example/bcmp:v9")
        self.assertEqual(environment(objects)["BCMP_AGENT_IMAGE"], container["image"])

    def test_everything(self):
        objects = chart(*EVERYTHING)
        for kind in ("ServiceMonitor", "PrometheusRule", "ConfigMap", "NetworkPolicy"):
            one(objects, kind)
        pod = one(objects, "Deployment")["spec"]["template"]
        self.assertEqual(pod["spec"]["containers"][0]["args"], ["controller", "--listen=[::]:8080"])
        self.assertEqual(pod["metadata"]["labels"]["team"], "inference")
        self.assertEqual(pod["spec"]["priorityClassName"], "system-cluster-critical")
        self.assertEqual(environment(objects)["HTTPS_PROXY"], "http://proxy:3128")

    def test_nothing(self):
        self.assertEqual(kinds(chart(*NOTHING)), ["Deployment", "Service"])

    def test_without_rights_at_cluster_level(self):
        objects = chart("crds.install=false", "rbac.aggregate=false", "admissionPolicy.enabled=false")
        self.assertEqual(kinds(objects), sorted(
            ["Deployment", "NetworkPolicy", "Pod", "Role", "Role", "RoleBinding", "RoleBinding", "Service", "ServiceAccount"]))
        for thing in objects:
            self.assertEqual(thing["metadata"]["namespace"], "bcmp-system", thing["kind"])

    def test_the_network_is_as_tight_as_it_can_be(self):
        closed = one(chart("helmTest.enabled=false"), "NetworkPolicy")["spec"]
        self.assertEqual((closed["policyTypes"], closed.get("ingress")), (["Ingress", "Egress"], []))
        scraped = one(chart("helmTest.enabled=false", "metrics.serviceMonitor.enabled=true"), "NetworkPolicy")["spec"]
        self.assertEqual(scraped["ingress"][0]["from"], [{"namespaceSelector": {}}])
        narrow = one(chart("networkPolicy.apiServer.cidrs[0]=10.0.0.1/32"), "NetworkPolicy")["spec"]
        self.assertEqual(narrow["egress"][1]["to"], [{"ipBlock": {"cidr": "10.0.0.1/32"}}])

    def test_the_crd_stays_unless_told_otherwise(self):
        def policy(objects):
            annotations = one(objects, "CustomResourceDefinition")["metadata"].get("annotations", {})
            return annotations.get("helm.sh/resource-policy")
        self.assertEqual(policy(chart()), "keep")
        self.assertIsNone(policy(chart("crds.keep=false")))
        self.assertNotIn("CustomResourceDefinition", kinds(chart("crds.install=false")))

    def test_an_image_that_names_no_registry_is_warned_of(self):
        """A node would look for it on Docker Hub."""
        def warnings(*repositories):
            names = ("image", "predictorImage", "loadImage")
            flags = [flag for name, value in zip(names, repositories) for flag in ("--set", f"{name}.repository={value}")]
            said = helm("install", "bcmp", CHART, "--dry-run=client", *flags)
            return [line for line in said.splitlines() if line.startswith("WARNING: no registry")]
        (message,) = warnings()
        for name in ("image.repository (bcmp)", "predictorImage.repository (bcmp-tools)", "loadImage.repository (bcmp-tools)"):
            self.assertIn(name, message)
        self.assertEqual(warnings("registry.example/bcmp", "localhost/bcmp-tools", "registry:5000/bcmp-tools"), [])
        (message,) = warnings("registry.example/bcmp", "team/bcmp-tools", "ghcr.io/team/bcmp-tools")
        self.assertIn("predictorImage.repository (team/bcmp-tools)", message)
        self.assertNotIn("loadImage", message)

    def test_names_follow_the_release(self):
        self.assertEqual(one(chart(release="perf"), "Deployment")["metadata"]["name"], "perf-bcmp-operator")
        self.assertEqual(one(chart("fullnameOverride=x"), "Deployment")["metadata"]["name"], "x-operator")

    def test_the_operator_is_not_taken_for_a_child_of_a_run(self):
        for thing in chart(*EVERYTHING):
            self.assertNotEqual(thing["metadata"].get("labels", {}).get("app.kubernetes.io/managed-by"), "bcmp")
            self.assertNotEqual(thing["metadata"].get("labels", {}).get("app.kubernetes.io/name"), "bcmp")


class Refusing(unittest.TestCase):
    def refused(self, *flags):
        done = subprocess.run([BIN / "helm", "template", "bcmp", CHART, *flags], text=True, capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0, "accepted")
        return done.stderr

    def test_typos_are_named(self):
        for typo, where in {
            "watch.clusterwide=true": "/watch", "networkpolicy.enabled=false": "networkpolicy",
            "crds.instal=true": "/crds", "metrics.serviceMonitor.enable=true": "/metrics/serviceMonitor",
            "image.name=x": "/image", "replica=2": "replica",
        }.items():
            with self.subTest(typo):
                message = self.refused("--set", typo)
                self.assertIn(typo.split("=")[0].split(".")[-1] if "/" in where else where, message)
                self.assertIn(where, message)
                self.assertIn("additional properties", message)

    def test_wrong_values_are_named(self):
        for setting, where in {
            "watch.namespaces[0]=Team_A": "/watch/namespaces/0", "image.digest=latest": "/image/digest",
            "image.pullPolicy=Sometimes": "/image/pullPolicy", "networkPolicy.apiServer.cidrs[0]=10.0.0.1": "/cidrs/0",
            "metrics.prometheusRule.heldWithoutLoadFor=soon": "/heldWithoutLoadFor", "watch.clusterWide=maybe": "/watch/clusterWide",
        }.items():
            with self.subTest(setting):
                self.assertIn(where, self.refused("--set", setting))

    def test_contradictions_say_what_to_do(self):
        message = self.refused("--set", "watch.clusterWide=true", "--set", "watch.namespaces[0]=a")
        self.assertIn("set watch.clusterWide to false", message)
        self.assertIn("name the ServiceAccount", self.refused("--set", "serviceAccount.create=false"))

    def test_every_value_is_in_the_schema(self):
        def paths(value, schema, where):
            for name, inner in value.items():
                self.assertIn(name, schema["properties"], f"{where}.{name} is not in values.schema.json")
                if isinstance(inner, dict) and "properties" in schema["properties"][name]:
                    paths(inner, schema["properties"][name], f"{where}.{name}")
        from kube import mapping
        schema = json.loads((CHART / "values.schema.json").read_text())
        values = mapping((CHART / "values.yaml").read_text())
        paths(values, schema, "")
        self.assertEqual(set(schema["properties"]) - {"global"}, set(values))


class SameEverywhere(unittest.TestCase):
    """What is written twice is the same."""
    maxDiff = None

    def test_copies_are_up_to_date(self):
        run(TOP / "config/generate", "--check")

    def test_the_crd_is_the_generated_one(self):
        (source,) = documents((TOP / "crds/benchmarkcomparisons.bcmp.dev.yaml").read_text())
        self.assertEqual(plain(one(chart(), "CustomResourceDefinition")), plain(source))

    def test_kustomize_makes_the_same_objects(self):
        """config/default is the chart with watch.clusterWide; Helm makes no namespace and has its own labels."""
        ours = documents(run(BIN / "kubectl", "kustomize", TOP / "config/default"))
        charts = chart("watch.clusterWide=true", "helmTest.enabled=false")
        ours = {key(o): plain(o) for o in ours if o["kind"] != "Namespace"}
        charts = {key(o): plain(o) for o in charts}
        self.assertEqual(sorted(ours), sorted(charts))
        for name, thing in ours.items():
            with self.subTest(name):
                self.assertEqual(thing, charts[name])

    def test_the_overlay_of_the_documents_replaces_every_image(self):
        overlay = overlay_of((TOP / "docs/install.md").read_text())
        with tempfile.TemporaryDirectory() as directory:
            for folder in ("config", "crds"):
                shutil.copytree(TOP / folder, Path(directory, folder))
            mine = Path(directory, "config/mine")
            mine.mkdir()
            mine.joinpath("kustomization.yaml").write_text(overlay)
            made = documents(run(BIN / "kubectl", "kustomize", mine))
        deployment = one(made, "Deployment")
        images = {deployment["spec"]["template"]["spec"]["containers"][0]["image"]}
        images |= {value for name, value in environment(made).items() if name.endswith("_IMAGE")}
        version = environment(chart())["BCMP_AGENT_IMAGE"].split(":")[1]
        self.assertEqual(images, {f"registry.example/bcmp:{version}", f"registry.example/bcmp-tools:{version}"})

    def test_the_namespace_enforces_restricted(self):
        namespace = one(documents((TOP / "config/manager/manager.yaml").read_text()), "Namespace")
        self.assertEqual(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted")

    def test_versions(self):
        version = re.search(r'^version = "(.*)"', (TOP / "Cargo.toml").read_text(), re.MULTILINE).group(1)
        text = (CHART / "Chart.yaml").read_text()
        self.assertIn(f"\nappVersion: {version}\n", text)
        self.assertIn(f"\nversion: {version}\n", text)

    def test_alerts_and_dashboard_ask_for_metrics_that_are_there(self):
        registered = set()
        for source in ("metrics", "results"):
            for name, kind in registrations((TOP / f"src/controller/{source}.rs").read_text()):
                registered |= {"Counter": {f"{name}_total"}, "Histogram": {f"{name}_bucket"}}.get(kind, {name})
        rule = one(chart(*EVERYTHING), "PrometheusRule")
        expressions = [r["expr"] for g in rule["spec"]["groups"] for r in g["rules"]]
        dashboards = one(chart(*EVERYTHING), "ConfigMap")["data"]
        self.assertEqual(sorted(dashboards), ["bcmp-results.json", "bcmp.json"])
        panels = [panel for text in dashboards.values() for panel in json.loads(text)["panels"]]
        expressions += [target["expr"] for panel in panels for target in panel["targets"]]
        asked = {name for text in expressions for name in re.findall(r"\b(?:bcmp|controller_runtime)_\w+", text)}
        self.assertTrue(asked)
        self.assertEqual(asked - registered, set(), f"registered: {sorted(registered)}")


def overlay_of(document):
    """The kustomization that the document shows."""
    (found,) = re.findall(r"^```yaml\n(apiVersion: kustomize.*?)^```$", document, re.MULTILINE | re.DOTALL)
    return found


def registrations(source):
    """Names of metrics and what they are, from the code that registers them."""
    fields = dict(re.findall(r"^\s+(\w+): (?:Family<\w+, )?(Counter|Gauge|Histogram|DecimalGauge)\b", source, re.MULTILINE))
    found = re.findall(r'register\(\s*"(\w+)",\s*"[^"]*",\s*(?:self\.)?(\w+)\.clone\(\)', source)
    return [(name, fields[field]) for name, field in found]


def plain(thing):
    """Without the labels and annotations that Helm adds."""
    if isinstance(thing, list):
        return [plain(item) for item in thing]
    if not isinstance(thing, dict):
        return thing
    helms = {"helm.sh/chart", "helm.sh/resource-policy", "app.kubernetes.io/instance", "app.kubernetes.io/version"}
    result = {}
    for name, value in thing.items():
        if name in helms or (name, value) == ("app.kubernetes.io/managed-by", "Helm"):
            continue
        value = plain(value)
        # Labels that only say where it came from are no difference.
        if name in ("labels", "annotations") and value in ({}, {"app.kubernetes.io/name": "bcmp-operator"}):
            continue
        result[name] = value
    return result


if __name__ == "__main__":
    sys.exit(unittest.main())
