"""What all cases share: a namespace each, and how a test that failed says why."""

import unittest

from cluster import kubectl, offer_gpus, say
from comparison import delete_namespace, make_namespace


class Case(unittest.TestCase):
    gpus = 16

    def setUp(self):
        self.namespace = f"t-{self._testMethodName.removeprefix('test_').replace('_', '-')}"[:40].rstrip("-")
        say(f"── {self.id()}")
        make_namespace(self.namespace)
        offer_gpus(self.gpus)

    def tearDown(self):
        outcome = self._outcome.result
        # A failed subtest is listed as itself.
        bad = {getattr(test, "test_case", test) for test, _ in outcome.failures + outcome.errors}
        if self in bad:
            say(kubectl("-n", self.namespace, "get", "bcmp,pods", "-o", "wide", check=False))
            say(kubectl("-n", self.namespace, "get", "events", check=False)[-3000:])
            say("    the namespace is kept")
        else:
            delete_namespace(self.namespace)

    def level(self, comparison, status, variant, concurrency):
        return next(l for l in comparison.variant(variant, status)["levels"] if l["concurrency"] == concurrency)

    def codes(self, comparison, status, variant):
        """All evidence codes of the variant's levels."""
        levels = comparison.variant(variant, status).get("levels", [])
        return {r["code"] for l in levels for r in l.get("evidence", {}).get("reasons", [])}

    def assert_nothing_left(self, comparison):
        self.assertEqual(comparison.children(), [], "left behind")
        self.assertEqual(comparison.condition("TornDown")["status"], "True")
