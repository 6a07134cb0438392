"""The pace of a bulk run, against simulated services on a virtual clock."""

from __future__ import annotations

import math
import random
import threading
from itertools import pairwise

import pytest
from pace_simulation import HiddenWindow, answer, deliver, simulate

from openrouter_embeddings._bulk.pace import Pace, Quota


@pytest.mark.parametrize("rate", [2, 10, 50, 200])
@pytest.mark.parametrize("retry_after", [None, 1.0])
def test_the_rate_that_is_admitted_is_found_and_kept(rate, retry_after):
    """Within a tenth of the rate, with fewer than one request in twenty refused."""
    throughput, refused = simulate(rate, burst=5, retry_after=retry_after)

    assert 0.9 <= throughput <= 1.1
    assert refused < 0.05


def by_chance(every, seed):
    """Refuse every so many-th request, or so many by chance."""
    draw, begun = random.Random(seed), iter(range(1, 1_000_000))
    if seed is None:
        return lambda _: next(begun) % every != 0
    return lambda _: draw.random() > 1 / every


@pytest.mark.parametrize("retry_after", [None, 0.0])
@pytest.mark.parametrize("every", [6, 12, 20, 40])
@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_refusals_by_chance_do_not_bring_a_run_to_a_stand(every, seed, retry_after):
    """However slow the run, one request in so many is refused; slowing down is no way out."""
    pace, admits = Pace(max_in_flight=16), by_chance(every, seed)
    took = deliver(pace, admits, 2_000, latency=0.05, retry_after=retry_after)

    # Sixteen at a time and twenty rounds a second are 320 a second.
    assert took < 4 * 2_000 / 320


@pytest.mark.parametrize("every", [6, 12, 20, 40])
def test_one_refusal_in_so_many_costs_less_than_half_the_time(every):
    """At most 1.5 times what the run would take without any."""
    took = deliver(Pace(max_in_flight=16), by_chance(every, None), 2_000, latency=0.05)

    assert took < 1.5 * 2_000 / 320


WINDOWS = [(20, 60.0), (5, 20.0), (1, 30.0)]


@pytest.mark.parametrize(("count", "seconds"), WINDOWS)
@pytest.mark.parametrize("phase", [None, 0.0, 0.3, 0.7])
@pytest.mark.parametrize("latency", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_window_that_nobody_names_is_learnt(count, seconds, phase, latency, seed):
    """All is delivered in 1.3 times the ideal; at most two refusals a window after the second."""
    service = HiddenWindow(count, seconds, phase)
    took = deliver(Pace(max_in_flight=16), service.admits, 10 * count, latency=latency, seed=seed)

    assert len(service.admitted) == 10 * count
    assert took <= 1.3 * service.ideal(10 * count)
    # Number 0 is what came before the first window was full.
    assert max(service.refusals_by_window()[3:]) <= 2


@pytest.mark.parametrize(("count", "seconds"), WINDOWS)
@pytest.mark.parametrize("latency", [0.05, 0.2, 1.0])
def test_a_window_that_is_nearly_over_costs_one_more(count, seconds, latency):
    """The stub that the run begins in tells nothing, and is not counted with the next window."""
    service = HiddenWindow(count, seconds, phase=0.95)
    took = deliver(Pace(max_in_flight=16), service.admits, 10 * count, latency=latency)

    assert took <= 1.3 * service.ideal(10 * count)
    assert max(service.refusals_by_window()[4:]) <= 2


def test_a_window_that_grows_is_noticed():
    """One request more is tried now and then, and the next at once where that was admitted."""
    service, pace = HiddenWindow(5, 20.0), Pace(max_in_flight=16)
    changed = deliver(pace, service.admits, 25)
    service.count = 10
    took = deliver(pace, service.admits, 200, start=changed) - changed

    assert took < 1.5 * 200 / 10 * 20


def test_a_window_that_shrinks_is_learnt_anew():
    """After two windows of the new kind, few are refused again."""
    service, pace = HiddenWindow(20, 60.0), Pace(max_in_flight=16)
    changed = deliver(pace, service.admits, 100)
    service.count = 5
    took = deliver(pace, service.admits, 50, start=changed) - changed

    assert took <= 1.3 * 50 / 5 * 60
    assert sum(at > changed + 3 * 60 for at in service.refused) <= 2 * 8


def test_one_outage_makes_no_window():
    """A service that was down for a while and said nothing is used at full speed again."""
    pace = Pace(max_in_flight=16)
    took = deliver(pace, lambda now: not 1.0 < now < 61.0, 4_000, latency=0.05)

    # The gap to the next probe is a quarter of the silence.
    assert took < 61 + 15 + 1.5 * 4_000 / 320


def test_a_silence_is_probed_by_one_request_at_a_time():
    """However many may be in flight: each would be refused."""
    pace, now = Pace(max_in_flight=16), 0.0
    for _ in range(20):
        now += pace.wait(now)
        answer(pace, pace.begin(now), now + 0.01, admitted=False)
        now += 0.01
    now += pace.wait(now)
    probe = pace.begin(now)

    assert pace.wait(now + 60) == math.inf
    pace.limit = 8.0
    assert pace.wait(now + 60) == math.inf
    pace.on_end(probe)
    assert pace.wait(now + 60) == 0


def test_a_wait_that_is_named_ends_all_guessing():
    """Whoever says when to come back need not be probed."""
    pace = Pace(max_in_flight=16)
    for start in range(10):
        answer(pace, pace.begin(float(start)), start + 0.01, admitted=False)
    probe = pace.begin(40.0)
    assert pace.wait(45.0) == math.inf
    answer(pace, probe, 40.0, admitted=False, retry_after=3.0)

    assert pace.hold(41.0) == 2.0
    pace.limit = 4.0
    pace.begin(90.0)
    assert pace.wait(120.0) == 0


def test_it_begins_low_and_grows_to_its_bound():
    """More with each success, never more than allowed."""
    pace = Pace(max_in_flight=10)
    seen = []
    for _ in range(20):
        begun = []
        while pace.wait(0.0) == 0:
            begun.append(pace.begin(0.0))
        seen.append(pace.in_flight)
        for admission in begun:
            answer(pace, admission, 0.0)

    assert seen[0] == 4
    assert max(seen) == seen[-1] == pace.highest == 10


def test_a_full_pace_waits_for_answers():
    """Time alone does not help."""
    pace = Pace(max_in_flight=1)
    admission = pace.begin(0.0)

    assert pace.wait(1e9) == math.inf
    pace.on_reply(admission, 1.0, admitted=True)
    assert pace.wait(1e9) == 0


def test_one_retry_after_holds_the_whole_run():
    """And the seconds are counted once, however many say the same."""
    pace = Pace(max_in_flight=8)
    began = [pace.begin(0.0) for _ in range(3)]
    for start in began:
        answer(pace, start, 1.0, admitted=False, retry_after=5.0)

    assert pace.wait(1.0) >= 5.0
    assert (pace.hold(1.0), pace.hold(5.5), pace.hold(7.0)) == (5.0, 0.5, 0.0)
    assert pace.throttled == 5.0
    assert pace.refusals == 3


def test_one_round_of_refusals_cuts_once():
    """Requests that began before the cut say nothing new."""
    pace = Pace(max_in_flight=64)
    pace.limit = 20.0
    began = [pace.begin(0.0) for _ in range(20)]
    for start in began:
        answer(pace, start, 1.0, admitted=False)

    assert pace.limit == pytest.approx(14.0)


def test_an_early_refusal_does_not_settle_the_rate():
    """The first request may have been refused by chance; one more will tell."""
    pace = Pace(max_in_flight=64)
    answer(pace, pace.begin(0.0), 0.1, admitted=False)
    assert pace.rate is None

    answer(pace, pace.begin(0.2), 0.3, admitted=False)
    assert pace.rate is not None


def test_it_never_stops_altogether():
    """Whatever happens, one request may still begin some time."""
    pace = Pace(max_in_flight=64)
    now = 0.0
    for _ in range(100):
        now += pace.wait(now)
        began, now = pace.begin(now), now + 0.1
        answer(pace, began, now, admitted=False)

    assert pace.limit == 1.0
    assert pace.wait(now) < 60


def test_it_recovers_when_the_service_does():
    """What was refused for long is tried again, faster and faster."""
    pace = Pace(max_in_flight=64)
    for number in range(10):
        answer(pace, pace.begin(float(number)), number + 0.1, admitted=False)
    now = 9.1
    for _ in range(1_000):
        now += pace.wait(now)
        answer(pace, pace.begin(now), now)

    assert pace.rate is None or pace.rate > 5
    assert now < 120


def test_a_rate_that_nobody_uses_does_not_grow():
    """After a quiet hour, a refusal must still mean something."""
    pace = Pace(max_in_flight=64)
    for start in (0.0, 1.0):
        answer(pace, pace.begin(start), start + 0.1, admitted=False)
    before = pace.rate
    assert before is not None
    for now in range(60, 3600, 60):
        answer(pace, pace.begin(float(now)), float(now))

    assert pace.rate == before


def test_a_hold_is_none_before_one_was_named():
    """A run that was never held back has nothing to wait for."""
    assert Pace(max_in_flight=1).hold(1e9) == 0.0


def send_all(pace, requests, *, seed, refused=0.0):
    """Send requests of so many tokens over ways of any length; return when they arrived."""
    draw, now, arrived, under_way = random.Random(seed), 0.0, [], []
    waiting = [(count * draw.uniform(0.5, 1.5), count) for count in requests]
    while waiting or under_way:
        wait = pace.wait(now, waiting[0][0]) if waiting else math.inf
        if wait == 0:
            estimate, tokens = waiting.pop(0)
            there, back = draw.uniform(0.01, 8.0), draw.uniform(0.01, 8.0)
            arrived.append((now + there, tokens))
            again = (estimate, tokens) if draw.random() < refused else None
            under_way.append((now + there + back, len(arrived), pace.begin(now, estimate), again))
            under_way.sort()
        elif under_way and under_way[0][0] <= now + wait:
            now, number, admission, again = under_way.pop(0)
            waiting += [again] if again else []
            answer(pace, admission, now, admitted=not again, tokens=arrived[number - 1][1])
        else:
            assert wait < math.inf
            now += wait
    return sorted(arrived)


def fullest(arrived):
    """Return the most requests, and the most tokens, that arrived in any 60 seconds."""
    windows = [[n for at, n in arrived if start <= at < start + 60] for start, _ in arrived]
    return max(map(len, windows)), max(map(sum, windows))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("refused", [0.0, 0.1])
def test_no_minute_holds_more_requests_than_was_said(seed, refused):
    """By the times at which they reach the service, repeated ones included; nor much fewer."""
    pace = Pace(max_in_flight=64, quota=Quota(requests=60))
    arrived = send_all(pace, [100] * 300, seed=seed, refused=refused)

    assert fullest(arrived)[0] <= 60
    assert pace.refusals > 0 or len(arrived) == 300
    if not refused:
        assert arrived[-1][0] < 1.3 * 300


@pytest.mark.parametrize("seed", range(5))
def test_no_minute_holds_more_tokens_than_was_said(seed):
    """Whatever the estimates were, as long as the service counts as it did before."""
    pace = Pace(max_in_flight=64, quota=Quota(tokens=10_000))
    arrived = send_all(pace, [500] * 200, seed=seed)

    assert fullest(arrived)[1] <= 10_000
    assert arrived[-1][0] < 2 * 60 * 200 * 500 / 10_000


def test_a_request_of_more_tokens_than_a_minute_may_hold_goes_alone():
    """It waits until nothing else counts, and is not held for ever."""
    pace = Pace(max_in_flight=64, quota=Quota(tokens=1_000))
    answer(pace, pace.begin(0.0, 10), 1.0, tokens=10)

    assert pace.wait(1.0, 50_000) == pytest.approx(60.1)
    assert pace.wait(61.1, 50_000) == 0
    pace.begin(61.1, 50_000)
    assert pace.wait(61.1, 1) == math.inf


def test_estimated_tokens_count_more_until_the_service_has_counted():
    """At first for four times as many: no token is less than a byte."""
    pace = Pace(max_in_flight=64, quota=Quota(tokens=1_000))
    first = pace.begin(0.0, 200)
    assert pace.wait(0.0, 60) == math.inf
    assert pace.wait(0.0, 50) == 0

    answer(pace, first, 1.0, tokens=100)

    # Counted at half of the estimate: the next one is thought to be little more than that.
    assert pace.wait(1.0, 900 / 0.55 - 1) == 0
    assert pace.wait(1.0, 900 / 0.55 + 1) > 0


def test_a_count_that_nobody_gave_leaves_the_estimate():
    """Unknown is not zero."""
    for unknown in (None, 0):
        pace = Pace(max_in_flight=64, quota=Quota(tokens=1_000))
        answer(pace, pace.begin(0.0, 200), 1.0, tokens=unknown)

        assert pace.wait(1.0, 50) == 0
        assert pace.wait(1.0, 60) == pytest.approx(60.1)


def test_a_count_that_comes_late_changes_nothing_that_has_left():
    """A reply that is read after its minute is over must not be subtracted twice."""
    pace = Pace(max_in_flight=64, quota=Quota(tokens=1_000))
    late = pace.begin(0.0, 200)
    pace.on_reply(late, 1.0, admitted=True)
    second = pace.begin(30.0, 1)
    pace.on_reply(second, 31.0, admitted=True)
    assert pace.wait(62.0, 1) == 0
    pace.on_success(late, 100)

    # The second one alone counts: four tokens, since nobody has counted it.
    assert pace.wait(62.0, 996 / 0.55 - 1) == 0
    assert pace.wait(62.0, 996 / 0.55 + 1) == pytest.approx(31 + 60.1 - 62)


def test_without_a_quota_nothing_is_kept():
    """A run of a million requests needs no memory for what nobody asked for."""
    pace = Pace(max_in_flight=64)
    answer(pace, pace.begin(0.0, 1e9), 1.0, tokens=10)

    assert not pace.counts_tokens
    assert pace.quota == Quota()


def test_threads_that_share_a_pace_keep_to_its_bounds():
    """Eight runs at once, each asking and beginning under the lock."""
    pace = Pace(max_in_flight=3, lock=threading.RLock())
    gate = threading.Barrier(8)

    def run():
        gate.wait()
        for _ in range(200):
            admission = None
            while admission is None:
                with pace.lock:
                    admission = pace.begin(0.0) if pace.wait(0.0) == 0 else None
            answer(pace, admission, 0.0)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert pace.highest <= 3
    assert pace.in_flight == 0


class CountingLock:
    """A lock that counts how often it was taken."""

    def __init__(self):
        self.taken = 0

    def __enter__(self):
        self.taken += 1

    def __exit__(self, *_):
        pass


def test_each_step_takes_the_lock():
    """What is asked and what is told alike."""
    lock = CountingLock()
    pace = Pace(max_in_flight=3, lock=lock)
    steps = [
        lambda: pace.wait(0.0),
        lambda: pace.on_reply(first, 1.0, admitted=True),
        lambda: pace.on_success(first),
        lambda: pace.on_refusal(first, 1.0, None),
        lambda: pace.on_end(first),
    ]
    first = pace.begin(0.0)
    taken = [lock.taken]
    for step in steps:
        step()
        taken.append(lock.taken)

    assert [after - before for before, after in pairwise([0, *taken])] == [1] * 6


def test_whoever_waits_for_others_asks_again_soon():
    """Nobody tells a run that another one made room; alone, a run hears of its own answers."""
    shared, alone = Pace(max_in_flight=1, lock=threading.RLock()), Pace(max_in_flight=1)
    assert shared.longest_wait == alone.longest_wait == 3_600
    shared.begin(0.0)
    alone.begin(0.0)

    assert shared.longest_wait < 1
    assert alone.longest_wait == 3_600


def test_what_runs_out_of_time_makes_no_window():
    """The service took it: requests may go out at a rate, and none waits for minutes."""
    pace, now = Pace(8), 0.0
    for number in range(40):
        now += max(0.0, pace.wait(now))
        admission = pace.begin(now)
        if number:
            pace.on_refusal(admission, now + 1.0, None, was_taken=True)
        else:
            pace.on_success(admission)
        now += 1.0
        pace.on_end(admission)

    assert pace.wait(now) < 30.0
