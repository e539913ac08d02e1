import unittest

from dynamo.trtllm.latency import Curve, Latency, Table, prompts_per_step
from dynamo.trtllm.settings import Engine


def curve(isl: int, osl: int) -> Curve:
    """TTFT proportional to the prompt and to the prompts in a step, TPOT to the square root of the concurrent requests."""
    agg = {q: {k: Latency(isl * k / 10, 20 * q**0.5) for k in (1, 2, 4) if k <= q} for q in (1, 4, 16)}
    return Curve(capacity=80000 // (isl + osl), agg=agg, prefill=isl / 20, tpot={1: 10.0, 4: 20.0})


TABLE = Table({(isl, osl): curve(isl, osl) for isl in (400, 4000) for osl in (60, 500)})


def engine(max_num_tokens: int, chunked: bool = False) -> Engine:
    return Engine(1, 64, max_num_tokens, chunked)


class PromptsPerStep(unittest.TestCase):
    def test_whole_prompts_at_least_one_at_most_those_there(self):
        for max_num_tokens, isl, concurrency, wanted in (
            (4512, 4000, 12, 1),
            (8192, 4000, 12, 2),
            (8192, 4000, 1, 1),
            (128, 4000, 12, 1),
            (4512, 400, 12, 11),
        ):
            with self.subTest(max_num_tokens=max_num_tokens, isl=isl, concurrency=concurrency):
                self.assertEqual(prompts_per_step(engine(max_num_tokens), isl, concurrency), wanted)

    def test_chunked_prefill_fills_the_step(self):
        self.assertEqual(prompts_per_step(engine(6000, chunked=True), 4000, 12), 1.5)


class Interpolation(unittest.TestCase):
    def test_tabulated_points_are_exact(self):
        self.assertEqual(TABLE.agg(engine(4512), 4000, 500, 4), Latency(400.0, 40.0))
        self.assertEqual(TABLE.agg(engine(8192), 4000, 500, 4), Latency(800.0, 40.0))

    def test_a_chat_template_changes_nothing(self):
        self.assertEqual(TABLE.agg(engine(4512), 4011, 500, 4), TABLE.agg(engine(4512), 4000, 500, 4))

    def test_power_laws_are_met_between_points(self):
        between = TABLE.agg(engine(128), 1000, 60, 9)
        self.assertAlmostEqual(between.ttft, 100.0)
        self.assertAlmostEqual(between.tpot, 60.0)

    def test_longer_prompts_take_longer_more_requests_than_tabulated_do_not(self):
        self.assertAlmostEqual(TABLE.agg(engine(128), 8000, 60, 1).ttft, 800.0)
        self.assertAlmostEqual(TABLE.agg(engine(128), 400, 60, 64).tpot, 80.0)

    def test_workers_of_a_disaggregated_deployment(self):
        self.assertAlmostEqual(TABLE.prefill(4000, 500), 200.0)
        self.assertAlmostEqual(TABLE.decode(4000, 500, 2), 10 * 2**0.5)

    def test_capacity_is_that_of_the_next_longer_lengths(self):
        self.assertEqual(TABLE.capacity(400, 60), 80000 // 460)
        self.assertEqual(TABLE.capacity(411, 60), 80000 // 460)
        self.assertEqual(TABLE.capacity(1000, 61), 80000 // 4500)
        self.assertEqual(TABLE.capacity(9000, 900), 80000 // 4500)
