"""An engine for Dynamo's worker SDK that takes as long for each token as AIConfigurator says it would."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from dynamo.common.backend.disagg import require_prefill_result
from dynamo.common.backend.engine import EngineConfig, LlmRegistration, LLMEngine
from dynamo.common.backend.health_check import is_probe
from dynamo.common.backend.worker import WorkerConfig
from dynamo.common.constants import DisaggregationMode
from dynamo.common.utils.namespace import get_worker_namespace

from .latency import Table
from .prefixes import BLOCK_TOKENS, PrefixCache
from .settings import Settings

MODES = {
    "agg": DisaggregationMode.AGGREGATED,
    "prefill": DisaggregationMode.PREFILL,
    "decode": DisaggregationMode.DECODE,
}
# Token ids that the test tokenizer turns into visible text: a client that counts chunks must get one per token.
FIRST_TOKEN, TOKENS = 1000, 1000
# A model left to itself ends after 40 to 80 % of what it may write.
OWN_LENGTH_PERCENT = range(40, 81)
DEFAULT_MAX_TOKENS = 256


class TableEngine(LLMEngine):
    """Admits requests up to the engine's limits, in order, and paces their tokens by the table."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.mode = MODES[settings.mode]
        self.table = Table.load(settings.table, settings.engine.tensor_parallel_size)
        self.prefixes = PrefixCache(settings.faults.prefix_cache_is_blind) if settings.faults.prefix_cache else None
        self.concurrency = 0
        self.waiting: list[asyncio.Event] = []
        self.requests = itertools.count(1)

    @classmethod
    async def from_args(cls, argv=None):
        raise NotImplementedError("made by worker_config() and the constructor")

    async def start(self, worker_id: int) -> EngineConfig:
        del worker_id
        await asyncio.sleep(self.settings.startup_seconds)
        engine = self.settings.engine
        return EngineConfig(
            model=str(self.settings.tokenizer),
            served_model_name=self.settings.served_model_name,
            llm=LlmRegistration(
                kv_cache_block_size=BLOCK_TOKENS,
                max_num_seqs=engine.max_batch_size,
                max_num_batched_tokens=engine.max_num_tokens,
            ),
        )

    async def cleanup(self) -> None:
        pass

    async def generate(self, request, context) -> AsyncGenerator[dict, None]:
        """Answer one request; failures asked for by the environment happen here."""
        if is_probe(request):
            yield _chunk(0, usage=_usage(1, 1, 0), finish_reason="length")
            return
        number = next(self.requests)
        faults = self.settings.faults
        if _crosses(number, faults.error_rate):
            raise RuntimeError("mock: this request fails, as BCMP_MOCK_ERROR_RATE asks")
        dies = number == faults.die_after_requests and not (faults.die_once and _died_before())

        prompt = request["token_ids"]
        may_write = (request.get("stop_conditions") or {}).get("max_tokens") or DEFAULT_MAX_TOKENS
        length, finish_reason = self._output_length(request, may_write, number)
        cached = self.prefixes.look_up_and_keep(prompt) if self.prefixes else 0
        if self.mode == DisaggregationMode.DECODE:
            require_prefill_result(request, self.mode)
        if self.mode == DisaggregationMode.PREFILL:
            length, finish_reason = 1, "length"

        async with self._slot(len(prompt), may_write):
            due = time.monotonic() + self._first_token_seconds(len(prompt), cached, may_write)
            for index in range(length):
                await _sleep_until(due)
                if context.is_stopped():
                    yield _chunk(index, usage=_usage(len(prompt), index, cached), finish_reason="cancelled")
                    return
                if dies and index >= length // 2:
                    _die()
                last = index == length - 1
                chunk = _chunk(number + index)
                if last:
                    chunk |= {"finish_reason": finish_reason, "completion_usage": _usage(len(prompt), length, cached)}
                    if self.mode == DisaggregationMode.PREFILL:
                        chunk["disaggregated_params"] = {"mock": number}
                yield chunk
                # From the moment it was due, not from now: lateness of one token must not add up over an answer.
                due += self._next_token_seconds(len(prompt), may_write)

    def _output_length(self, request, may_write: int, number: int) -> tuple[int, str]:
        stop = request.get("stop_conditions") or {}
        if self.settings.faults.honours_ignore_eos:
            if stop.get("ignore_eos"):
                return may_write, "length"
            least = min(stop.get("min_tokens") or 1, may_write)
        else:
            least = 1
        percent = OWN_LENGTH_PERCENT[number * 7 % len(OWN_LENGTH_PERCENT)]
        own = max(1, may_write * percent // 100)
        return (least, "length") if least == may_write else (max(least, own), "stop")

    def _first_token_seconds(self, isl: int, cached: int, osl: int) -> float:
        """Time to the first token once admitted; cached prompt tokens cost nothing."""
        if self.mode == DisaggregationMode.DECODE:
            return self._next_token_seconds(isl, osl)
        if self.mode == DisaggregationMode.PREFILL:
            milliseconds = self.table.prefill(isl, osl)
        else:
            milliseconds = self.table.agg(self.settings.engine, isl, osl, self.concurrency).ttft
        return milliseconds * (1 - cached / isl) * self.settings.ttft_factor / 1000

    def _next_token_seconds(self, isl: int, osl: int) -> float:
        if self.mode == DisaggregationMode.DECODE:
            milliseconds = self.table.decode(isl, osl, self.concurrency)
        else:
            milliseconds = self.table.agg(self.settings.engine, isl, osl, self.concurrency).tpot
        return milliseconds * self.settings.tpot_factor / 1000

    @asynccontextmanager
    async def _slot(self, isl: int, osl: int):
        """A place in the batch: first come, first served, up to the batch limit and to what the KV cache holds."""
        limit = self.settings.engine.max_batch_size
        if self.mode != DisaggregationMode.PREFILL:
            limit = min(limit, self.table.capacity(isl, osl))
        if self.concurrency >= limit:
            turn = asyncio.Event()
            self.waiting.append(turn)
            try:
                # The one who leaves hands over its place, so nobody can slip in between.
                await turn.wait()
            except asyncio.CancelledError:
                if turn.is_set():
                    self._leave()
                else:
                    self.waiting.remove(turn)
                raise
        else:
            self.concurrency += 1
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        if self.waiting:
            self.waiting.pop(0).set()
        else:
            self.concurrency -= 1


def worker_config(settings: Settings, environment=os.environ) -> WorkerConfig:
    """How the worker joins: the planes come from the environment, as Dynamo's operator sets them."""
    return WorkerConfig(
        namespace=get_worker_namespace(),
        component="prefill" if settings.mode == "prefill" else "backend",
        model_name=str(settings.tokenizer),
        served_model_name=settings.served_model_name,
        discovery_backend=environment.get("DYN_DISCOVERY_BACKEND", "etcd"),
        request_plane=environment.get("DYN_REQUEST_PLANE", "tcp"),
        event_plane=environment.get("DYN_EVENT_PLANE"),
        # No KV events: their publishers listen on all addresses.
        enable_kv_routing=False,
        enable_local_indexer=False,
        disaggregation_mode=MODES[settings.mode],
    )


def _chunk(number: int, usage: dict | None = None, finish_reason: str | None = None) -> dict:
    chunk = {"token_ids": [FIRST_TOKEN + number % TOKENS], "index": 0}
    if finish_reason:
        chunk |= {"finish_reason": finish_reason, "completion_usage": usage}
    return chunk


def _usage(prompt: int, completion: int, cached: int) -> dict:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


async def _sleep_until(due: float) -> None:
    await asyncio.sleep(max(0.0, due - time.monotonic()))


def _crosses(number: int, rate: float) -> bool:
    """True for exactly `rate` of all numbers, evenly spread."""
    return int(number * rate) > int((number - 1) * rate)


def _marker() -> Path:
    # The manifests mount /tmp from an emptyDir: it outlives the container, not the pod.
    return Path("/tmp/bcmp-mock-died")


def _died_before() -> bool:
    return _marker().exists()


def _die() -> None:
    _marker().touch()
    # A container's first process cannot kill itself by a signal: end at once, with the code of a segmentation fault.
    os._exit(139)
