"""What plays the rest of the cluster (examples/scale), told what to do and asked what it saw."""

import json
import subprocess
import threading
import time

from cluster import KUBECONFIG, STATE

FINISHED = {"Succeeded", "Inconclusive", "Failed", "Cancelled"}


class Players:
    def __init__(self, binary, holders):
        self.seen, self.phases, self.done = [], {}, 0
        self.log = open(STATE / "logs/players.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [binary, "--kubeconfig", KUBECONFIG, "--holders", str(holders)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            event = json.loads(line)
            if "done" in event:
                self.done += 1
            if "phase" in event:
                self.phases[event["of"]] = event["phase"]
            self.seen.append(event)

    def tell(self, line, seconds=600):
        """Returns when it is done."""
        wanted, deadline = self.done + 1, time.monotonic() + seconds
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        while self.done < wanted:
            assert self.process.poll() is None, f"the players ended; their log: {self.log.name}"
            assert time.monotonic() < deadline, f"not within {seconds} s: {line}"
            time.sleep(0.05)

    def in_phase(self, *phases):
        return sum(phase in phases for phase in list(self.phases.values()))

    def finished(self):
        return self.in_phase(*FINISHED)

    def times(self, what, since):
        """Name and time of each event of a kind."""
        return [(event.get("of") or event[what], event["at"]) for event in list(self.seen) if what in event and event["at"] >= since]

    def admissions(self, since):
        """Seconds from each release of a run's GPUs to the next admission, by the order of both: as many runs are admitted
        as are over."""
        over = {name for name, phase in list(self.phases.items()) if phase in FINISHED}
        released = {}
        for name, at in self.times("gone", since):
            if name in over:
                released[name] = max(at, released.get(name, at))
        admitted = sorted(at for _, at in self.times("admitted", since))
        return [admission - release for release, admission in zip(sorted(released.values()), admitted)]

    def end(self):
        """They end when nothing more can be told."""
        self.process.stdin.close()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.log.close()
