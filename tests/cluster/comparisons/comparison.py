"""A comparison under test: its object, its namespace, what its status says and what it leaves behind."""

import copy
import json
import threading
import time

from cluster import KubectlError, apply, get, items, kubectl, say, wait_until

WORKER_ENV = "/spec/services/TRTLLMWorker/extraPodSpec/mainContainer/env/-"


def variant(name, role="Candidate", kind="Naive", env=None, operations=()):
    """A variant; `env` goes to its simulated engines, as JSON Patch operations on what the predictor generates."""
    operations = list(operations)
    operations += [{"op": "add", "path": WORKER_ENV, "yaml": json.dumps({"name": key, "value": value})} for key, value in (env or {}).items()]
    made = {"name": name, "role": role, "source": {"type": kind}}
    if operations:
        made["patches"] = [{"target": {"kind": "DynamoGraphDeployment"}, "operations": operations}]
    return made


def specification(**changes):
    """A comparison that takes about a minute a variant: two short levels. `changes` replace whole fields of the spec."""
    spec = {
        "model": {"name": "Qwen/Qwen3-32B"},
        "hardware": {"system": "h200_sxm", "gpusPerVariant": 2},
        "workload": {"inputTokens": 400, "outputTokens": 40, "concurrency": [1]},
        "sla": {"ttftMilliseconds": 1000, "tpotMilliseconds": 25},
        "runtime": {"image": "localhost/bcmp-mock-trtllm:1.3.0"},
        "variants": [variant("baseline", "Baseline"), variant("other")],
        "load": {
            "tokenizer": "/opt/tokenizer", "trialMinutes": 1, "decisionTrials": 1, "refinements": 0, "pod": {"resources": {"requests": {"cpu": "100m", "memory": "512Mi"}}},
        },
        "execution": {"rounds": {"maximum": 1}, "deadlines": {"scheduleSeconds": 300, "readySeconds": 300, "trialSeconds": 300, "teardownSeconds": 300}},
    }
    spec.update(copy.deepcopy(changes))
    return spec


class Comparison:
    def __init__(self, namespace, name="compared", **changes):
        self.namespace, self.name = namespace, name
        self.spec = specification(**changes)

    def document(self):
        return {
            "apiVersion": "bcmp.dev/v1alpha1", "kind": "BenchmarkComparison",
            "metadata": {"name": self.name, "namespace": self.namespace}, "spec": self.spec,
        }

    def apply(self, *arguments):
        apply(self.document(), *arguments)
        return self

    def object(self):
        return get("bcmp", self.name, "-n", self.namespace)

    def status(self):
        return (self.object() or {}).get("status", {})

    def condition(self, kind):
        found = [c for c in self.status().get("conditions", []) if c["type"] == kind]
        return found[0] if found else {"status": "Unknown", "reason": "", "message": ""}

    def finished(self):
        status = self.status()
        done = any(c["type"] == "Finished" and c["status"] == "True" for c in status.get("conditions", []))
        return status if done and status["observedGeneration"] == self.object()["metadata"]["generation"] else None

    def wait_finished(self, seconds=900):
        status = wait_until(f"{self.name} is finished", seconds, self.finished, every=1)
        say(f"    {self.name}: {status['phase']}: {status['message']}")
        return status

    def wait_phase(self, phase, seconds=300):
        return wait_until(f"{self.name} is {phase}", seconds, lambda: self.status().get("phase") == phase, every=0.2)

    def variant(self, name, status=None):
        return next((v for v in (status or self.status()).get("variants", []) if v["name"] == name), {})

    def wait_variant(self, name, phase, seconds=300):
        return wait_until(f"{name} is {phase}", seconds, lambda: self.variant(name).get("phase") == phase, every=0.2)

    def children(self, kinds="pods,jobs,deployments,services,dynamographdeployments,roles,rolebindings,serviceaccounts"):
        """Names of what belongs to the comparison and is there."""
        found = items(kinds, "-n", self.namespace, "-l", f"bcmp.dev/comparison={self.name}")
        return sorted(f"{item['kind']}/{item['metadata']['name']}" for item in found)

    def pods_with_gpus(self):
        """Variant → GPUs requested by pods that are there and not finished."""
        held = {}
        for pod in items("pods", "-n", self.namespace, "-l", f"bcmp.dev/comparison={self.name}"):
            gpus = sum(int(c["resources"].get("limits", {}).get("nvidia.com/gpu", 0)) for c in pod["spec"]["containers"])
            if gpus and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                name = pod["metadata"]["labels"]["bcmp.dev/variant"]
                held[name] = held.get(name, 0) + gpus
        return held

    def records(self, variant, run=1):
        """The variant's published records: key → text."""
        found = get("configmap", f"{self.name}-r{run}-{variant}-results", "-n", self.namespace)
        return (found or {}).get("data", {})

    def measured(self, variant, run=1):
        """The keys of records of measurements, without starts, raw data and notes."""
        return sorted(key for key in self.records(variant, run) if key.startswith("r1-c"))


class GpuWatch(threading.Thread):
    """Looks four times a second which variants hold GPUs; `seen` keeps every distinct picture."""

    def __init__(self, *comparisons):
        super().__init__(daemon=True)
        self.comparisons, self.seen, self.ended = comparisons, set(), threading.Event()

    def run(self):
        while not self.ended.is_set():
            try:
                picture = {(c.name, v): g for c in self.comparisons for v, g in c.pods_with_gpus().items()}
                self.seen.add(frozenset(picture.items()))
            except KubectlError:
                pass
            time.sleep(0.25)

    def stop(self):
        self.ended.set()
        self.join()
        return [dict(picture) for picture in self.seen]


def make_namespace(name):
    """A namespace that enforces Pod Security as strictly as the pods allow."""
    delete_namespace(name)
    apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {
        "pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "restricted"}}})
    wait_until("the namespace's service account", 60, lambda: get("serviceaccount", "default", "-n", name))


def delete_namespace(name):
    kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
    wait_until(f"namespace {name} is gone", 180, lambda: not get("namespace", name), every=1)
