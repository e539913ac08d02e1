"""`python3 -m dynamo.trtllm`: start the worker that AIConfigurator's manifests ask for."""

import asyncio
import sys
import time

import uvloop

from .settings import SettingsError, parse


def main() -> int:
    try:
        settings = parse(sys.argv[1:])
    except SettingsError as error:
        print(f"mock: {error}", file=sys.stderr)
        return 2
    print(f"mock: {settings}", flush=True)
    if settings.faults.crash_at_start:
        print("mock: exits at start, as BCMP_MOCK_CRASH_AT_START asks", file=sys.stderr)
        return 1
    if settings.faults.oom_at_start:
        from .memory import exhaust

        return exhaust()
    uvloop.run(serve(settings) if settings.faults.register else idle(settings))
    return 0


async def serve(settings) -> None:
    from dynamo.common.backend.worker import Worker

    from .engine import TableEngine, worker_config

    started = time.monotonic()
    engine = TableEngine(settings)
    print(f"mock: latency table read in {time.monotonic() - started:.2f} s", flush=True)
    await Worker(engine, worker_config(settings)).run()


async def idle(settings) -> None:
    """Up and healthy, and never registers a model: what a worker stuck behind its weights looks like."""
    import os
    import signal

    from dynamo.common.utils.runtime import create_runtime

    runtime, loop = create_runtime(
        os.environ.get("DYN_DISCOVERY_BACKEND", "etcd"),
        os.environ.get("DYN_REQUEST_PLANE", "tcp"),
        os.environ.get("DYN_EVENT_PLANE"),
    )
    runtime.set_health_status(True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    runtime.shutdown()


if __name__ == "__main__":
    sys.exit(main())
