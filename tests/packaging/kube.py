"""Reading YAML and running the cluster's own tools, with nothing but Python's standard library."""

import json
import os
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CHART = TOP / "charts/bcmp"
CUSTOMIZATION = TOP / "config/argocd/resource_customizations/bcmp.dev/BenchmarkComparison"
BIN = Path(os.environ.get("BCMP_TEST_BIN") or subprocess.check_output(
    [TOP / "tests/cluster/build", "--dir"], text=True).strip())


def run(*command, stdin=None):
    """What the command prints; its message when it fails."""
    done = subprocess.run([str(part) for part in command], input=stdin, text=True, capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


def documents(text):
    """Kubernetes objects of a YAML stream. kubectl reads it: there is no YAML library here."""
    offline = {**os.environ, "KUBECONFIG": os.devnull}
    command = [BIN / "kubectl", "patch", "--local", "--type=merge", "-p", "{}", "-o", "json", "-f", "-"]
    done = subprocess.run(command, input=text, text=True, capture_output=True, env=offline, check=False)
    if done.returncode:
        raise AssertionError(f"kubectl cannot read this: {done.stderr}\n{text[:2000]}")
    decoder, rest, found = json.JSONDecoder(), done.stdout.strip(), []
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


def mapping(text):
    """Any YAML mapping, by making an object of it."""
    (value,) = documents("apiVersion: v1\nkind: Mapping\nmetadata: {name: mapping}\n" + text)
    return {key: value[key] for key in value if key not in ("apiVersion", "kind", "metadata")}


def helm(*arguments):
    return run(BIN / "helm", *arguments)


def chart(*settings, release="bcmp", namespace="bcmp-system"):
    """Objects the chart makes with these `--set` and `--set-json` values."""
    flags = []
    for setting in settings:
        flags += ["--set-json" if setting.split("=", 1)[1][:1] in "[{" else "--set", setting]
    return documents(helm("template", release, CHART, "--namespace", namespace, *flags))


def key(thing):
    return (thing["kind"], thing["metadata"].get("namespace", ""), thing["metadata"]["name"])


def one(objects, kind, name=None):
    """The only object of that kind and name."""
    (found,) = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    return found
