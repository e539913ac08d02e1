import asyncio
import unittest
from collections import Counter
from pathlib import Path
from unittest import mock

from dynamo.trtllm.engine import FIRST_TOKEN, TOKENS, TableEngine
from dynamo.trtllm.latency import Table
from dynamo.trtllm.prefixes import PrefixCache
from dynamo.trtllm.settings import Engine, Faults, Settings
from test_latency import TABLE


class Context:
    def __init__(self, stopped: bool = False):
        self.stopped = stopped

    def is_stopped(self) -> bool:
        return self.stopped


def make(faults: Faults = Faults(), mode: str = "agg", max_batch_size: int = 64) -> TableEngine:
    settings = Settings(
        served_model_name="m",
        mode=mode,
        engine=Engine(1, max_batch_size, 8192, False),
        faults=faults,
        tokenizer=Path("/"),
        table=Path("/"),
        ttft_factor=1e-6,
        tpot_factor=1e-6,
        startup_seconds=0,
    )
    with mock.patch.object(Table, "load", return_value=TABLE):
        return TableEngine(settings)


def request(tokens: int = 400, **stop) -> dict:
    return {"token_ids": list(range(tokens)), "stop_conditions": {"max_tokens": 20} | stop}


async def answer(engine: TableEngine, asked: dict, context: Context = Context()) -> list[dict]:
    return [chunk async for chunk in engine.generate(asked, context)]


def length(chunks: list[dict]) -> int:
    return sum(len(chunk["token_ids"]) for chunk in chunks)


class Answers(unittest.IsolatedAsyncioTestCase):
    async def test_all_tokens_are_written_when_the_end_is_ignored(self):
        chunks = await answer(make(), request(ignore_eos=True))
        self.assertEqual(length(chunks), 20)
        self.assertEqual(chunks[-1]["finish_reason"], "length")
        self.assertEqual(chunks[-1]["completion_usage"]["completion_tokens"], 20)
        self.assertTrue(all(FIRST_TOKEN <= c["token_ids"][0] < FIRST_TOKEN + TOKENS for c in chunks))

    async def test_a_model_left_to_itself_ends_early_but_not_before_the_least(self):
        lengths = [length(await answer(engine, request())) for engine in [make()] for _ in range(40)]
        self.assertTrue(all(8 <= n <= 16 for n in lengths) and len(set(lengths)) > 3, lengths)
        self.assertEqual(length(await answer(make(), request(min_tokens=20))), 20)

    async def test_an_engine_that_does_not_honour_ignore_eos(self):
        chunks = await answer(make(Faults(honours_ignore_eos=False)), request(ignore_eos=True, min_tokens=20))
        self.assertLess(length(chunks), 20)
        self.assertEqual(chunks[-1]["finish_reason"], "stop")

    async def test_an_error_rate_is_kept_exactly(self):
        engine = make(Faults(error_rate=0.33))
        outcomes = Counter()
        for _ in range(100):
            try:
                await answer(engine, request())
                outcomes["answered"] += 1
            except RuntimeError:
                outcomes["failed"] += 1
        self.assertEqual(outcomes, {"answered": 67, "failed": 33})

    async def test_health_probes_meet_no_fault(self):
        self.assertEqual(length(await answer(make(Faults(error_rate=1.0)), request() | {"_HEALTH_CHECK": True})), 1)

    async def test_a_cancelled_request_ends_and_gives_its_place_back(self):
        engine = make()
        chunks = await answer(engine, request(ignore_eos=True), Context(stopped=True))
        self.assertEqual((len(chunks), chunks[0]["finish_reason"], engine.concurrency), (1, "cancelled", 0))

    async def test_a_prefill_worker_hands_over_after_one_token(self):
        chunks = await answer(make(mode="prefill"), request(ignore_eos=True))
        self.assertEqual(len(chunks), 1)
        self.assertIn("disaggregated_params", chunks[0])

    async def test_a_decode_worker_wants_what_prefill_left(self):
        with self.assertRaises(ValueError):
            await answer(make(mode="decode"), request(ignore_eos=True))
        handed_over = request(ignore_eos=True) | {"prefill_result": {"disaggregated_params": {}}}
        self.assertEqual(length(await answer(make(mode="decode"), handed_over)), 20)

    async def test_cached_prompt_tokens_are_reported(self):
        engine = make(Faults(prefix_cache=True))
        cached = [
            (await answer(engine, request()))[-1]["completion_usage"]["prompt_tokens_details"]["cached_tokens"]
            for _ in range(2)
        ]
        self.assertEqual(cached, [0, 384])


class Admission(unittest.IsolatedAsyncioTestCase):
    async def test_first_come_first_served_up_to_the_limit(self):
        engine, begun, most = make(max_batch_size=2), [], 0

        async def hold(number):
            nonlocal most
            async with engine._slot(400, 60):
                begun.append(number)
                most = max(most, engine.concurrency)
                await asyncio.sleep(0)

        await asyncio.gather(*(hold(number) for number in range(10)))
        self.assertEqual((begun, most, engine.concurrency), (list(range(10)), 2, 0))

    async def test_the_kv_cache_limits_too(self):
        engine = make()
        held = [engine._slot(4000, 500) for _ in range(17)]
        for slot in held:
            await slot.__aenter__()
        waiting = asyncio.create_task(engine._slot(4000, 500).__aenter__())
        await asyncio.sleep(0)
        self.assertFalse(waiting.done())
        await held[0].__aexit__(None, None, None)
        await asyncio.wait_for(waiting, 1)

    async def test_who_gives_up_waiting_leaves_no_hole(self):
        engine = make(max_batch_size=1)
        first = engine._slot(400, 60)
        await first.__aenter__()
        waiting = asyncio.create_task(engine._slot(400, 60).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await first.__aexit__(None, None, None)
        self.assertEqual((engine.concurrency, engine.waiting), (0, []))


class Prefixes(unittest.TestCase):
    def test_whole_blocks_from_the_start_count(self):
        cache, prompt = PrefixCache(), list(range(100))
        self.assertEqual(cache.look_up_and_keep(prompt), 0)
        self.assertEqual(cache.look_up_and_keep(prompt), 96)
        self.assertEqual(cache.look_up_and_keep(prompt[:64]), 63)
        self.assertEqual(cache.look_up_and_keep([7, *prompt]), 0)
        self.assertEqual(cache.look_up_and_keep(prompt[:40] + [0] * 60), 32)

    def test_a_blind_cache_knows_every_prompt(self):
        cache = PrefixCache(blind=True)
        self.assertEqual(cache.look_up_and_keep(list(range(100))), 0)
        self.assertEqual(cache.look_up_and_keep([7] * 100), 96)
