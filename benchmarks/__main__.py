"""`./run bench [NAME …]`: every benchmark, or those named."""

from __future__ import annotations

import argparse
import asyncio

import uvloop

from benchmarks import history, latency, memory, permission, throughput
from benchmarks.machine import describe

BENCHMARKS = {
    "throughput": throughput.run,
    "latency": latency.run,
    "memory": memory.run,
    "permission": permission.run,
    "history": history.run,
}


async def main() -> None:
    """Run what was asked for, one after another, each on a fresh gateway."""
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--minutes", type=float, default=10.0, help="how long `memory` runs (10)")
    words = parser.parse_args()
    unknown = set(words.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {min(unknown)!r}")
    print(describe())
    for name in words.names or BENCHMARKS:
        print(f"\n{name}", flush=True)
        await BENCHMARKS[name](words.minutes)


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main())
