"""Attempts in flight, unread, and to be made again."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from openrouter_embeddings._bulk.attempts import Attempt, Attempts, Settle
from openrouter_embeddings._bulk.pace import Pace
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings.errors import NoResponseError

LARGE = bytes(9 * 2**20)


def reply(status, body=b""):
    return Reply(status, {}, body, datetime.now(UTC))


def attempts_of(count, limit=4.0):
    """Begin some attempts within a limit."""
    attempts = Attempts(Pace(max_in_flight=64))
    attempts.pace.limit = limit
    begun = [Attempt(batch=None, call=None) for _ in range(count)]
    for attempt in begun:
        attempts.begin(attempt, 60.0, 1.0)
    return attempts, begun


def test_an_attempt_begins_with_its_time():
    """And anew when it is made again."""
    attempts, (first,) = attempts_of(1)
    assert (first.timeout, first.admission.started_at, first.replied) == (60.0, 1.0, False)
    attempts.on_reply(first, reply(200), 2.0)
    attempts.end(first, 3.0)

    attempts.begin(first, None, 7.0)

    assert (first.timeout, first.admission.started_at, first.replied) == (None, 7.0, False)
    assert attempts.pace.in_flight == 1


@pytest.mark.parametrize(
    ("answer", "in_flight"),
    [
        (reply(200), 1),
        (reply(299), 1),
        (reply(199), 2),
        (reply(300), 2),
        (reply(429), 2),
        (NoResponseError("reset"), 2),
    ],
)
def test_a_success_alone_makes_room_before_it_is_read(answer, in_flight):
    """Once; in the end everything has made room."""
    attempts, (first, second) = attempts_of(2)
    for _ in range(2):
        attempts.on_reply(first, answer, 2.0)
    assert attempts.pace.in_flight == in_flight

    attempts.end(first, 3.0)
    assert attempts.pace.in_flight == 1
    assert attempts.is_open
    attempts.on_reply(second, answer, 3.0)
    attempts.end(second, 3.0)
    assert attempts.pace.in_flight == 0
    assert not attempts.is_open


def test_answers_are_read_in_the_order_in_which_they_came():
    """Each is named until the end of its attempt."""
    attempts, (first, second) = attempts_of(2)
    assert attempts.unread is None
    answers = {second: reply(200), first: NoResponseError("reset")}
    for came_at, (attempt, answer) in enumerate(answers.items()):
        attempts.on_reply(attempt, answer, came_at)

    for came_at, (attempt, answer) in enumerate(answers.items()):
        assert attempts.unread == Settle(attempt, answer, came_at)
        attempts.end(attempt, 3.0)
    assert attempts.unread is None


@pytest.mark.parametrize(
    ("limit", "in_flight", "unread", "later", "room"),
    [
        (4, 0, 0, 0, True),
        (4, 3, 0, 0, True),
        (4, 4, 0, 0, False),
        (4, 3, 0, 1, False),
        (4, 2, 0, 1, True),
        (4, 0, 0, 4, False),
        (4, 3, 1, 0, True),
        (4, 2, 2, 0, False),
        (8, 5, 2, 0, True),
        (8, 4, 3, 0, False),
        (1, 0, 1, 0, False),
        (4.9, 4, 0, 0, False),
    ],
)
def test_room_for_a_new_batch(limit, in_flight, unread, later, room):
    """What waits its turn counts, and large replies that are not read do not pile up."""
    attempts, begun = attempts_of(in_flight + unread, limit)
    for attempt in begun[:unread]:
        attempts.on_reply(attempt, reply(200, LARGE), 2.0)
    for _ in range(later):
        attempts.put_off(Attempt(batch=None, call=None), 9.0)

    assert attempts.has_room(None) is room


@pytest.mark.parametrize(
    ("sizes", "room"),
    [((8, 8), True), ((0, 8, 8), True), ((1, 8, 8), False), ((0, 0, 0, 0), False), ((17,), True)],
)
def test_small_replies_may_wait_in_place_of_requests_in_flight(sizes, room):
    """Where answers are good, and whoever reads is late: up to 16 MiB, and to the limit."""
    attempts, begun = attempts_of(len(sizes))
    attempts.good = 8
    for attempt, size in zip(begun, sizes, strict=True):
        attempts.on_reply(attempt, reply(200, bytes(size * 2**20)), 2.0)

    assert attempts.has_room(None) is room
    attempts.good = 7
    assert attempts.has_room(None) is (len(sizes) == 1)


@pytest.mark.parametrize(
    ("came", "each", "room"),
    [(51.0, 1.0, 15), (9.0, 1.0, 8), (9.0, 2.0, 4), (1.5, 1.0, 4), (9.0, 0.0, 15)],
)
def test_as_many_replies_may_wait_as_are_read_while_one_comes(came, each, room):
    """But a quarter of what may be in flight in any case, and never all of it."""
    attempts, begun = attempts_of(19, limit=16.0)
    attempts.good = 8
    for attempt in begun[:3]:
        attempts.on_reply(attempt, reply(200), came)
    for place, attempt in enumerate(begun[:3]):
        attempts.end(attempt, 100.0 + place * each)

    rooms = list[bool]()
    for attempt in begun[3:]:
        attempts.on_reply(attempt, reply(200), came + 60.0)
        rooms.append(attempts.has_room(None))

    assert rooms == [True] * room + [False] * (16 - room)


def test_what_is_put_off_comes_at_its_time():
    """In the order of the times, and of coming where these are equal."""
    attempts, given = attempts_of(4)
    assert attempts.take_due(math.inf) is None
    assert attempts.seconds_left(1.0) == math.inf
    for attempt, due in zip(given, (5.0, 3.0, 5.0, 4.0), strict=True):
        attempts.put_off(attempt, due)

    assert attempts.seconds_left(1.0) == 2.0
    assert attempts.take_due(2.9) is None
    assert [attempts.take_due(5.0) for _ in range(5)] == [*(given[n] for n in (1, 3, 0, 2)), None]
    assert attempts.seconds_left(5.0) == math.inf


def test_what_waits_is_given_up_at_once():
    """Whenever it was due."""
    attempts, given = attempts_of(2)
    for attempt in given:
        attempts.put_off(attempt, 100.0)

    assert attempts.give_up_waiting() == given
    assert attempts.give_up_waiting() == []
