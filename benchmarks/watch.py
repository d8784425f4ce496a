"""How fast the live view is: a file with 0, 1 and 8 viewers, as fast as it can be looked at.

.venv/bin/python benchmarks/watch.py VIDEO [--estimator bottomup --openpose_model hpe-0001] [--viewers 0 1 8]

Beside the frames a second stands the computing time of a frame: on a machine that others use too, it tells more.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from web_app.watch.estimators import Networks, load_networks
from web_app.watch.people import Estimator
from web_app.watch.sources import source_of
from web_app.watch.store import open_store, sqlite_url
from web_app.watch.watcher import Watcher
from web_app.watch.writing import EventWriter


async def viewed(watcher: Watcher, viewers: int) -> tuple[float, int]:
    """Seconds for the whole file, and how many pictures the viewers got."""
    slots = [watcher.hub.join() for _ in range(viewers)]
    got = 0

    async def look(slot: int) -> None:
        nonlocal got
        while True:
            got += await slots[slot].next(1.0) is not None

    tasks = [asyncio.create_task(look(slot)) for slot in range(viewers)]
    begun = time.perf_counter()
    watcher.start("bench")
    await asyncio.to_thread(watcher.wait, 3600)
    seconds = time.perf_counter() - begun
    for task in tasks:
        task.cancel()
    for slot in slots:
        watcher.hub.leave(slot)
    return seconds, got


def main() -> int:
    """Prints a line a number of viewers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video")
    parser.add_argument("--estimator", choices=("topdown", "bottomup"), default="topdown")
    parser.add_argument("--weights", choices=("auto", "published", "lite"), default="lite")
    parser.add_argument("--openpose_model", default="auto", help="of bottomup")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--viewers", type=int, nargs="+", default=[0, 1, 8])
    args = parser.parse_args()
    asked = Networks(args.estimator, precision=args.precision, weights=args.weights, openpose_model=args.openpose_model)
    networks: Estimator = load_networks(asked)
    print(f"{args.video}: {networks.model}, {networks.precision}")
    with tempfile.TemporaryDirectory() as folder:
        for number in args.viewers:
            writer = EventWriter(open_store(sqlite_url(Path(folder) / f"{number}.sqlite")))
            watcher = Watcher({"bench": source_of("bench", args.video)}, writer, lambda: networks, paced=False)
            watcher.open()
            computed = time.process_time()
            seconds, got = asyncio.run(viewed(watcher, number))
            computed = time.process_time() - computed
            status = watcher.status()
            if status["state"] != "ended":
                sys.exit(f"{status['problem']}: {status['remedy']}")
            frames, inference = status["frame"] + 1, status["inference_ms"]
            print(
                f"{number} viewers: {frames / seconds:.1f} frames/s of {frames}; inference p50 {inference['p50']} ms, "
                f"p95 {inference['p95']} ms; {1000 * computed / frames:.0f} ms of computing time a frame; "
                f"{got} pictures fetched"
            )
            watcher.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
