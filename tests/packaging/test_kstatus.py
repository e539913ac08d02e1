"""kstatus, by which Flux, kpt and others judge any object: its rule for kinds it does not know, on every state."""

import unittest

from kube import CUSTOMIZATION, documents

EXPECTED = {
    "progressing-not-observed": "InProgress",
    "progressing-changed": "InProgress",
    "progressing-generating": "InProgress",
    "progressing-queued": "InProgress",
    "progressing-deploying": "InProgress",
    "progressing-measuring": "InProgress",
    "progressing-tearing-down": "InProgress",
    "progressing-kept-for-debugging": "InProgress",
    "progressing-deleted": "Terminating",
    "healthy-succeeded": "Current",
    "healthy-predicted": "Current",
    "healthy-inconclusive": "Current",
    "suspended-held": "Current",
    "suspended-not-requested": "Current",
    "degraded-cancelled": "Failed",
    "degraded-inconclusive": "Failed",
    "degraded-inaccurate": "Failed",
    "degraded-generation-failed": "Failed",
    "degraded-variant-failed": "Failed",
    "degraded-teardown-stuck": "Failed",
}


def kstatus(thing):
    """The generic rule: deletion, observedGeneration, Reconciling, Stalled, then Ready; without Ready all is well."""
    if thing["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = thing.get("status") or {}
    observed = status.get("observedGeneration")
    if observed is not None and observed != thing["metadata"].get("generation"):
        return "InProgress"
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or []}
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return {"True": "Current", None: "Current"}.get(conditions.get("Ready"), "InProgress")


class Kstatus(unittest.TestCase):
    def test_every_state(self):
        states = {path.stem: path for path in (CUSTOMIZATION / "testdata").glob("*.yaml")}
        self.assertEqual(sorted(states), sorted(EXPECTED))
        for name, path in states.items():
            with self.subTest(name):
                (thing,) = documents(path.read_text())
                self.assertEqual(kstatus(thing), EXPECTED[name])

    def test_at_rest_or_not_no_state_is_both(self):
        for path in (CUSTOMIZATION / "testdata").glob("*.yaml"):
            (thing,) = documents(path.read_text())
            true = {c["type"] for c in thing["status"].get("conditions", []) if c["status"] == "True"}
            self.assertFalse({"Reconciling", "Stalled"} <= true, path.name)
            self.assertFalse({"Reconciling", "Finished"} <= true, path.name)


if __name__ == "__main__":
    unittest.main()
