"""Running out of memory, within the container's limit only."""

import sys
import time
from pathlib import Path

LIMIT_FILES = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
# cgroup v1 writes a huge number for "no limit".
LARGEST_REAL_LIMIT = 1 << 40
CHUNK = 64 << 20


def limit_bytes() -> int | None:
    """The container's memory limit, if it has one."""
    for path in LIMIT_FILES:
        if path.exists():
            text = path.read_text().strip()
            if text.isdecimal() and int(text) < LARGEST_REAL_LIMIT:
                return int(text)
    return None


def exhaust() -> int:
    """Allocate until the kernel kills this process; refuses without a limit, so that no node is emptied."""
    limit = limit_bytes()
    if limit is None:
        print("mock: BCMP_MOCK_OOM_AT_START needs resources.limits.memory on this container", file=sys.stderr)
        return 2
    print(f"mock: allocates past the limit of {limit >> 20} MiB, as BCMP_MOCK_OOM_AT_START asks", flush=True)
    held = []
    while len(held) * CHUNK < 2 * limit:
        held.append(b"\xff" * CHUNK)
        time.sleep(0.01)
    print("mock: still alive past the memory limit", file=sys.stderr)
    return 1
