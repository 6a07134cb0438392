"""Interrupt runs with a cache at random moments, and compare what is kept with what was computed.

    python -m nox -s interrupts

Rows for Ctrl-C and cancellation, once and twice, with both clients, and for programs that end while
a stream is half read. It exits 1 where a vector is lost, is wrong, or an interrupt is swallowed.
After a second interrupt, what had come by then is to be kept; else all that the server computed is.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from attrs import define, field, frozen

from openrouter_embeddings import AsyncOpenRouter, Limits, OpenRouter
from openrouter_embeddings._bulk.attempts import Attempts
from openrouter_embeddings.cache import EmbeddingCache, KeyMaker
from openrouter_embeddings.testing import FaultServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from openrouter_embeddings._bulk.attempts import Attempt

MODEL = "test/embedding"
TEXTS = [f"text {number}" for number in range(400)]
LIMITS = Limits(max_batch=10, max_in_flight=6)
DELAY = 0.01  # of each reply, in seconds
GIVE_UP = 120  # seconds after which a run hangs


@define(eq=False)
class Arrivals:
    """Counts the inputs whose replies have come to the client."""

    count: int = field(init=False, default=0)
    _lock: threading.Lock = field(init=False, factory=threading.Lock)

    def counting(self) -> Any:  # noqa: ANN401 - a patch
        """Count, as a context."""
        original = Attempts.on_reply

        def on_reply(of: Attempts, attempt: Attempt, answer: Any, now: float) -> None:  # noqa: ANN401 - passed on
            original(of, attempt, answer, now)
            with self._lock:
                self.count += len(attempt.batch.slots)

        return patch.object(Attempts, "on_reply", on_reply)


@frozen
class Case:
    """One run that is interrupted.

    Attributes:
        server: What it asks.
        path: Its cache.
        waits: Seconds before each interrupt, after the one before.
        way: ``"embed"`` or ``"stream"``.
        arrivals: What has come.
        marks: What had come at each interrupt.
    """

    server: FaultServer
    path: str
    waits: tuple[float, ...]
    way: str
    arrivals: Arrivals
    marks: list[int] = field(factory=list)

    def mark(self) -> None:
        """Note what has come."""
        self.marks.append(self.arrivals.count)

    def embed(self) -> None:
        """Embed all texts with the synchronous client."""
        more: Any = {"model": MODEL, "cache": self.path, "limits": LIMITS}
        with OpenRouter(self.server.api_key, base_url=self.server.base_url) as client:
            if self.way == "embed":
                client.embeddings.embed(TEXTS, **more)
            else:
                for _ in client.embeddings.stream(iter(TEXTS), **more):
                    pass

    async def aembed(self) -> None:
        """Embed all texts with the asynchronous client."""
        more: Any = {"model": MODEL, "cache": self.path, "limits": LIMITS}
        async with AsyncOpenRouter(self.server.api_key, base_url=self.server.base_url) as client:
            if self.way == "embed":
                await client.embeddings.embed(TEXTS, **more)
            else:
                async for _ in client.embeddings.stream(iter(TEXTS), **more):
                    await asyncio.sleep(0.001)


def press(case: Case, left: threading.Event) -> None:
    """Press Ctrl-C at its moments; the first in any case, a second one while the run is there."""
    for wait in case.waits:
        time.sleep(wait)
        if case.marks and left.is_set():
            return
        case.mark()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def interrupted(case: Case, work: Callable[[], object]) -> bool:
    """Do something under Ctrl-C; say whether that was raised here."""
    left = threading.Event()
    presser = threading.Thread(target=press, args=(case, left))
    try:
        try:
            presser.start()
            work()
        finally:
            left.set()
            presser.join()
            time.sleep(0.001)  # the handler runs between two steps
    except KeyboardInterrupt:
        with suppress(KeyboardInterrupt):
            presser.join()
            time.sleep(0.001)
        return True
    except RuntimeError as exc:
        # asyncio's own, where Ctrl-C comes between the end of the main task and that of its loop.
        return str(exc).startswith("Event loop stopped before")
    return False


def by_ctrl_c(case: Case) -> bool:
    """Interrupt the synchronous client."""
    return interrupted(case, case.embed)


def by_ctrl_c_in_loop(case: Case) -> bool:
    """Interrupt the asynchronous client under `asyncio.run`."""
    return interrupted(case, lambda: asyncio.run(case.aembed()))


def by_cancel(case: Case) -> bool:
    """Cancel the task of the asynchronous client; say whether it was, or had ended before."""

    async def run() -> bool:
        task = asyncio.create_task(case.aembed())
        for wait in case.waits:
            await asyncio.wait([task], timeout=wait)
            if not task.done():
                case.mark()
                task.cancel()
        await asyncio.wait([task])
        return task.cancelled() or not case.marks

    return asyncio.run(run())


@define
class Tally:
    """A row of the table.

    Attributes:
        what: What was done.
        runs: How often.
        hit: How many runs were not whole.
        computed: Inputs that the server computed.
        due: Inputs that were to be kept.
        kept: Inputs that the cache has.
        lost: Inputs that were to be kept and are not there.
        wrong: Vectors in the cache that are not those of the server.
        swallowed: Runs that nobody was told of the interrupt, or that said more than that.
    """

    what: str
    runs: int = 0
    hit: int = 0
    computed: int = 0
    due: int = 0
    kept: int = 0
    lost: int = 0
    wrong: int = 0
    swallowed: int = 0

    def add(self, server: FaultServer, path: str, due: int, texts: list[str]) -> None:
        """Compare the cache with what it was to keep."""
        keys = KeyMaker(model=MODEL, source=server.base_url).keys(texts)
        with EmbeddingCache(path) as cache:
            found = cache.get(keys)
        right = {key: server.vector(text) for key, text in zip(keys, texts, strict=True)}
        self.runs += 1
        self.hit += len(found) < len(texts)
        self.computed += server.inputs_embedded
        self.due += due
        self.kept += len(found)
        self.lost += max(0, due - len(found))
        self.wrong += sum(not np.array_equal(each, right[key]) for key, each in found.items())

    def show(self) -> bool:
        """Print the row, and say whether all promises were kept."""
        kept = not (self.lost or self.wrong or self.swallowed)
        print(
            f"| {self.what} | {self.runs} | {self.hit} | {self.computed} | {self.due} | {self.kept}"
            f" | {self.lost} | {self.wrong} | {self.swallowed} | {'' if kept else 'BROKEN'} |",
            flush=True,
        )
        return kept


def measure(
    what: str, act: Callable[[Case], bool], way: str, runs: int, rng: random.Random, *, twice: bool
) -> bool:
    """Interrupt so many runs, and print a row."""
    tally, seconds = Tally(f"{what}, {way}"), duration(act, way)
    for _ in range(runs):
        faulthandler.dump_traceback_later(GIVE_UP, exit=True)
        waits = (rng.uniform(0, seconds), *([rng.uniform(0, 2 * DELAY)] if twice else []))
        arrivals = Arrivals()
        with (
            FaultServer(delay=DELAY) as server,
            tempfile.TemporaryDirectory() as folder,
            arrivals.counting(),
        ):
            case = Case(server, f"{folder}/cache", waits, way, arrivals)
            tally.swallowed += not act(case)
            two = len(case.marks) > 1
            tally.add(server, case.path, case.marks[1] if two else server.inputs_embedded, TEXTS)
    faulthandler.cancel_dump_traceback_later()
    return tally.show()


def duration(act: Callable[[Case], bool], way: str) -> float:
    """Take the seconds of a run that nobody interrupts: the second, since modules are loaded."""
    for _ in range(2):
        with FaultServer(delay=DELAY) as server, tempfile.TemporaryDirectory() as folder:
            case = Case(server, f"{folder}/cache", (), way, Arrivals())
            began = time.perf_counter()
            asyncio.run(case.aembed()) if act is by_cancel else act(case)
            seconds = time.perf_counter() - began
    return seconds


# A program that reads so many batches of a stream, and ends in one of several ways.
PROGRAM = """
import asyncio, sys, threading
from openrouter_embeddings import AsyncOpenRouter, Limits, OpenRouter
url, key, path, way, end, batches = sys.argv[1:]
texts = [f"text {number}" for number in range(5000)]
limits = Limits(max_batch=10, max_in_flight=6)
kept = []

def begin(kind):
    client = kind(key, base_url=url)
    return client.embeddings.stream(texts, model="test/embedding", cache=path, limits=limits)

def read(reached):
    stream = begin(OpenRouter)
    for _ in range(int(batches)):
        next(stream)
    if "kept" in way:
        kept.append(stream)
    reached.set()
    if way == "read on by a thread":
        for _ in stream:
            pass

async def aread():
    stream = begin(AsyncOpenRouter)
    for _ in range(int(batches)):
        await anext(stream)
    if "kept" in way:
        kept.append(stream)
    finish()

def finish():
    if end == "exit":
        sys.exit(3)
    if end == "error":
        raise ValueError("not ours")

reached = threading.Event()
if way.startswith("async"):
    asyncio.run(aread())
elif "thread" in way:
    threading.Thread(target=read, args=(reached,), daemon=True).start()
    reached.wait()
else:
    read(reached)
finish()
"""
PROGRAMS = (
    "sync, kept",
    "sync, dropped",
    "async, kept",
    "async, dropped",
    "kept by a thread",
    "read on by a thread",
)
ENDS = {"return": 0, "exit": 3, "error": 1}
ALL = [f"text {number}" for number in range(5000)]


def measure_exit(way: str, runs: int, rng: random.Random) -> bool:
    """End so many programs with a stream that is half read, and print a row."""
    tally = Tally(f"half read at exit: {way}")
    for turn in range(runs):
        end = list(ENDS)[turn % len(ENDS)]
        with FaultServer(delay=DELAY) as server, tempfile.TemporaryDirectory() as folder:
            path, batches = f"{folder}/cache", str(rng.randint(1, 20))
            words = [server.base_url, server.api_key, path, way, end, batches]
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, *words],
                capture_output=True,
                text=True,
                check=False,
                timeout=GIVE_UP,
            )
            tally.add(server, path, server.inputs_embedded, ALL)
        clean = done.stderr == "" if end != "error" else done.stderr.count("Traceback") == 1
        if not clean or done.returncode != ENDS[end]:
            tally.swallowed += 1
            sys.stderr.write(f"{way}, {end}: exit {done.returncode}\n{done.stderr}\n")
    return tally.show()


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300, help="runs of each interrupt")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(
        "| what | runs | not whole | computed | to be kept | kept | lost | wrong | not as told | |"
    )
    print("|---" * 10 + "|")
    rows = (
        ("sync, Ctrl-C", by_ctrl_c, False),
        ("async, Ctrl-C", by_ctrl_c_in_loop, False),
        ("async, task.cancel", by_cancel, False),
        ("sync, Ctrl-C twice", by_ctrl_c, True),
        ("async, Ctrl-C twice", by_ctrl_c_in_loop, True),
        ("async, task.cancel twice", by_cancel, True),
    )
    runs = given.runs // 2  # in each way
    kept = [
        measure(what, act, way, runs, random.Random(f"{given.seed} {what} {way}"), twice=twice)
        for what, act, twice in rows
        for way in ("embed", "stream")
    ]
    exits = max(3, given.runs // 20)
    kept += [measure_exit(way, exits, random.Random(f"{given.seed} {way}")) for way in PROGRAMS]
    print(f"{len(kept) - sum(kept)} of {len(kept)} rows break a promise")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
