"""A service that admits so many requests a second, simulated on a virtual clock."""

from __future__ import annotations

import heapq
import random

from openrouter_embeddings._bulk.pace import Pace


def simulate(rate, *, burst, retry_after, latency=0.2, seconds=300.0, warm_up=60.0):
    """Run against a service that admits so many requests a second, like a bucket that fills.

    Returns:
        The throughput as a share of the rate, and the share of requests refused, after the warm-up.
    """
    draw = random.Random(0)
    pace, now, filled, tokens = Pace(max_in_flight=64), 0.0, 0.0, float(burst)
    under_way: list[tuple[float, float, bool]] = []
    admitted = refused = 0
    while now < seconds:
        wait = pace.wait(now)
        if wait == 0:
            began = pace.begin(now)
            tokens, filled = min(float(burst), tokens + (now - filled) * rate), now
            good = tokens >= 1
            tokens -= good
            duration = latency * draw.uniform(0.8, 1.2) if good else 0.01
            heapq.heappush(under_way, (now + duration, began, good))
        elif under_way and under_way[0][0] <= now + wait:
            now, began, good = heapq.heappop(under_way)
            pace.on_end()
            if good:
                pace.on_success()
                admitted += now > warm_up
            else:
                pace.on_refusal(began, now, retry_after)
                refused += now > warm_up
        else:
            now += wait
    return admitted / (seconds - warm_up) / rate, refused / (admitted + refused)
