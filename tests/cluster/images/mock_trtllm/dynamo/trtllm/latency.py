"""AIConfigurator's latencies for the engine as it is configured, interpolated from a table made at image build."""

import json
import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .settings import Engine, SettingsError

# A chat template adds a few tokens to a prompt: one this little longer than a tabulated length counts as that length.
LENGTH_TOLERANCE = 0.05


@dataclass(frozen=True)
class Latency:
    """Milliseconds to the first token, and per token after it."""

    ttft: float
    tpot: float


@dataclass(frozen=True)
class Curve:
    """Estimates of one engine shape for one pair of lengths.

    `agg[q][k]` is at q concurrent requests with room for k prompts' context tokens in a step; `tpot[q]` and `prefill`
    are those of disaggregated workers. `capacity` is the most requests whose KV cache fits.
    """

    capacity: int
    agg: dict[int, dict[int, Latency]]
    prefill: float
    tpot: dict[int, float]


class Table:
    """All curves of one tensor parallelism, by prompt and output length."""

    def __init__(self, curves: dict[tuple[int, int], Curve]):
        self.curves = curves
        self.input_lengths = sorted({isl for isl, _ in curves})
        self.output_lengths = sorted({osl for _, osl in curves})
        # Asked for every token; the answers are few.
        self.agg = lru_cache(maxsize=65536)(self.agg)
        self.decode = lru_cache(maxsize=65536)(self.decode)

    @classmethod
    def load(cls, path: Path, tensor_parallel_size: int) -> "Table":
        """Read the table's part for one tensor parallelism; raises `SettingsError` if there is none."""
        document = json.loads(path.read_text())
        shapes = document["tensorParallel"]
        if str(tensor_parallel_size) not in shapes:
            raise SettingsError(f"tensor_parallel_size {tensor_parallel_size}: {path} knows {', '.join(shapes)}")
        return cls({(c["isl"], c["osl"]): _curve(c) for c in shapes[str(tensor_parallel_size)]})

    def agg(self, engine: Engine, isl: int, osl: int, concurrency: int) -> Latency:
        """Latencies of an aggregated worker holding `concurrency` requests."""
        isl = self._tabulated_length(isl)
        prompts = prompts_per_step(engine, isl, concurrency)

        def at(name: str) -> float:
            return self._over_lengths(isl, osl, lambda curve: _over_batch_and_prompts(curve, concurrency, prompts, name))

        return Latency(at("ttft"), at("tpot"))

    def prefill(self, isl: int, osl: int) -> float:
        """Milliseconds a prefill worker takes for one prompt."""
        return self._over_lengths(self._tabulated_length(isl), osl, lambda curve: curve.prefill)

    def decode(self, isl: int, osl: int, concurrency: int) -> float:
        """Milliseconds per token of a decode worker holding `concurrency` requests."""
        return self._over_lengths(self._tabulated_length(isl), osl, lambda curve: _log_log(curve.tpot, concurrency))

    def capacity(self, isl: int, osl: int) -> int:
        """Requests of these lengths whose KV cache fits; lengths are rounded up, so it errs on the small side."""
        lengths = (_round_up(self.input_lengths, self._tabulated_length(isl)), _round_up(self.output_lengths, osl))
        return self.curves[lengths].capacity

    def _tabulated_length(self, isl: int) -> int:
        for known in self.input_lengths:
            if known <= isl <= known * (1 + LENGTH_TOLERANCE):
                return known
        return isl

    def _over_lengths(self, isl: int, osl: int, value: Callable[[Curve], float]) -> float:
        by_input = {
            i: _log_log({o: value(self.curves[i, o]) for o in _neighbours(self.output_lengths, osl)}, osl)
            for i in _neighbours(self.input_lengths, isl)
        }
        return _log_log(by_input, isl, extrapolate=True)


def prompts_per_step(engine: Engine, isl: int, concurrency: int) -> float:
    """Prompts whose context tokens fit into one step beside each other: what AIConfigurator's `ctx_tokens` says, in prompts."""
    room = engine.max_num_tokens / isl
    if not engine.chunked_prefill:
        room = math.floor(room)
    return min(max(room, 1), concurrency)


def _curve(document: dict) -> Curve:
    return Curve(
        capacity=document["capacity"],
        agg={int(q): {int(k): Latency(*pair) for k, pair in ks.items()} for q, ks in document["agg"].items()},
        prefill=document["prefill"],
        tpot={int(q): tpot for q, tpot in document["tpot"].items()},
    )


def _over_batch_and_prompts(curve: Curve, concurrency: float, prompts: float, name: str) -> float:
    at = {}
    for q in _neighbours(sorted(curve.agg), concurrency):
        by_prompts = {k: getattr(latency, name) for k, latency in curve.agg[q].items()}
        at[q] = _log_log(by_prompts, min(prompts, q))
    return _log_log(at, concurrency)


def _neighbours(known: list[int], wanted: float) -> list[int]:
    """The two known values around `wanted`, or the outermost two when it lies outside."""
    if wanted in known:
        return [int(wanted)]
    index = min(max(bisect_left(known, wanted), 1), max(len(known) - 1, 1))
    return known[index - 1 : index + 1]


def _log_log(points: dict[int, float], wanted: float, extrapolate: bool = False) -> float:
    """Interpolate linearly in logarithms; outside the points take the outermost value, or go on with its slope."""
    known = sorted(points)
    if not extrapolate:
        wanted = min(max(wanted, known[0]), known[-1])
    near = _neighbours(known, wanted)
    if len(near) == 1:
        return points[near[0]]
    low, high = near
    weight = math.log(wanted / low) / math.log(high / low)
    return math.exp((1 - weight) * math.log(points[low]) + weight * math.log(points[high]))


def _round_up(known: list[int], wanted: float) -> int:
    return next((value for value in known if value >= wanted), known[-1])
