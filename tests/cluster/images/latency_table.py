"""Ask AIConfigurator for the latencies that the stand-in worker serves, and write them as one JSON file.

usage: latency_table.py OUTPUT      (a Python with aiconfigurator on its path; about a minute, no network)
"""

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version

from aiconfigurator.cli.api import cli_estimate
from aiconfigurator_core.sdk.perf_database import get_latest_database_version

MODEL, SYSTEM, BACKEND = "Qwen/Qwen3-32B", "h200_sxm", "trtllm"
TENSOR_PARALLEL = (1, 2, 4, 8)
INPUT_LENGTHS = (200, 400, 1000, 2000, 4000)
OUTPUT_LENGTHS = (20, 60, 120, 500)
CONCURRENT = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
PROMPTS_PER_STEP = (1, 2, 3, 4, 6, 8, 12, 16, 24)
MOST_CONTEXT_TOKENS = 8192
# What the generated engine files set.
FREE_GPU_MEMORY_FRACTION = 0.8
MOST_CONCURRENT = 1024


def estimate(database_version: str, **arguments):
    """One estimate, or None where the model with its KV cache does not fit."""
    try:
        # Without an explicit version each call reads some 500 YAML files again: 1.3 s instead of 15 ms.
        return cli_estimate(
            MODEL,
            SYSTEM,
            backend_name=BACKEND,
            backend_version=database_version,
            free_gpu_memory_fraction=FREE_GPU_MEMORY_FRACTION,
            **arguments,
        )
    except RuntimeError as error:
        if "does not fit" in str(error):
            return None
        raise


def curve(database_version: str, tensor_parallel: int, isl: int, osl: int) -> dict:
    """Everything about one shape at one pair of lengths; milliseconds, rounded to a microsecond."""
    shape = {"isl": isl, "osl": osl}

    def agg(concurrency, prompts=1):
        return estimate(
            database_version, tp_size=tensor_parallel, batch_size=concurrency, ctx_tokens=prompts * isl, **shape
        )

    def fits(concurrency):
        result = agg(concurrency)
        return result is not None and not result.kv_cache_warning

    disagg = {
        q: estimate(
            database_version,
            mode="disagg",
            prefill_tp_size=tensor_parallel,
            prefill_batch_size=1,
            prefill_num_workers=1,
            decode_tp_size=tensor_parallel,
            decode_batch_size=q,
            decode_num_workers=1,
            **shape,
        )
        for q in CONCURRENT
    }
    prefill = estimate(database_version, mode="static_ctx", tp_size=tensor_parallel, batch_size=1, **shape)
    points = {q: {k: agg(q, k) for k in PROMPTS_PER_STEP if k <= q and k * isl <= MOST_CONTEXT_TOKENS} for q in CONCURRENT}
    return shape | {
        "capacity": largest(fits, MOST_CONCURRENT),
        "agg": {
            q: kept
            for q, by_prompts in points.items()
            if (kept := {k: [round(float(p.ttft), 3), round(float(p.tpot), 3)] for k, p in by_prompts.items() if p})
        },
        "prefill": round(float(prefill.ttft), 3),
        "tpot": {q: round(float(p.tpot), 3) for q, p in disagg.items() if p},
    }


def largest(fits, most: int) -> int:
    """The largest number up to `most` that fits, when all below it fit too; at least 1."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def main(path: str) -> None:
    database_version = get_latest_database_version(system=SYSTEM, backend=BACKEND)
    shapes = [(tp, isl, osl) for tp in TENSOR_PARALLEL for isl in INPUT_LENGTHS for osl in OUTPUT_LENGTHS]
    with ProcessPoolExecutor(2) as pool:
        curves = list(pool.map(curve, [database_version] * len(shapes), *zip(*shapes), chunksize=10))
    by_shape = {tp: [c for (t, _, _), c in zip(shapes, curves) if t == tp] for tp in TENSOR_PARALLEL}
    document = {
        "aiconfigurator": version("aiconfigurator"),
        "databaseVersion": database_version,
        "model": MODEL,
        "system": SYSTEM,
        "backend": BACKEND,
        "tensorParallel": by_shape,
    }
    with open(path, "w") as file:
        json.dump(document, file)
    print(f"{len(curves)} curves of {MODEL} on {SYSTEM}, database {database_version}")


if __name__ == "__main__":
    main(sys.argv[1])
