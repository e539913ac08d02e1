"""The engines' latencies are known: what the operator reports must be that."""

import itertools

from case import Case
from comparison import Comparison, variant


def tpot(factor):
    return {"BCMP_MOCK_TPOT_FACTOR": factor}


def pace(factor):
    """Everything that an engine does."""
    return tpot(factor) | {"BCMP_MOCK_TTFT_FACTOR": factor}


class Truth(Case):
    def test_known_truth(self):
        """TPOT as predicted, 15 % above, 15 % below: that is the error reported with 1 concurrent request, within 3 points."""
        comparison = Comparison(
            self.namespace,
            workload={"inputTokens": 4000, "outputTokens": 40, "concurrency": [1]},
            sla={"ttftMilliseconds": 2000, "tpotMilliseconds": 100},
            variants=[variant("baseline", "Baseline"), variant("slow", env=tpot("1.15")), variant("fast", env=tpot("0.85"))],
        ).apply()
        status = comparison.wait_finished(1200)
        for name, wanted in (("baseline", 0), ("slow", 15), ("fast", -15)):
            with self.subTest(name):
                level = self.level(comparison, status, name, 1)
                self.assertGreaterEqual(float(level["estimated"]["tpotMilliseconds"]), 18, "shorter steps are not exact on few cores")
                self.assertAlmostEqual(float(level["errorPercent"]["tpot"]), wanted, delta=3)
        self.assert_nothing_left(comparison)

    def test_known_truth_in_batches(self):
        """15 % slower and 15 % faster than an undistorted deployment on the same machine: that is the difference in TPOT and in
        tokens/s/GPU with 1, 4 and 12 requests on one engine, within 3 points."""
        levels = [1, 4, 12]
        comparison = Comparison(
            self.namespace,
            workload={"inputTokens": 2000, "outputTokens": 60, "concurrency": levels},
            sla={"ttftMilliseconds": 20000, "tpotMilliseconds": 200},
            variants=[variant("baseline", "Baseline"), variant("slow", env=pace("1.15")), variant("fast", env=pace("0.85"))],
        )
        comparison.spec["hardware"]["gpusPerVariant"] = 1
        status = comparison.apply().wait_finished(2400)
        for (name, factor), concurrency in itertools.product((("slow", 1.15), ("fast", 0.85)), levels):
            true, found = (self.level(comparison, status, each, concurrency)["measured"] for each in ("baseline", name))
            for figure, wanted in (("tpotMilliseconds", factor), ("tokensPerSecondPerGpu", 1 / factor)):
                with self.subTest(name, concurrency=concurrency, figure=figure):
                    self.assertAlmostEqual(100 * float(found[figure]) / float(true[figure]), 100 * wanted, delta=3)
        self.assert_nothing_left(comparison)

    def test_same_against_same(self):
        """Two deployments of one configuration: no difference is claimed."""
        comparison = Comparison(self.namespace).apply()
        status = comparison.wait_finished()
        self.assertIn(status["verdict"]["measured"]["outcome"], ("NoDifference", "Undetermined"))
        self.assert_nothing_left(comparison)

    def test_same_against_same_in_two_rounds(self):
        """Each deployed twice, so that what one deployment happened to meet is seen: no difference is claimed either."""
        comparison = Comparison(self.namespace)
        comparison.spec["execution"]["rounds"] = {"minimum": 2, "maximum": 2}
        status = comparison.apply().wait_finished(1500)
        self.assertIn(status["verdict"]["measured"]["outcome"], ("NoDifference", "Undetermined"))
        for name in ("baseline", "other"):
            self.assertEqual(len(comparison.variant(name, status)["deployments"]), 2, name)
        self.assert_nothing_left(comparison)

    def test_clear_gain(self):
        """An engine that takes three quarters of the time meets the SLA with more requests in its batch: half as much again at the
        SLA. One round cannot tell that from deployments that differ, two can. The second run, which knows how long a
        deployment takes to be ready, lasts as long as was expected, within the spread that is stated for it."""
        comparison = Comparison(
            self.namespace,
            workload={"inputTokens": 2000, "outputTokens": 60, "concurrency": [4, 12]},
            sla={"ttftMilliseconds": 20000, "tpotMilliseconds": 35},
            variants=[variant("baseline", "Baseline"), variant("faster", env=pace("0.75"))],
        )
        comparison.spec["hardware"]["gpusPerVariant"] = 1
        comparison.spec["execution"]["rounds"] = {"maximum": 2}
        comparison.apply().wait_finished(1800)
        comparison.spec["runId"] = "2"
        status = comparison.apply().wait_finished(1800)
        measured = status["verdict"]["measured"]
        self.assertEqual((measured["outcome"], measured["rounds"], measured["stopped"]), ("CandidateBetter", 2, "Decided"))
        self.assertAlmostEqual(float(measured["gainPercent"]), 50, delta=10)
        expected, actual = status["price"]["expected"], status["price"]["actual"]
        self.assertEqual(expected["rounds"], 2)
        spread = actual["minutes"] / expected["minutes"]
        self.assertTrue(0.65 <= spread <= 1.8, f"{actual['minutes']} of {expected['minutes']} expected minutes")
        self.assert_nothing_left(comparison)

    def test_opposite_direction(self):
        """The candidate, predicted to win with a fuller batch, is 40 % slower than predicted: refuted."""
        comparison = Comparison(
            self.namespace,
            workload={"inputTokens": 1000, "outputTokens": 40, "concurrency": [8, 24]},
            sla={"ttftMilliseconds": 2000, "tpotMilliseconds": 33},
            variants=[variant("baseline", "Baseline"), variant("optimized", kind="Recommended", env=tpot("1.40"))],
        )
        comparison.spec["load"]["decisionTrials"] = 3
        comparison.spec["execution"]["rounds"] = {"maximum": 2}
        status = comparison.apply().wait_finished(1500)
        self.assertEqual(status["verdict"]["predicted"]["outcome"], "CandidateBetter")
        self.assertIn(status["verdict"]["measured"]["outcome"], ("BaselineBetter", "OnlyBaselineMeetsSla"))
        self.assertEqual(status["verdict"]["result"], "Refuted")


class Faults(Case):
    def test_no_prompt_is_known_to_a_cache(self):
        """A server that caches prefixes, left on: the load never repeats a prompt, so nothing is cached, also where the
        level is run again for the decision."""
        caching = variant("caching", env={"BCMP_MOCK_PREFIX_CACHE": "on"})
        comparison = Comparison(self.namespace, variants=[variant("baseline", "Baseline"), caching])
        comparison.spec["load"]["decisionTrials"] = 2
        status = comparison.apply().wait_finished(900)
        self.assertEqual(self.level(comparison, status, "caching", 1)["evidence"]["rejected"], 0)
        self.assertNotIn("PrefixCacheHits", self.codes(comparison, status, "caching"))

    def test_bad_servers_are_found_out(self):
        """Servers that misbehave, beside a sound baseline: each one's levels are rejected, with the right reason."""
        faults = {
            "stops-early": ({"BCMP_MOCK_IGNORE_EOS": "off"}, {"OutputLengthMismatch"}),
            "errors": ({"BCMP_MOCK_ERROR_RATE": "0.34"}, {"ErrorRate"}),
            "cached": ({"BCMP_MOCK_PREFIX_CACHE": "on", "BCMP_MOCK_PREFIX_CACHE_BLIND": "on"}, {"PrefixCacheHits"}),
            "dies": ({"BCMP_MOCK_DIE_AFTER_REQUESTS": "6"}, {"ErrorRate", "Incomplete", "ServerRestarted", "LoadToolFailed"}),
        }
        comparison = Comparison(
            self.namespace,
            variants=[variant("baseline", "Baseline")] + [variant(name, env=env) for name, (env, _) in faults.items()],
        ).apply()
        status = comparison.wait_finished(1800)
        for name, (_, wanted) in faults.items():
            with self.subTest(name):
                found = self.codes(comparison, status, name)
                self.assertTrue(found & wanted, f"{found or 'no reason'}, wanted one of {wanted}; {comparison.variant(name, status)}")
                self.assertFalse(comparison.variant(name, status).get("atSla"), "a rejected level was believed")
        self.assertNotIn("ErrorRate", self.codes(comparison, status, "baseline"))
        self.assert_nothing_left(comparison)
