"""The operator as a process of this machine, with its ServiceAccount's token and the settings of its Deployment."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request

from cluster import OPERATOR_NAMESPACE, STATE, get, kubectl, wait_until

ACCOUNT = "bcmp-operator"
TICKS = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


def kubeconfig():
    """The administrator's, with the operator's token in the place of the certificate."""
    config = json.loads(kubectl("config", "view", "--raw", "-o", "json"))
    token = kubectl("-n", OPERATOR_NAMESPACE, "create", "token", ACCOUNT, "--duration", "8h").strip()
    for user in config["users"]:
        user["user"] = {"token": token}
    path = STATE / "operator.kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


class Operator:
    starts = 0

    def __init__(self, binary, config):
        Operator.starts += 1
        container = get("deployment", ACCOUNT, "-n", OPERATOR_NAMESPACE)["spec"]["template"]["spec"]["containers"][0]
        settings = {env["name"]: env["value"] for env in container["env"] if "value" in env}
        settings |= {
            "BCMP_LISTEN": f"127.0.0.1:{free_port()}", "BCMP_IDENTITY": f"process-{Operator.starts}",
            "BCMP_OWN_NAMESPACE": OPERATOR_NAMESPACE, "BCMP_OWN_SERVICE_ACCOUNT": ACCOUNT,
            "BCMP_LEASE_NAMESPACE": OPERATOR_NAMESPACE,
        }
        self.url = settings["BCMP_LISTEN"]
        self.log = open(STATE / f"logs/operator-{Operator.starts}.log", "w", encoding="utf-8")
        self.started = time.time()
        self.process = subprocess.Popen(
            [binary, "controller"], stdout=self.log, stderr=self.log, env={"KUBECONFIG": str(config), **settings})
        wait_until("the operator is ready", 60, self.ready, every=0.02)

    def text(self, path):
        with urllib.request.urlopen(f"http://{self.url}{path}", timeout=10) as answer:
            return answer.read().decode()

    def ready(self):
        assert self.process.poll() is None, f"the operator ended; its log: {self.log.name}"
        try:
            return bool(self.text("/readyz") or True)
        except OSError:
            return False

    def metrics(self):
        """Series → value."""
        lines = [line.rsplit(" ", 1) for line in self.text("/metrics").splitlines() if not line.startswith("#")]
        return {series: float(value) for series, value in lines}

    def memory(self):
        """Resident memory now and at most, MiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as lines:
            sizes = dict(line.split(":", 1) for line in lines)
        return tuple(int(sizes[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def has_looked(self, comparisons, limit):
        """Waits until it has looked at so many comparisons; how long that took since its start."""
        looked = lambda: self.total("bcmp_comparisons{") >= comparisons
        wait_until(f"the operator has looked at {comparisons} comparisons", limit, looked, every=0.1)
        return time.time() - self.started

    def has_written_all(self, seconds, limit):
        """Waits until it has written nothing for so long."""
        deadline = time.monotonic() + limit
        count, since = None, time.monotonic()
        while time.monotonic() - since < seconds:
            assert time.monotonic() < deadline, f"the operator still writes after {limit} s"
            now = self.total("bcmp_api_writes_total{")
            if now != count:
                count, since = now, time.monotonic()
            time.sleep(0.5)

    def total(self, prefix):
        """Of all series of a metric."""
        return sum(value for series, value in self.metrics().items() if series.startswith(prefix))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.log.close()


def quantile(before, after, share):
    """Of the reconciliations between two looks at the metrics, in milliseconds: within a bucket, evenly spread."""
    prefix = "controller_runtime_reconcile_time_seconds_bucket{"
    counts = {}
    for series, value in after.items():
        if series.startswith(prefix):
            edge = float(series.split('le="')[1].split('"')[0])
            counts[edge] = value - before.get(series, 0)
    edges = sorted(counts)
    total, below, low = counts[edges[-1]], 0, 0.0
    if not total:
        return None
    for edge in edges:
        if counts[edge] >= share * total:
            if edge == float("inf"):
                return low * 1000
            return (low + (edge - low) * (share * total - below) / (counts[edge] - below)) * 1000
        below, low = counts[edge], edge
    return None
