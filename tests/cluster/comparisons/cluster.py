"""The test cluster as the tests see it: kubectl, waiting with a deadline, and processes of the node by what they run."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

STATE = Path(os.environ["BCMP_TEST_STATE"])
KUBECONFIG = STATE / "kubeconfig"
KUBECTL = Path((STATE / "bin").read_text().strip()) / "kubectl"
OPERATOR_NAMESPACE = "bcmp-system"
STARTED = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - STARTED:4.0f} s] {text}", flush=True)


class KubectlError(Exception):
    """What kubectl said when it failed."""


def kubectl(*arguments, stdin=None, check=True):
    command = [KUBECTL, "--kubeconfig", KUBECONFIG, "--cache-dir", STATE / "kubectl-cache", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=300)
    if check and done.returncode:
        raise KubectlError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def get(*arguments):
    """The object or list, None where there is none."""
    done = kubectl("get", *arguments, "-o", "json", "--ignore-not-found")
    return json.loads(done) if done else None


def items(*arguments):
    """The objects of a list; none where there are none."""
    return (get(*arguments) or {"items": []})["items"]


def apply(document, *arguments):
    return kubectl("apply", *arguments, "-f", "-", stdin=json.dumps(document))


def wait_until(what, seconds, probe, every=0.5):
    """What `probe` gives as soon as it gives something; a failed test when it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        if found := probe():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


def processes_of(namespace, words):
    """Process ids on this machine that run `words` in a pod of the namespace: the last resort of a test that must kill
    a process as the kernel would, from outside its container."""
    uids = {pod["metadata"]["uid"] for pod in items("pods", "-n", namespace)}
    found = []
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            groups = (directory / "cgroup").read_text().replace("_", "-")
        except OSError:
            continue
        if words in command and any(uid in groups for uid in uids):
            found.append(int(directory.name))
    return found


def kill(namespace, words):
    """SIGKILL for every process that `processes_of` finds; how many there were."""
    found = processes_of(namespace, words)
    for process in found:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return len(found)


def kill_operator():
    assert kill(OPERATOR_NAMESPACE, "bcmp controller"), "no process of the operator was found"


def stop_operator():
    kubectl("-n", OPERATOR_NAMESPACE, "scale", "deployment/bcmp-operator", "--replicas=0")
    wait_until("the operator's pod is gone", 60, lambda: not items("pods", "-n", OPERATOR_NAMESPACE))


def start_operator():
    kubectl("-n", OPERATOR_NAMESPACE, "scale", "deployment/bcmp-operator", "--replicas=1")
    kubectl("-n", OPERATOR_NAMESPACE, "rollout", "status", "deployment/bcmp-operator", "--timeout=120s")


def offer_gpus(number):
    subprocess.run(
        [Path(__file__).parents[1] / "cluster", "gpus", str(number), "--name", STATE.name],
        check=True, capture_output=True, text=True, timeout=120,
    )


def write_requests():
    """How many writes the API server has served of what belongs to comparisons, by verb and resource."""
    kinds = {"benchmarkcomparisons", "configmaps", "jobs", "deployments", "dynamographdeployments", "events", "pods",
             "roles", "rolebindings", "serviceaccounts", "services"}
    counts = {}
    for line in kubectl("get", "--raw", "/metrics").splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels, value = line[len("apiserver_request_total{"):].rsplit("} ", 1)
        label = dict(part.split("=", 1) for part in labels.split(",") if "=" in part)
        verb, resource = label.get("verb", "").strip('"'), label.get("resource", "").strip('"')
        if resource in kinds and verb in {"POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"}:
            counts[(verb, resource)] = counts.get((verb, resource), 0) + float(value)
    return counts
