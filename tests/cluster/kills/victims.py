"""What is killed, and how. Each function kills once and says whether there was something to kill."""

import subprocess
import threading
from pathlib import Path

from cluster import OPERATOR_NAMESPACE, STATE, items, kill, kubectl

CLUSTER = Path(__file__).parents[1] / "cluster"
# The kubelet starts a container later and later that ends again and again; a new pod is started at once.
MOST_RESTARTS = 2
# One part of the cluster at a time: two that are down at once are another experiment.
PARTS = threading.Lock()


def crash(daemon, seconds):
    """SIGKILL for a part of the cluster, which is started again after that time."""
    with PARTS:
        subprocess.run([CLUSTER, "crash", daemon, f"{seconds:.0f}", "--name", STATE.name],
                       check=True, capture_output=True, text=True, timeout=180)
    return True


def kill_operator(*_):
    with PARTS:
        pods = items("pods", "-n", OPERATOR_NAMESPACE)
        tired = [pod for pod in pods if any(c["restartCount"] > MOST_RESTARTS for c in pod["status"].get("containerStatuses", []))]
        for pod in tired:
            delete_at_once(OPERATOR_NAMESPACE, pod["metadata"]["name"])
        return bool(tired) or kill(OPERATOR_NAMESPACE, "bcmp controller") > 0


def kill_api_server(_, random):
    return crash("kube-apiserver", random.uniform(0, 10))


def kill_kubelet(_, random):
    return crash("kubelet", random.uniform(0, 10))


def kill_standin(_, random):
    return crash("dynamo-standin", random.uniform(0, 10))


def kill_load_tool(comparison, _):
    """As the kernel does where memory is short."""
    return comparison.strikes_trial(lambda: kill(comparison.namespace, "aiperf ") > 0)


def kill_load_pod(comparison, _):
    return comparison.strikes_trial(lambda: kill_pods(comparison, "load"))


def kill_generate_pod(comparison, _):
    return kill_pods(comparison, "generate")


def kill_pods(comparison, component):
    selector = f"bcmp.dev/comparison={comparison.name},app.kubernetes.io/component={component}"
    running = [pod["metadata"]["name"] for pod in items("pods", "-n", comparison.namespace, "-l", selector)
               if pod["status"].get("phase") in ("Pending", "Running") and "deletionTimestamp" not in pod["metadata"]]
    for pod in running:
        delete_at_once(comparison.namespace, pod)
    return bool(running)


def delete_at_once(namespace, pod):
    kubectl("-n", namespace, "delete", "pod", pod, "--grace-period=0", "--force", "--ignore-not-found")


# How likely each is the first to be looked for. A generating pod lives shortly, and a trial is struck once.
WEIGHTS = {kill_operator: 6, kill_api_server: 2, kill_kubelet: 2, kill_standin: 2, kill_load_pod: 3, kill_load_tool: 3, kill_generate_pod: 6}
