"""Failures told apart: each with its reason, its object and a cure, and the other variant's result kept."""

from case import Case
from comparison import Comparison, variant

MAIN = "/spec/services/TRTLLMWorker/extraPodSpec/mainContainer"


class Failures(Case):
    def test_one_variant_fails(self):
        """Sound baseline, candidates that fail in five ways, at once."""
        cases = {
            "crash": (variant("crash", env={"BCMP_MOCK_CRASH_AT_START": "on"}), "CrashLoop"),
            "oom": (variant("oom", env={"BCMP_MOCK_OOM_AT_START": "on"}, operations=[
                {"op": "add", "path": "/spec/services/TRTLLMWorker/resources/limits/memory", "value": "600Mi"}]), "OutOfMemory"),
            "deaf": (variant("deaf", env={"BCMP_MOCK_NO_REGISTER": "on"}), "NotServing"),
            "unpullable": (variant("unpullable", operations=[
                {"op": "replace", "path": f"{MAIN}/image", "value": "localhost/none-such:1"}]), "ImagePullFailed"),
            "unschedulable": (variant("unschedulable", operations=[
                {"op": "add", "path": "/spec/services/TRTLLMWorker/extraPodSpec/nodeSelector/none", "value": "such"}]), "Unschedulable"),
        }
        comparison = Comparison(
            self.namespace,
            variants=[variant("baseline", "Baseline")] + [made for made, _ in cases.values()],
            execution={"mode": "Sequential", "deadlines": {
                "scheduleSeconds": 40, "readySeconds": 120, "trialSeconds": 300, "teardownSeconds": 300}},
        ).apply()
        status = comparison.wait_finished(2400)
        self.assertTrue(comparison.variant("baseline", status)["levels"][0].get("measured"), "the sound variant's result is kept")
        for name, (_, wanted) in cases.items():
            with self.subTest(name):
                failed = comparison.variant(name, status)
                self.assertEqual(failed["phase"], "Failed", failed)
                self.assertEqual(failed["failure"]["reason"], wanted, failed)
        self.assert_nothing_left(comparison)

    def test_before_any_gpu_is_held(self):
        """What is missing shows in generation."""
        cases = {
            "secret": dict(model={"name": "Qwen/Qwen3-32B", "tokenSecretName": "none-such"}),
            "claim": dict(results={"claimName": "none-such", "path": "/data"}),
            "sla": dict(sla={"ttftMilliseconds": 1, "tpotMilliseconds": 1},
                        variants=[variant("baseline", "Baseline"), variant("best", kind="Recommended")]),
        }
        for name, change in cases.items():
            change = {**change, "execution": {"deadlines": {"generateSeconds": 90}}}
            with self.subTest(name):
                comparison = Comparison(self.namespace, name, **change).apply()
                status = comparison.wait_finished(300)
                self.assertEqual(status["phase"], "Failed", status["message"])
                self.assertIn("relax spec.sla" if name == "sla" else "none-such", status["message"])
                self.assert_nothing_left(comparison)
