"""Who holds GPUs when."""

from cluster import wait_until
from case import Case
from comparison import Comparison, GpuWatch, variant

EIGHT = {"system": "h200_sxm", "gpusPerVariant": 8}


def execution(mode):
    return {"mode": mode, "deadlines": {"scheduleSeconds": 300, "readySeconds": 300, "trialSeconds": 300, "teardownSeconds": 300}}


class EightGpus(Case):
    gpus = 8

    def test_sequential_and_queue(self):
        """Sequential on 8 GPUs: never both variants; a second comparison waits in the queue and says so."""
        first = Comparison(self.namespace, "first", hardware=EIGHT, execution=execution("Sequential")).apply()
        first.wait_phase("Generating")
        second = Comparison(self.namespace, "second", hardware=EIGHT, execution=execution("Auto")).apply()
        watch = GpuWatch(first, second)
        watch.start()
        second.wait_phase("Queued", 300)
        self.assertIn("first", second.status()["message"])
        first.wait_finished()
        status = second.wait_finished()
        for picture in watch.stop():
            self.assertLessEqual(len(picture), 1, f"two variants held GPUs at once: {picture}")
        self.assertEqual(status["run"]["mode"], "Sequential", "Auto on 8 GPUs")
        for comparison in (first, second):
            self.assert_nothing_left(comparison)


class SixteenGpus(Case):
    gpus = 16

    def test_auto_is_parallel_where_all_fits(self):
        comparison = Comparison(self.namespace, hardware=EIGHT, execution=execution("Auto")).apply()
        watch = GpuWatch(comparison)
        watch.start()
        status = comparison.wait_finished()
        self.assertEqual(status["run"]["mode"], "Parallel")
        self.assertIn({("compared", "baseline"): 8, ("compared", "other"): 8}, watch.stop())
        self.assert_nothing_left(comparison)
