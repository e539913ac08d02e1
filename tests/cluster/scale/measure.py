"""Prints what the operator costs beside many comparisons, nodes and pods, and how fast it reacts there."""

import argparse
import json
import os
import platform
import time
from pathlib import Path
from statistics import quantiles

from audit import Requests, by_kind
from cluster import kubectl, say, wait_until
from operator_process import Operator, kubeconfig, quantile
from players import Players

# A quarter of what the shortest one takes in life, so that runs come and go while one watches. At a restart none is waited for.
TRIAL_MILLISECONDS, NO_TRIAL_MILLISECONDS = 15_000, 500
REST_SECONDS = 120
RESTARTS = 3
# What it is to keep.
MOST_MEBIBYTES, MOST_MEBIBYTES_WITH_PODS = 64, 128
MOST_MILLISECONDS, MOST_ADMISSION_SECONDS, MOST_RESTART_SECONDS = 50, 2, 5


def ratio(values, share):
    """A quantile of a few values; the largest where they are too few to tell."""
    if not values:
        return None
    return quantiles(values, n=100)[round(share * 100) - 1] if len(values) >= 20 else max(values)


class Benchmark:
    def __init__(self, arguments):
        self.arguments = arguments
        self.players = Players(arguments.players, arguments.nodes - arguments.active)
        self.requests = Requests()
        self.config = kubeconfig()
        self.operator = None
        self.result = {
            "machine": {"processors": os.cpu_count(), "system": platform.platform()},
            "size": {key: getattr(arguments, key) for key in ("comparisons", "pods", "nodes", "active")},
            "memory": [],
        }

    def restart(self):
        """A process that remembers nothing of what was before, and has looked at everything."""
        if self.operator:
            self.operator.end()
        self.operator = Operator(self.arguments.operator, self.config)

    def memory(self, comparisons, pods):
        """Of a process that begins with what is there."""
        self.restart()
        looked = self.operator.has_looked(comparisons, 900)
        time.sleep(5)
        now, most = self.operator.memory()
        row = {"comparisons": comparisons, "pods": pods, "now": now, "most": most, "looked": looked,
               "processor": self.operator.processor_seconds()}
        self.result["memory"].append(row)
        self.keep()
        say(f"{comparisons} comparisons, {pods} other pods: {now:.1f} MiB, at most {most:.1f}; all looked at after {looked:.1f} s")

    def settled(self, count):
        """All are generated, and as many as find GPUs wait for their load pods."""
        active = min(count, self.arguments.active)
        queued = lambda: self.players.in_phase("Queued") == count - active and self.players.in_phase("Measuring") == active
        wait_until(f"{active} of {count} comparisons measure and the others are queued", 900, queued)
        self.operator.has_written_all(10, 300)

    def grow(self):
        total = self.arguments.comparisons
        there = 0
        for count in (0, total // 4, total // 2, total):
            if count:
                begun = time.monotonic()
                self.players.tell(f"comparisons {there} {count}")
                self.settled(count)
                say(f"{count - there} more comparisons settled after {time.monotonic() - begun:.0f} s")
                there = count
            self.memory(count, 0)

    def add_pods(self):
        total, there = self.arguments.pods, self.players_pods()
        for count in (total // 2, total):
            self.players.tell(f"pods {there} {count}")
            there = count
            self.memory(self.arguments.comparisons, count)

    def players_pods(self):
        return self.arguments.nodes - self.arguments.active

    def rest(self):
        begin = time.time()
        time.sleep(REST_SECONDS)
        requests = self.requests.between(begin, time.time())
        stored = [request for request in requests if request.stores()]
        self.result["rest"] = {"seconds": REST_SECONDS, "writes": len(stored), "requests": kinds(requests),
                               "written": kinds(stored)}

    def restarts(self):
        """While the operator is away a load pod ends: until what follows from that is written."""
        found = []
        for _ in range(RESTARTS):
            self.operator.end()
            self.players.tell("release 1")
            # The load pod ends, and its Job.
            time.sleep(8)
            self.operator = Operator(self.arguments.operator, self.config)
            first = lambda: next((r for r in self.requests.between(self.operator.started, time.time()) if r.stores()), None)
            found.append(wait_until("the first write", 120, first, every=0.2).at - self.operator.started)
            self.operator.has_looked(self.arguments.comparisons, 600)
            self.operator.has_written_all(5, 600)
        self.result["restart"] = {"seconds": found}

    def flow(self):
        """Runs come and go."""
        before, begin, processor = self.operator.metrics(), time.time(), self.operator.processor_seconds()
        finished = self.players.finished()
        self.players.tell(f"trial {TRIAL_MILLISECONDS}")
        self.players.tell("go")
        time.sleep(self.arguments.minutes * 60)
        end, after = time.time(), self.operator.metrics()
        self.players.tell("hold")
        requests = self.requests.between(begin, end)
        seconds = end - begin
        admissions = self.players.admissions(begin)
        self.result["flow"] = {
            "seconds": seconds,
            "finished": self.players.finished() - finished,
            "processor": (self.operator.processor_seconds() - processor) / seconds,
            "reconciliations": sum(after[s] - before.get(s, 0) for s in after if s.startswith("controller_runtime_reconcile_total")),
            "p50": quantile(before, after, 0.5), "p99": quantile(before, after, 0.99),
            "admissions": len(admissions),
            "admission p50": ratio(admissions, 0.5), "admission p99": ratio(admissions, 0.99),
            "admission most": max(admissions, default=None),
            "full pod lists": sum(request.lists_all_pods() for request in requests),
            "requests": kinds(requests),
            "request p50": answered(requests, 0.5), "request p99": answered(requests, 0.99),
            "now": self.operator.memory()[0], "most": self.operator.memory()[1], "load": os.getloadavg()[1],
        }

    def emptied(self):
        self.players.tell("clear")
        gone = lambda: not kubectl("get", "bcmp", "-A", "-o", "name").strip()
        wait_until("all comparisons are gone", 600, gone, every=2)
        self.memory(0, self.arguments.pods)

    def run(self):
        self.players.tell("namespaces")
        self.players.tell(f"trial {NO_TRIAL_MILLISECONDS}")
        self.players.tell(f"nodes {self.arguments.nodes}")
        self.players.tell(f"pods 0 {self.players_pods()}")
        say("nodes are ready")
        self.grow()
        self.add_pods()
        for step in (self.rest, self.restarts, self.flow, self.emptied):
            step()
            self.keep()
            say(f"{step.__name__}: done")

    def keep(self):
        """What was measured so far, as JSON."""
        self.arguments.output.parent.mkdir(parents=True, exist_ok=True)
        self.arguments.output.write_text(json.dumps(self.result, indent=1), encoding="utf-8")

    def end(self):
        if self.operator:
            self.operator.end()
        self.players.end()


def answered(requests, share):
    """What the API server itself takes for a request, in milliseconds."""
    return ratio([request.milliseconds for request in requests if request.verb != "watch"], share)


def kinds(requests):
    return [[verb, resource, count] for (verb, resource), count in by_kind(requests).most_common()]


def line(what, value, goal=None, met=None):
    judged = "" if goal is None else f"goal {goal}: {'met' if met else 'MISSED'}"
    print(f"  {what:<58} {value:>14}  {judged}".rstrip())


def report(result):
    size, rest, flow = result["size"], result["rest"], result["flow"]
    print(f"\n{size['comparisons']} comparisons, {size['active']} of them active, {size['nodes']} nodes of 8 GPUs, "
          f"{size['pods']} other pods; {result['machine']['processors']} processors for everything")
    print("memory of a process that begins with what is there, MiB")
    print(f"  {'comparisons':>11} {'other pods':>11} {'at rest':>8} {'at most':>8} {'all looked at':>14} {'processor':>10}")
    for row in result["memory"]:
        print(f"  {row['comparisons']:>11} {row['pods']:>11} {row['now']:>8.1f} {row['most']:>8.1f} "
              f"{row['looked']:>12.1f} s {row['processor']:>8.1f} s")
    most = lambda pods: max(row["most"] for row in result["memory"] if (row["pods"] > 0) == pods)
    line("at most, without other pods, MiB", f"{most(False):.1f}", MOST_MEBIBYTES, most(False) <= MOST_MEBIBYTES)
    with_pods = max(most(True), flow["most"])
    line("at most, with them, runs coming and going too, MiB", f"{with_pods:.1f}", MOST_MEBIBYTES_WITH_PODS,
         with_pods <= MOST_MEBIBYTES_WITH_PODS)
    print(f"at rest for {rest['seconds']} s, {size['active']} measuring and the others queued")
    line("writes", rest["writes"], 0, rest["writes"] == 0)
    line("other requests (Leases included)", sum(count for _, _, count in rest["requests"]) - rest["writes"])
    print("restart while a load pod ends")
    slowest = max(result["restart"]["seconds"])
    line(f"start of the process to its first write, slowest of {RESTARTS}", f"{slowest:.1f} s", f"{MOST_RESTART_SECONDS} s",
         slowest <= MOST_RESTART_SECONDS)
    print(f"runs come and go for {flow['seconds']:.0f} s; load of the machine, everything on it: {flow['load']:.1f}")
    line("runs finished", flow["finished"])
    line("reconciliations", f"{flow['reconciliations']:.0f}")
    line("of them half within", f"{flow['p50']:.0f} ms")
    line("and 99 % within", f"{flow['p99']:.0f} ms", f"{MOST_MILLISECONDS} ms", flow["p99"] <= MOST_MILLISECONDS)
    line("a request takes the API server alone, half within", f"{flow['request p50']:.0f} ms")
    line("and 99 % within", f"{flow['request p99']:.0f} ms")
    if flow["admissions"]:
        line("GPUs released to the next admission, half within", f"{flow['admission p50']:.1f} s")
        line("and 99 % within", f"{flow['admission p99']:.1f} s", f"{MOST_ADMISSION_SECONDS} s",
             flow["admission p99"] <= MOST_ADMISSION_SECONDS)
    line("lists of all pods", flow["full pod lists"], "1 in 600 s", flow["full pod lists"] <= 1)
    line("processor time of the operator", f"{flow['processor'] * 100:.0f} %")
    print("  requests of the operator, a second:")
    for verb, resource, count in flow["requests"][:24]:
        print(f"    {verb:<8} {resource:<34} {count / flow['seconds']:>8.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("operator", "players", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("comparisons", "pods", "nodes", "active"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    benchmark = Benchmark(parser.parse_args())
    try:
        benchmark.run()
    finally:
        benchmark.end()
    report(benchmark.result)
    print(f"\nas JSON: {benchmark.arguments.output}")


if __name__ == "__main__":
    main()
