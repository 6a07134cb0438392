"""The window of a bulk run: order, equal inputs, and what is remembered for how long."""

from __future__ import annotations

import gc
from weakref import ref

import numpy as np
import pytest
from books import Books, item, play, vector

from openrouter_embeddings._bulk.items import Cached, Run, Slot
from openrouter_embeddings._bulk.window import Window
from openrouter_embeddings.errors import BadRequestResponseError

BAD = BadRequestResponseError("bad", status_code=400)
VECTORS = np.float32([[1, 1]])


def settled(window):
    """Take what leaves, as the inputs that it stands for; vectors of the cache as their number."""
    entries = window.take_settled()
    return [len(e.vectors) if isinstance(e, Cached) else e.wire for e in entries]


def test_room_is_what_has_not_left():
    """Whether it is settled or not, by a cache or not; and there is never less than none."""
    window = Window(5)
    slot = item("a")
    window.add(slot)
    window.add_cached(np.ones((2, 2), np.float32))
    assert window.room == 2
    for name in "bcd":
        window.add(item(name))
    assert window.room == 0

    slot.vectors = VECTORS

    assert settled(window) == ["a", 2]
    assert window.room == 2
    assert window.handed_out == 3


def test_long_texts_fill_the_window_by_their_bytes():
    """As many as are equal count once, and what has left counts no more."""
    window, text = Window(100, 3_000), "x" * 1_000
    window.add(item("a"))
    window.add(again := Slot.of(text))
    window.add(Slot.of(text))
    window.add_failure(Slot("y" * 1_000, "text", b"", 0, error=BAD))
    assert window.room == 96
    window.add_run(run := Run([f"{number}{text}" for number in range(2)]))
    assert window.room == 0

    window.known[b"a"].vectors = again.vectors = VECTORS
    run.vectors = np.ones((2, 2), np.float32)
    assert len(window.take_settled()) == 5
    assert window.room == 100
    window.add(Slot.of(text))
    assert window.room == 99


@pytest.mark.parametrize("whole", [True, False])
def test_long_texts_are_remembered_by_their_bytes(whole):
    """Their vectors may be few where they are large, and the window is as empty as before."""
    window = Window(100, 5_000)
    for number in range(10):
        window.add_run(run := Run([f"{number}{place}{'x' * 998}" for place in range(2)]))
        for part in [run] if whole else run.slots:
            part.vectors = np.ones((2, 2), np.float32)
        assert len(window.take_settled()) == (1 if whole else 2)

    assert [text[:2] for text in window.known] == ["80", "81", "90", "91"]
    assert window.room == 100


def test_an_equal_input_is_not_new():
    """It waits for the same slot; the first position counts."""
    window, first = Window(10), item("a")

    assert [window.add(slot) for slot in (item("b"), first, item("a"))] == [True, True, False]
    assert window.known[first.key] is first
    assert (first.position, first.uses) == (1, 2)


def test_positions_go_on_after_what_has_left():
    """They count all inputs of the run, those of the cache as well."""
    window, last = Window(10), item("b")
    window.add_cached(np.ones((3, 2), np.float32))
    window.take_settled()
    window.add_failure(Slot("x", "text", b"", 0, error=BAD))
    window.add(last)

    assert last.position == 4


@pytest.mark.parametrize(
    ("states", "leaves"),
    [
        ("", 0),
        ("v", 1),
        ("e", 1),
        ("?v", 0),
        ("v?e", 1),
        ("ve?", 2),
        ("vev", 3),
    ],
)
def test_the_longest_settled_prefix_leaves(states, leaves):
    """A vector settles a position, and so does an error; what is open stops those behind it."""
    window = Window(10)
    slots = [item(place) for place in range(len(states))]
    for slot, state in zip(slots, states, strict=True):
        window.add(slot)
        slot.vectors = VECTORS if state == "v" else None
        slot.error = BAD if state == "e" else None

    assert window.take_settled() == slots[:leaves]
    assert window.take_settled() == []


def test_an_input_that_cannot_be_sent_is_settled_at_once():
    """With its error; it is not taken for another one that cannot be sent."""
    window = Window(10)
    for name in ("x", "y"):
        window.add_failure(Slot(name, "text", b"", 0, error=BAD))

    assert settled(window) == ["x", "y"]
    assert window.known == {}


def test_wide_vectors_are_remembered_by_their_bytes(monkeypatch):
    """A window of them could be more than the memory that anybody expects."""
    monkeypatch.setattr("openrouter_embeddings._bulk.window._RECENT_BYTES", 3 * 8)
    ledger = Books("abcde", window=5, max_batch=5)
    play(ledger, lambda _: None)
    ledger.ready()

    for name in "ea":
        ledger.add(item(name))

    assert play(ledger, lambda _: None) == [["a"]]


def test_equal_inputs_are_remembered_for_a_window():
    """After they were handed out as well, and no longer than that."""
    ledger = Books("ab", window=2, max_batch=1)
    play(ledger, lambda _: None)
    ledger.ready()
    ledger.add(item("a"))
    assert [slot.wire for slot in ledger.ready()] == ["a"]

    for name in "cde":
        ledger.add(item(name))
        play(ledger, lambda _: None)
        ledger.ready()
    ledger.add(item("a"))
    assert play(ledger, lambda _: None) == [["a"]]


def test_an_input_that_comes_again_is_remembered_anew():
    """What counts is when it was handed out last."""
    ledger = Books("a", window=3, max_batch=1)
    for names in ("", "a", "b", "c"):
        for name in names:
            ledger.add(item(name))
        play(ledger, lambda _: None)
        ledger.ready()
    for name in "aa":
        ledger.add(item(name))

    assert play(ledger, lambda _: None) == []


def test_failures_are_not_remembered():
    """The same input may be sent again later."""
    ledger = Books("a")
    play(ledger, lambda _: BAD)
    ledger.ready()
    ledger.add(item("a"))

    assert play(ledger, lambda _: None) == [["a"]]


def test_what_the_cache_has_is_not_sent():
    """It leaves at once, in its place."""
    ledger = Books()
    ledger.window.add_cached(np.stack([vector("a"), vector("c")]))
    ledger.add(item("b"))
    ledger.window.add_cached(vector("a")[None])

    (cached,) = ledger.ready()
    assert isinstance(cached, Cached)
    assert cached.vectors.tolist() == [vector("a").tolist(), vector("c").tolist()]
    assert ledger.window.room == ledger.limits.window - 2
    assert play(ledger, lambda _: None) == [["b"]]
    assert len(ledger.ready()) == 2
    assert ledger.window.room == ledger.limits.window


def test_what_comes_again_and_again_keeps_no_other_vectors_in_memory():
    """Its vector leaves the matrix of the reply, which is as large as all others together."""
    ledger = Books("abcdefgh", max_batch=8)
    play(ledger, lambda _: None)
    for _ in range(3):
        ready = ledger.ready()
        ledger.add(item("a"))

    assert ready[-1].vectors.shape == (1, 2)
    assert ready[-1].vector.tolist() == vector("a").tolist()


def test_positions_leave_in_order():
    """A batch that is done early waits for those before it."""
    ledger = Books("abcd", max_batch=2)
    first, second = ledger.next_batch(), ledger.next_batch()

    ledger.settle(second, np.stack([vector("c"), vector("d")]))
    assert ledger.ready() == []
    ledger.settle(first, np.stack([vector("a"), vector("b")]))
    assert [slot.wire for slot in ledger.ready()] == list("abcd")
    assert ledger.idle


def test_runs_that_were_divided_are_gone_once_they_are_forgotten():
    """By themselves: each holds the vectors of a whole reply, and cycles are seldom looked for."""
    window, gone = Window(4), []
    gc.disable()
    try:
        for number in range(5):
            run = Run([f"{number} a", f"{number} b"])
            window.add_run(run)
            gone.append(ref(run))
            for part in run.split(1):
                part.vectors = np.zeros((1, 2), np.float32)
            del run, part
            window.take_settled()
        alive = [each() is not None for each in gone]
    finally:
        gc.enable()
    assert alive == [False, False, False, True, True]
