"""The pace of a bulk run, against simulated services on a virtual clock."""

from __future__ import annotations

import heapq
import math
import random

import pytest
from pace_simulation import simulate

from openrouter_embeddings._bulk.pace import Pace


@pytest.mark.parametrize("rate", [2, 10, 50, 200])
@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_the_rate_that_is_admitted_is_found_and_kept(rate, retry_after):
    """Within a tenth of the rate, with fewer than one request in twenty refused."""
    throughput, refused = simulate(rate, burst=5, retry_after=retry_after)

    assert 0.9 <= throughput <= 1.1
    assert refused < 0.05


@pytest.mark.parametrize("retry_after", [None, 0.0])
@pytest.mark.parametrize("every", [6, 12, 20, 40])
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_refusals_by_chance_do_not_bring_a_run_to_a_stand(every, seed, retry_after):
    """However slow the run, one request in so many is refused; slowing down is no way out."""
    draw = random.Random(seed)
    pace, now, begun, done = Pace(max_in_flight=16), 0.0, 0, 0
    under_way: list[tuple[float, float, bool]] = []
    while done < 2_000:
        wait = pace.wait(now)
        if wait == 0:
            begun += 1
            admitted = begun % every != 0 if seed is None else draw.random() > 1 / every
            heapq.heappush(under_way, (now + 0.05, pace.begin(now), admitted))
        elif under_way and under_way[0][0] <= now + wait:
            now, began, good = heapq.heappop(under_way)
            done += good
            pace.on_end()
            pace.on_success() if good else pace.on_refusal(began, now, retry_after)
        else:
            now += wait

    # Sixteen at a time and twenty rounds a second are 320 a second.
    assert now < 4 * 2_000 / 320


def test_it_begins_low_and_grows_to_its_bound():
    """More with each success, never more than allowed."""
    pace = Pace(max_in_flight=10)
    seen = []
    for _ in range(20):
        while pace.wait(0.0) == 0:
            pace.begin(0.0)
        seen.append(pace.in_flight)
        while pace.in_flight:
            pace.on_end()
            pace.on_success()

    assert seen[0] == 4
    assert max(seen) == seen[-1] == pace.highest == 10


def test_a_full_pace_waits_for_answers():
    """Time alone does not help."""
    pace = Pace(max_in_flight=1)
    pace.begin(0.0)

    assert pace.wait(1e9) == math.inf
    pace.on_end()
    assert pace.wait(1e9) == 0


def test_one_retry_after_holds_the_whole_run():
    """And the seconds are counted once, however many say the same."""
    pace = Pace(max_in_flight=8)
    began = [pace.begin(0.0) for _ in range(3)]
    for start in began:
        pace.on_refusal(start, 1.0, 5.0)
        pace.on_end()

    assert pace.wait(1.0) >= 5.0
    assert pace.throttled == 5.0
    assert pace.refusals == 3


def test_one_round_of_refusals_cuts_once():
    """Requests that began before the cut say nothing new."""
    pace = Pace(max_in_flight=64)
    pace.limit = 20.0
    began = [pace.begin(0.0) for _ in range(20)]
    for start in began:
        pace.on_refusal(start, 1.0, None)
        pace.on_end()

    assert pace.limit == pytest.approx(14.0)


def test_an_early_refusal_does_not_settle_the_rate():
    """The first request may have been refused by chance; one more will tell."""
    pace = Pace(max_in_flight=64)
    pace.on_refusal(pace.begin(0.0), 0.1, None)
    pace.on_end()
    assert pace.rate is None

    pace.on_refusal(pace.begin(0.2), 0.3, None)
    pace.on_end()
    assert pace.rate is not None


def test_it_never_stops_altogether():
    """Whatever happens, one request may still begin some time."""
    pace = Pace(max_in_flight=64)
    now = 0.0
    for _ in range(100):
        now += pace.wait(now)
        began, now = pace.begin(now), now + 0.1
        pace.on_refusal(began, now, None)
        pace.on_end()

    assert pace.limit == 1.0
    assert pace.wait(now) < 60


def test_it_recovers_when_the_service_does():
    """What was refused for long is tried again, faster and faster."""
    pace = Pace(max_in_flight=64)
    for number in range(10):
        pace.on_refusal(pace.begin(float(number)), number + 0.1, None)
        pace.on_end()
    slow, now = pace.rate, 9.1
    for _ in range(1_000):
        now += pace.wait(now)
        pace.begin(now)
        pace.on_end()
        pace.on_success()

    assert slow < 5 < pace.rate
    assert now < 120


def test_a_rate_that_nobody_uses_does_not_grow():
    """After a quiet hour, a refusal must still mean something."""
    pace = Pace(max_in_flight=64)
    for start in (0.0, 1.0):
        pace.on_refusal(pace.begin(start), start + 0.1, None)
        pace.on_end()
    before = pace.rate
    assert before is not None
    for now in range(60, 3600, 60):
        pace.begin(float(now))
        pace.on_end()
        pace.on_success()

    assert pace.rate == before
