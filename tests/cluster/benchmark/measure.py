"""Prints what the operator costs: time to ready, memory, writes and GPU-seconds of a comparison, reaction times."""

import argparse
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.request

from cluster import KUBECONFIG, KUBECTL, STATE, apply, items, kubectl, say, start_operator, stop_operator, wait_until
from comparison import Comparison, delete_namespace, make_namespace

NAMESPACE = "benchmark"
IMAGES = {"AGENT": "localhost/bcmp:{}", "PREDICTOR": "localhost/bcmp-tools:{}", "LOAD": "localhost/bcmp-tools:{}"}


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


class Operator:
    """The operator as a process of this machine, with the administrator's rights."""

    def __init__(self):
        binary = os.environ["BCMP_BINARY"]
        version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
        images = {f"BCMP_{name}_IMAGE": image.format(version) for name, image in IMAGES.items()}
        self.url = f"127.0.0.1:{free_port()}"
        self.log = open(STATE / "benchmark-operator.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [binary, "controller", "--listen", self.url], stdout=self.log, stderr=self.log,
            env={"KUBECONFIG": str(KUBECONFIG), "PATH": os.environ["PATH"], **images})

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.url}{path}", timeout=5) as answer:
            return answer.read().decode()

    def ready(self):
        assert self.process.poll() is None, f"the operator ended; its log: {self.log.name}"
        try:
            return bool(self.get("/readyz") or True)
        except OSError:
            return False

    def memory(self):
        """Resident memory now and at most, MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as lines:
            sizes = dict(line.split(":", 1) for line in lines)
        return tuple(int(sizes[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))

    def writes(self):
        """Verb → writes to the API server so far."""
        lines = [line for line in self.get("/metrics").splitlines() if line.startswith("bcmp_api_writes_total{")]
        return {line.split('"')[1]: int(float(line.rsplit(" ", 1)[1])) for line in lines}

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        finally:
            self.log.close()


class Watch(threading.Thread):
    """Follows objects of the namespace; `seen` is what happened and when: (time, kind, name, event)."""

    def __init__(self, kind, names):
        super().__init__(daemon=True)
        self.kind, self.names, self.seen = kind, names, []
        self.process = subprocess.Popen(
            [KUBECTL, "--kubeconfig", KUBECONFIG, "-n", NAMESPACE, "get", kind, "--watch", "--output-watch-events", "-o", "json"],
            stdout=subprocess.PIPE, text=True)

    def run(self):
        decoder, text = json.JSONDecoder(), ""
        for line in self.process.stdout:
            text += line
            try:
                event, _ = decoder.raw_decode(text)
            except ValueError:
                continue
            text = ""
            self.seen += [(time.monotonic(), name) for name in self.names(event["type"], event["object"])]

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def first(self, name):
        return next((at for at, seen in self.seen if seen == name), None)


def of_job(event, job):
    name = job["metadata"]["name"]
    if any(c["type"] == "Complete" and c["status"] == "True" for c in job["status"].get("conditions", [])):
        yield f"complete {name}"
    if event == "ADDED":
        yield f"added {name}"
    if event == "DELETED":
        yield f"gone {name}"


def of_graph(event, graph):
    name = graph["metadata"]["name"]
    if event == "ADDED":
        yield f"added {name}"
    if graph["metadata"].get("deletionTimestamp"):
        yield f"going {name}"
    if event == "DELETED":
        yield f"gone {name}"


def of_map(_, found):
    if found.get("data", {}).get("configurations.json"):
        yield "generated"


def of_pod(event, pod):
    if event == "DELETED":
        yield f"gone pod of {pod['metadata']['labels'].get('bcmp.dev/variant')}"


def of_comparison(_, comparison):
    if any(c["type"] == "Finished" and c["status"] == "True" for c in comparison.get("status", {}).get("conditions", [])):
        yield "finished"


def line(what, value):
    print(f"  {what:<62} {value}", flush=True)


def seconds(value):
    return "not seen" if value is None else f"{value:.2f} s"


def between(first, second):
    return None if first is None or second is None else second - first


def start():
    begun = time.monotonic()
    operator = Operator()
    wait_until("the operator is ready", 60, operator.ready, every=0.005)
    line("start of the process to ready", seconds(time.monotonic() - begun))
    return operator


def lying(count):
    """Comparisons that wait to be asked."""
    document = Comparison(NAMESPACE, "idle").document()
    document["spec"].setdefault("execution", {})["start"] = "OnRequest"
    many = [{**document, "metadata": {"name": f"idle-{number}", "namespace": NAMESPACE}} for number in range(count)]
    apply({"apiVersion": "v1", "kind": "List", "items": many}, "--server-side")
    looked_at = lambda: sum(item.get("status", {}).get("phase") == "Pending" for item in items("bcmp", "-n", NAMESPACE)) == count
    wait_until(f"{count} comparisons were looked at", 300, looked_at, every=1)


def measured(operator):
    """One comparison from apply to its verdict, watched."""
    watches = {
        "jobs": Watch("jobs", of_job), "graphs": Watch("dynamographdeployments", of_graph), "maps": Watch("configmaps", of_map),
        "pods": Watch("pods", of_pod), "comparisons": Watch("bcmp", of_comparison),
    }
    for watch in watches.values():
        watch.start()
    # What is there already has been told.
    time.sleep(3)
    before, begun = operator.writes(), time.monotonic()
    comparison = Comparison(NAMESPACE, "measured").apply()
    status = comparison.wait_finished(1200)
    time.sleep(3)
    for watch in watches.values():
        watch.stop()
    after = operator.writes()
    return status, {verb: after[verb] - before.get(verb, 0) for verb in sorted(after)}, begun, watches


def report(status, writes, begun, watches):
    names = [v["deployed"]["name"] for v in status["variants"]]
    first, second = names
    jobs, graphs, maps, pods = (watches[key] for key in ("jobs", "graphs", "maps", "pods"))
    line("writes of one comparison, " + ", ".join(f"{n} {verb}" for verb, n in writes.items()), sum(writes.values()))
    levels = sum(len(v["levels"]) for v in status["variants"])
    line("levels measured in it", levels)
    line("GPU-seconds held", status["gpuSeconds"]["held"])
    line("of these measuring", status["gpuSeconds"]["measuring"])
    line("of these idle: engines serve, and no request is under way", status["gpuSeconds"]["idle"])
    print("reaction times, as watches of the API server saw them")
    line("comparison applied → generate Job created", seconds(between(begun, jobs.first("added measured-r1-generate"))))
    line("configurations published → first variant created", seconds(between(maps.first("generated"), graphs.first(f"added {first}"))))
    for number, name in enumerate(names):
        variant = status["variants"][number]["name"]
        done = jobs.first(f"complete measured-r1-{variant}-load-d1")
        line(f"{variant}: load Job complete → deletion of the variant", seconds(between(done, graphs.first(f"going {name}"))))
    last_pod = lambda variant: max((at for at, seen in pods.seen if seen == f"gone pod of {variant}"), default=None)
    variants = [v["name"] for v in status["variants"]]
    line(f"last pod of {variants[0]} gone → {variants[1]} created", seconds(between(last_pod(variants[0]), graphs.first(f"added {second}"))))
    line(f"last pod of {variants[1]} gone → finished", seconds(between(last_pod(variants[1]), watches["comparisons"].first("finished"))))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--comparisons", type=int, default=100)
    count = arguments.parse_args().comparisons
    make_namespace(NAMESPACE)
    stop_operator()
    operator = None
    try:
        print("the operator, no comparison in the cluster" if not items("bcmp", "-A") else "the operator")
        operator = start()
        time.sleep(10)
        line("memory at rest (at most since the start), MiB", "%.1f (%.1f)" % operator.memory())
        report(*measured(operator))
        line("memory after it (at most since the start), MiB", "%.1f (%.1f)" % operator.memory())
        lying(count)
        time.sleep(10)
        line(f"memory with {count} more comparisons (at most since the start), MiB", "%.1f (%.1f)" % operator.memory())
    finally:
        if operator:
            operator.end()
        kubectl("-n", NAMESPACE, "delete", "bcmp", "--all", "--wait=false", check=False)
        delete_namespace(NAMESPACE)
        start_operator()
    say("the operator's pod is back")


if __name__ == "__main__":
    main()
