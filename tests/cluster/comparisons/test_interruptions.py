"""Kills, deletions and changes in the middle of a run, and nothing at all for two minutes."""

import json
import time

from case import Case
from cluster import (get, items, kill, kill_operator, kubectl, offer_gpus, say, start_operator, stop_operator, wait_until,
                     write_requests)
from comparison import Comparison, delete_namespace, make_namespace

PODS_AND_OBJECTS = "pods,jobs,deployments,replicasets,services,dynamographdeployments,roles,rolebindings"


class Kills(Case):
    def test_operator_killed_in_every_phase(self):
        """SIGKILL for the operator in each phase of each variant: nothing is measured twice, nothing is left."""
        comparison = Comparison(self.namespace).apply()
        comparison.wait_phase("Generating")
        kill_operator()
        kept = {}
        for name in ("baseline", "other"):
            for phase in ("Deploying", "Measuring", "TearingDown"):
                if phase == "TearingDown":
                    wait_until(f"{name} is torn down", 300, lambda: comparison.variant(name).get("phase") in ("TearingDown", "Done"), 0.1)
                    kept[name] = comparison.records(name)
                else:
                    comparison.wait_variant(name, phase)
                kill_operator()
                say(f"    killed while {name} was {phase}")
        status = comparison.wait_finished()
        self.assertEqual(status["run"]["number"], 1)
        for name in ("baseline", "other"):
            records = comparison.records(name)
            self.assertEqual(kept[name], {key: records[key] for key in kept[name]}, "a record changed")
            starts = [key for key in records if key.startswith("started-")]
            self.assertEqual(len(starts), len(comparison.measured(name)), f"a level was started twice: {starts}")
            self.assertEqual([d["number"] for d in comparison.variant(name, status)["deployments"]], [1])
        self.assert_nothing_left(comparison)

    def one_level_is_published(self):
        """A comparison whose baseline has begun another level behind the first; the records of the first."""
        comparison = Comparison(self.namespace)
        comparison.spec["workload"]["concurrency"] = [1, 2]
        comparison.spec["load"]["trialMinutes"] = 2
        comparison.apply()
        first = wait_until("a level is published", 300, lambda: comparison.measured("baseline"))
        kept = {key: comparison.records("baseline")[key] for key in first}
        started = lambda: [key for key in comparison.records("baseline") if key.startswith("started-")]
        wait_until("the next level has started", 60, lambda: len(started()) > len(first), 0.1)
        return comparison, kept

    def assert_kept(self, comparison, kept):
        records = comparison.records("baseline")
        self.assertEqual(kept, {key: records[key] for key in kept}, "a finished level was measured again")

    def test_load_pod_lost(self):
        """The load pod goes in the middle of a level: another one goes on behind what was published."""
        comparison, kept = self.one_level_is_published()
        kubectl("-n", self.namespace, "delete", "pod", "-l", "job-name=compared-r1-baseline-load-d1", "--grace-period=0", "--force", check=False)
        status = comparison.wait_finished()
        self.assert_kept(comparison, kept)
        self.assertEqual(self.level(comparison, status, "baseline", 2)["evidence"]["rejected"], 0)
        self.assert_nothing_left(comparison)

    def test_load_tool_killed(self):
        """The load tool alone is killed, as the kernel does when memory is short: the level is tried once more."""
        comparison, kept = self.one_level_is_published()
        wait_until("the tool was killed", 60, lambda: kill(self.namespace, "aiperf "), 0.5)
        status = comparison.wait_finished()
        self.assert_kept(comparison, kept)
        level = self.level(comparison, status, "baseline", 2)
        self.assertIn("measured", level)
        self.assertIn("LoadToolFailed", self.codes(comparison, status, "baseline"))
        self.assertEqual(self.level(comparison, status, "other", 2)["evidence"]["rejected"], 0)
        self.assert_nothing_left(comparison)


# Missed with one concurrent request, however fast the machine is: nothing more is tried, the end comes soon, and it is an answer.
MISSED_AT_ONCE = {"ttftMilliseconds": 1000, "tpotMilliseconds": 15}


class Deletions(Case):
    def gone(self, comparison):
        selector = ("-n", self.namespace)
        left = items(PODS_AND_OBJECTS, *selector)
        maps = [m for m in items("configmaps", *selector) if m["metadata"]["name"] != "kube-root-ca.crt"]
        return not left and not maps and not comparison.object()

    def delete_in(self, comparison, wait, cascade, operator_runs):
        comparison.apply()
        wait(comparison)
        if not operator_runs:
            stop_operator()
        kubectl("-n", self.namespace, "delete", "bcmp", comparison.name, f"--cascade={cascade}", "--wait=false")
        wait_until(f"all is gone after deletion in the {cascade}", 180, lambda: self.gone(comparison))
        if not operator_runs:
            start_operator()
        say(f"    gone: {cascade}, operator {'running' if operator_runs else 'stopped'}")

    def delete_in_each_way(self, phase, wait, **changes):
        try:
            for cascade in ("background", "foreground"):
                for operator_runs in (True, False):
                    with self.subTest(phase=phase, cascade=cascade, operator_runs=operator_runs):
                        self.delete_in(Comparison(self.namespace, **changes), wait, cascade, operator_runs)
        finally:
            start_operator()

    def test_deleted_while_generating(self):
        self.delete_in_each_way("generating", lambda c: c.wait_phase("Generating"))

    def test_deleted_while_deploying(self):
        self.delete_in_each_way("deploying", lambda c: c.wait_variant("baseline", "Deploying"))

    def test_deleted_while_measuring(self):
        self.delete_in_each_way("measuring", lambda c: c.wait_variant("baseline", "Measuring"))

    def test_deleted_while_tearing_down(self):
        self.delete_in_each_way("tearing down", lambda c: c.wait_variant("baseline", "TearingDown"), sla=MISSED_AT_ONCE)

    def test_deleted_when_finished(self):
        self.delete_in_each_way("finished", lambda c: c.wait_finished(), sla=MISSED_AT_ONCE)

    def test_deleted_in_the_queue(self):
        """Deleted while another comparison has the GPUs: that one goes on."""
        offer_gpus(2)
        make_namespace(self.namespace + "-other")
        holder = Comparison(self.namespace + "-other", "holder")
        holder.spec["load"]["trialMinutes"] = 20
        holder.spec["execution"]["deadlines"]["trialSeconds"] = 1200
        holder.apply().wait_variant("baseline", "Measuring")
        self.delete_in_each_way("queued", lambda c: c.wait_phase("Queued"))
        self.assertEqual(holder.variant("baseline")["phase"], "Measuring", "the test's holder was too short")
        delete_namespace(self.namespace + "-other")

    def test_held_by_somebody_elses_finalizer(self):
        """A finalizer on the comparison holds garbage collection up; its GPUs go all the same."""
        comparison = Comparison(self.namespace).apply()
        comparison.wait_variant("baseline", "Measuring")
        finalizers = lambda names: kubectl("-n", self.namespace, "patch", "bcmp", comparison.name, "--type=merge",
                                           "--patch", json.dumps({"metadata": {"finalizers": names}}))
        finalizers(["example.com/audit"])
        kubectl("-n", self.namespace, "delete", "bcmp", comparison.name, "--wait=false")
        wait_until("servers and load are gone", 180, lambda: not items("pods,jobs,dynamographdeployments", "-n", self.namespace))
        self.assertTrue(comparison.object(), "the comparison went before its finalizer")
        finalizers([])
        wait_until("all is gone", 60, lambda: self.gone(comparison))

    def test_made_again_under_the_same_name(self):
        """Deleted and at once made again: the new one waits for the old one's children and runs."""
        comparison = Comparison(self.namespace, sla=MISSED_AT_ONCE).apply()
        comparison.wait_variant("baseline", "Measuring")
        old = comparison.object()["metadata"]["uid"]
        kubectl("-n", self.namespace, "delete", "bcmp", comparison.name, "--wait=false")
        comparison.apply()
        status = comparison.wait_finished()
        self.assertNotEqual(comparison.object()["metadata"]["uid"], old)
        self.assertEqual(status["phase"], "Succeeded")
        self.assert_nothing_left(comparison)


class Changes(Case):
    def test_applied_again_upgraded_and_at_rest(self):
        """Applied twice, by another manager too, the operator upgraded in mid-run: one run, same numbers. Then two
        minutes without a write."""
        comparison = Comparison(self.namespace, sla=MISSED_AT_ONCE).apply()
        comparison.wait_variant("baseline", "Measuring")
        comparison.apply()
        comparison.apply("--server-side", "--field-manager=gitops", "--force-conflicts")
        other_image = {"spec": {"template": {"spec": {"containers": [{"name": "operator", "env": [
            {"name": "BCMP_LOAD_IMAGE", "value": "localhost/bcmp-tools:none-such"}]}]}}}}
        before = get("deployment", "bcmp-operator", "-n", "bcmp-system")["spec"]["template"]["spec"]["containers"][0]["env"]
        kubectl("-n", "bcmp-system", "patch", "deployment", "bcmp-operator", "--type=strategic", "-p", json.dumps(other_image))
        try:
            status = comparison.wait_finished()
        finally:
            kubectl("-n", "bcmp-system", "patch", "deployment", "bcmp-operator", "--type=json", "-p", json.dumps(
                [{"op": "replace", "path": "/spec/template/spec/containers/0/env", "value": before}]))
            kubectl("-n", "bcmp-system", "rollout", "status", "deployment/bcmp-operator", "--timeout=120s")
        self.assertEqual((status["phase"], status["run"]["number"]), ("Succeeded", 1))
        self.assert_nothing_left(comparison)
        time.sleep(20)
        self.assertEqual(comparison.status(), status, "the restarted operator changed a finished run")
        first = write_requests()
        time.sleep(120)
        second = write_requests()
        self.assertEqual(second, first, "something was written at rest")

    def test_changed_and_changed_back(self):
        """A changed input supersedes the run; the old value back is a third run, whose numbers are its own."""
        comparison = Comparison(self.namespace).apply()
        comparison.wait_variant("baseline", "Measuring")
        comparison.spec["workload"]["outputTokens"] = 50
        comparison.apply()
        wait_until("run 2 has begun", 180, lambda: comparison.status().get("run", {}).get("number") == 2)
        self.assertEqual(comparison.status()["history"][0]["outcome"], "Superseded")
        comparison.spec["workload"]["outputTokens"] = 40
        comparison.apply()
        status = comparison.wait_finished()
        self.assertEqual(status["run"]["number"], 3)
        self.assert_nothing_left(comparison)
