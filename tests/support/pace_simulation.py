"""Services that bound what they admit, simulated on a virtual clock."""

from __future__ import annotations

import heapq
import random
from bisect import bisect
from itertools import count
from typing import TYPE_CHECKING

from openrouter_embeddings._bulk.pace import Pace

if TYPE_CHECKING:
    from openrouter_embeddings._bulk.rate import Admission


def simulate(rate, *, burst, retry_after, latency=0.2, seconds=300.0, warm_up=60.0):
    """Run against a service that admits so many requests a second, like a bucket that fills.

    Returns:
        The throughput as a share of the rate, and the share of requests refused, after the warm-up.
    """
    draw = random.Random(0)
    pace, now, filled, tokens = Pace(max_in_flight=64), 0.0, 0.0, float(burst)
    under_way: list[tuple[float, float, bool, int, Admission]] = []
    serial = count()
    admitted = refused = 0
    while now < seconds:
        wait = pace.wait(now)
        if wait == 0:
            began = pace.begin(now)
            tokens, filled = min(float(burst), tokens + (now - filled) * rate), now
            good = tokens >= 1
            tokens -= good
            duration = latency * draw.uniform(0.8, 1.2) if good else 0.01
            heapq.heappush(under_way, (now + duration, now, good, next(serial), began))
        elif under_way and under_way[0][0] <= now + wait:
            now, _, good, _, began = heapq.heappop(under_way)
            answer(pace, began, now, admitted=good, retry_after=retry_after)
            admitted += good and now > warm_up
            refused += not good and now > warm_up
        else:
            now += wait
    return admitted / (seconds - warm_up) / rate, refused / (admitted + refused)


class HiddenWindow:
    """A service that admits so many requests within so many seconds, and names neither number.

    A fixed window begins at whole multiples of its length, moved by a phase; without a phase the
    window slides.
    """

    def __init__(self, count, seconds, phase=None):
        self.count, self.seconds, self.phase = count, seconds, phase
        self.admitted: list[float] = []
        self.refused: list[float] = []

    def admits(self, now):
        since = now - self.seconds
        if self.phase is not None:
            since = self._number(now) * self.seconds - self.phase * self.seconds - 1e-9
        good = sum(at > since for at in self.admitted) < self.count
        (self.admitted if good else self.refused).append(now)
        return good

    def _number(self, now):
        return (now / self.seconds + (self.phase or 0.0)) // 1

    def ideal(self, total):
        """Return the least seconds until so many requests have begun."""
        lost = (self.phase or 0.0) * self.seconds
        return (total - 1) // self.count * self.seconds - lost

    def refusals_by_window(self):
        """Return how many were refused after each window was full, from the first on."""
        full = [bisect(self.admitted, at) // self.count for at in self.refused]
        return [full.count(number) for number in range(len(self.admitted) // self.count + 1)]


def deliver(pace, admits, total, *, latency=0.2, seed=0, retry_after=None, start=0.0):
    """Have so many requests admitted, each repeated until it is; return when that was done."""
    draw, serial, now, done = random.Random(seed), count(), start, 0
    under_way: list[tuple[float, int, Admission, bool]] = []
    while done < total:
        wait = pace.wait(now)
        if wait == 0 and done + sum(good for *_, good in under_way) < total:
            good = admits(now)
            duration = latency * draw.uniform(0.8, 1.2) if good else 0.01
            heapq.heappush(under_way, (now + duration, next(serial), pace.begin(now), good))
        elif under_way and (wait == 0 or under_way[0][0] <= now + wait):
            now, _, admission, good = heapq.heappop(under_way)
            done += good
            answer(pace, admission, now, admitted=good, retry_after=retry_after)
        else:
            now += wait
    return now


def answer(pace, admission, now, *, admitted=True, retry_after=None, tokens=None):
    """Tell the pace of an answer, as a run does."""
    pace.on_reply(admission, now, admitted=admitted)
    if admitted:
        pace.on_success(admission, tokens)
    else:
        pace.on_refusal(admission, now, retry_after)
    pace.on_end(admission)
