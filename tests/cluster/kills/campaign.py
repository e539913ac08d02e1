"""Many small comparisons, some left alone and most with kills at random moments."""

import argparse
import json
import subprocess
import threading
import time
from functools import partial
from random import Random

import judgement
from cluster import STATE, KubectlError, kubectl, offer_gpus, say
from comparison import Comparison, delete_namespace, make_namespace, variant
from victims import WEIGHTS

# Without a kill a comparison takes some four minutes; the operator's own deadlines end it before this.
LIMIT_SECONDS = 1500
# Between two kills of one comparison.
GAP_SECONDS = (2, 16)


# Far from both variants on an idle machine: which one meets it is not chance.
SLA = {"ttftMilliseconds": 5000, "tpotMilliseconds": 22}
# A line for each comparison: what was killed when, when its trials ran, and its status at the end.
KEPT = STATE / "kills.jsonl"


class Course(Comparison):
    """One comparison from apply to its end; `kills` is what was killed meanwhile."""

    def __init__(self, number):
        super().__init__(f"kills-{number}", sla=SLA, workload={"inputTokens": 400, "outputTokens": 40, "concurrency": [1, 2]},
                         variants=[variant("baseline", "Baseline"), variant("other", env={"BCMP_MOCK_TPOT_FACTOR": "1.4"})])
        self.number, self.kills, self.struck = number, [], set()
        self.seen, self.changed, self.not_killed = {}, [], []
        self.ended = threading.Event()

    def strikes_trial(self, strike):
        """Strikes the trial that is under way, once: a trial whose pod is lost twice is given up, as documented."""
        trial = judgement.under_way(self.all_records())
        if trial is None or trial in self.struck or not judgement.is_first_try(trial):
            return False
        if not strike():
            return False
        self.struck.add(trial)
        return True

    def all_records(self):
        return {(name, key): text for name in ("baseline", "other") for key, text in self.records(name).items()}

    def watch_records(self):
        """A record that was published stays as it is: nothing is measured twice."""
        while not self.ended.wait(2):
            try:
                self.look_at_records()
            except KubectlError:
                pass

    def look_at_records(self):
        records = self.all_records()
        self.changed += [key for key, text in self.seen.items() if records.get(key) != text]
        self.seen.update(records)

    def go(self, random=None, budget=None):
        make_namespace(self.namespace)
        kubectl_stubborn(lambda: self.apply())
        threads = [threading.Thread(target=self.watch_records, daemon=True)]
        if budget:
            threads.append(threading.Thread(target=self.suffer, args=(random, budget), daemon=True))
        for thread in threads:
            thread.start()
        self.end = self.wait_for_end()
        self.ended.set()
        for thread in threads:
            thread.join()
        kubectl_stubborn(self.look_at_records)
        self.left = kubectl_stubborn(self.children)
        verdict = judgement.Course(self)
        say(f"  {self.namespace}: {verdict.summary()}")
        with open(KEPT, "a", encoding="utf-8") as kept:
            kept.write(json.dumps(verdict.kept()) + "\n")
        if not verdict.faults:
            kubectl_stubborn(lambda: delete_namespace(self.namespace))
        return verdict

    def wait_for_end(self):
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            try:
                if status := self.finished():
                    return status
            except KubectlError:
                pass
            time.sleep(1)
        return None

    def kill(self, victim, random):
        """Kills once; None where there was nothing to kill."""
        begun = judgement.now()
        try:
            if not victim(self, random):
                return None
        except KubectlError:
            # The API server is down already.
            return None
        except subprocess.SubprocessError as error:
            self.not_killed.append(f"{victim.__name__}: {error}")
            return None
        return judgement.Kill(victim.__name__.removeprefix("kill_"), begun, judgement.now())

    def suffer(self, random, budget):
        while not self.ended.wait(random.uniform(*GAP_SECONDS)):
            # The first of a weighted order that is there to be killed.
            victims = sorted(WEIGHTS, key=lambda victim: random.random() ** (1 / WEIGHTS[victim]), reverse=True)
            killed = next(filter(None, (self.kill(victim, random) for victim in victims)), None)
            if not killed:
                continue
            self.kills.append(killed)
            if not budget.spend():
                return


class Budget:
    """How many kills are left, for all courses together."""

    def __init__(self, kills):
        self.left, self.lock = kills, threading.Lock()

    def spend(self):
        with self.lock:
            self.left -= 1
            return self.left > 0


def kubectl_stubborn(work, seconds=60):
    """What the campaign itself asks of an API server that may just have been killed."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return work()
        except KubectlError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def in_parallel(parallel, courses):
    """Runs courses, `parallel` at a time, until there are no more; what each came to."""
    verdicts, lock = [], threading.Lock()

    def work():
        while True:
            with lock:
                course = next(courses, None)
            if course is None:
                return
            verdicts.append(course())

    workers = [threading.Thread(target=work) for _ in range(parallel)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--parallel", type=int, required=True)
    # Before the kills begin, and as many after they have ended: from two times of the machine.
    parser.add_argument("--alone", type=int, required=True)
    given = parser.parse_args()
    offer_gpus(16)
    KEPT.unlink(missing_ok=True)
    numbers = iter(range(1, 10**6))
    budget = Budget(given.kills)

    def alone():
        return (Course(next(numbers)).go for _ in range(given.alone))

    def disturbed():
        while budget.left > 0:
            number = next(numbers)
            yield partial(Course(number).go, Random(f"{given.seed}-{number}"), budget)

    say(f"── {given.alone} comparisons left alone")
    before = in_parallel(given.parallel, alone())
    say(f"── {given.kills} kills (seed {given.seed})")
    struck = in_parallel(given.parallel, disturbed())
    say(f"── {given.alone} comparisons left alone")
    after = in_parallel(given.parallel, alone())
    faults = judgement.campaign(before + after, struck, say)
    say("\n".join(["differs:", *faults]) if faults else f"nothing differs; all statuses: {KEPT}")
    raise SystemExit(1 if faults else 0)


main()
