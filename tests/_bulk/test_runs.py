"""Plain texts that stand together, and fall apart where something happens to one of them."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest

from openrouter_embeddings import Limits
from openrouter_embeddings._bulk.intake import Intake
from openrouter_embeddings._bulk.items import Batch, Cached, Run, Slot
from openrouter_embeddings._bulk.ledger import Ledger
from openrouter_embeddings._bulk.output import place_vectors
from openrouter_embeddings._bulk.reader import IteratedSource, Reader
from openrouter_embeddings._bulk.space import Space
from openrouter_embeddings._bulk.window import Window
from openrouter_embeddings.cache import Hits
from openrouter_embeddings.errors import BadRequestResponseError, VectorError
from openrouter_embeddings.inputs import embedding_request

TEMPLATE = embedding_request(input="template", model="test/embedding")
BAD = BadRequestResponseError("bad", status_code=400)
WIDTH = 2


def vector(text):
    return np.float32([sum(text.encode()), len(text)])


def vectors(texts):
    return np.stack([vector(text) for text in texts])


def books(values, **bounds):
    """Join the books of a run over inputs."""
    limits, space = Limits(**bounds), Space(TEMPLATE)
    window, ledger = Window(limits.window), Ledger(limits)
    ledger.evidence.suspicion.cleared = True
    reader = Reader(IteratedSource(iter(values), lambda: 0.0), space, asks=True)
    return Intake(limits.max_in_flight, reader, space, window, ledger)


def read(intake):
    """Read all that there is room for; the cache has nothing."""
    while (chunk := intake.next_question()) is not None:
        intake.add(chunk, ())


def runs_of(batch):
    return [len(entry.texts) if isinstance(entry, Run) else entry.wire for entry in batch.entries]


def batches(intake):
    return list(iter(intake.ledger.next_batch, None))


def test_texts_stand_together_from_their_reading_to_their_leaving():
    """With one place for all, however many batches they are read for."""
    intake = books([f"text {number}" for number in range(7)], max_batch=3)
    read(intake)
    sent = batches(intake)
    assert [runs_of(batch) for batch in sent] == [[3], [3], [1]]

    for batch in sent:
        intake.ledger.settle(batch, vectors(batch.inputs))
    out = intake.window.take_settled()
    assert [type(entry) for entry in out] == [Run] * 3
    assert [entry.row for entry in out] == [0, 0, 0]


def test_a_text_that_comes_again_while_it_waits_gets_a_place_of_its_own():
    """And so do those that wait with it; the others stay together."""
    intake = books(["a", "b", "c", "d", "b", "e"], max_batch=2)
    read(intake)

    assert [runs_of(batch) for batch in batches(intake)] == [["a", "b"], [2], [1]]
    assert intake.window.known["b"].uses == 2


def test_a_text_that_comes_again_after_its_vector_leaves_the_run_alone():
    """It takes a copy, that keeps no other vector in memory."""
    intake = books("abcdb", max_batch=4, window=4)
    read(intake)
    (batch,) = batches(intake)
    intake.ledger.settle(batch, vectors(batch.inputs))
    (run,) = intake.window.take_settled()
    read(intake)

    (again,) = intake.window.take_settled()
    assert isinstance(run, Run)
    assert isinstance(again, Slot)
    assert (again.vectors.shape, again.vector.tolist()) == ((1, WIDTH), vector("b").tolist())
    assert batches(intake) == []


def test_a_run_is_split_where_a_batch_is_full():
    """By inputs, by bytes, by tokens, and by what may be spent."""
    sizes = [4, 4, 4, 4, 20, 1]
    assert [runs_of(batch) for batch in batches(filled(sizes, max_batch=6))] == [[6]]
    assert [runs_of(batch) for batch in batches(filled(sizes, max_batch=4))] == [[4], [2]]
    assert [runs_of(batch) for batch in batches(filled(sizes, max_bytes=9))] == [[2], [2], [1], [1]]
    assert [runs_of(batch) for batch in batches(filled(sizes, max_tokens=3))] == [
        [3],
        [1],
        [1],
        [1],
    ]
    assert runs_of(filled(sizes).ledger.next_batch(room=8)) == [2]


def test_texts_of_any_letters_stand_together_by_their_bytes():
    """In limits, estimates, and alone; what no encoding can carry stands for itself."""
    intake = books(["äöü", "ß", "ab", "漢字", "\ud83d", "e"], max_bytes=8)
    read(intake)
    first, *others = batches(intake)
    assert [runs_of(batch) for batch in (first, *others)] == [[2], [2], [1]]
    assert intake.ledger.tokens.bounds(first.entries[0]) == ([6, 2], [1.5, 0.5], [6, 2])
    assert [slot.size for slot in first.slots] == [6, 2]
    intake.window.add(again := Slot.of("漢字"))
    assert (again.size, intake.window.known["漢字"].size) == (6, 6)


def filled(sizes, **bounds):
    """Read texts of these sizes, each unlike the others."""
    intake = books([chr(97 + at) * size for at, size in enumerate(sizes)], **bounds)
    read(intake)
    return intake


def test_a_split_run_that_fell_apart_in_the_queue_is_sent_by_its_slots():
    """What waits twice must not be lost when the rest of its run goes out."""
    intake = books(["aaaa", "bbbb", "cccc", "bbbb"], max_batch=3, max_bytes=8, window=4)
    read(intake)

    first, second = batches(intake)
    assert (runs_of(first), runs_of(second)) == (["aaaa", "bbbb"], ["cccc"])
    intake.ledger.settle(first, vectors(first.inputs))
    intake.ledger.settle(second, vectors(second.inputs))
    assert [e.vector.tolist() for e in intake.window.take_settled()] == [
        vector(text).tolist() for text in ("aaaa", "bbbb", "cccc", "bbbb")
    ]


def test_what_waits_is_counted_by_inputs():
    """However they stand together; single ones that are sent ahead are taken off."""
    intake = books("abcdefgh", max_batch=4)
    intake.ledger.evidence.suspicion.cleared = False
    read(intake)
    assert intake.ledger.queued == 8
    batch = intake.ledger.next_batch()
    assert intake.ledger.queued == 4

    intake.ledger.settle(batch, BAD)
    assert runs_of(intake.ledger.next_batch()) == ["h"]
    assert intake.ledger.queued == 7


def test_what_is_refused_falls_apart():
    """Its halves are made of places for single texts, which leave one by one."""
    intake = books("abcd", max_batch=4)
    read(intake)
    (batch,) = batches(intake)
    intake.ledger.settle(batch, BAD)

    half = intake.ledger.next_batch()
    assert runs_of(half) == ["a", "b"]
    intake.ledger.settle(half, vectors("ab"))
    assert [entry.wire for entry in intake.window.take_settled()] == ["a", "b"]


def test_a_bad_vector_makes_the_run_fall_apart():
    """The others of its reply are settled, and it is asked for alone."""
    intake = books("abc", max_batch=3)
    read(intake)
    (batch,) = batches(intake)
    intake.ledger.settle(batch, vectors("abc"), faults={1: VectorError("bad")})

    assert [entry.wire for entry in intake.window.take_settled()] == ["a"]
    assert runs_of(intake.ledger.next_batch()) == ["b"]


def test_what_falls_apart_while_it_is_under_way_is_settled_all_the_same():
    """Its reply comes for the batch as it went out."""
    intake = books("abca", max_batch=3, window=3)
    read(intake)
    (batch,) = batches(intake)
    intake.window.add(Slot("b", "text", "b", 1))
    whole = np.zeros((4, WIDTH), np.float32)
    rows = place_vectors(batch.entries, vectors(batch.inputs), whole)
    intake.ledger.settle(batch, whole, rows)

    assert [entry.vector.tolist() for entry in intake.window.take_settled()] == [
        vector(text).tolist() for text in "abcb"
    ]


def test_an_early_end_fails_what_waits_and_what_still_comes():
    """Each text with the reason."""
    intake = books("abcdef", max_batch=2, window=4)
    read(intake)
    first = intake.ledger.next_batch()
    intake.ledger.stop(BAD)
    intake.ledger.settle(first, vectors(first.inputs))
    out = intake.window.take_settled()
    read(intake)
    out += intake.window.take_settled()

    assert [entry.error for entry in out if isinstance(entry, Slot)] == [BAD] * 4
    assert intake.ledger.idle
    assert intake.ledger.queued == 0


def test_runs_are_remembered_by_the_bytes_of_their_vectors(monkeypatch):
    """The first texts of one are forgotten before the last ones."""
    monkeypatch.setattr("openrouter_embeddings._bulk.window._RECENT_BYTES", 3 * WIDTH * 4)
    intake = books(["a", "b", "c", "d", "d", "c", "b", "a"], max_batch=4, window=4)
    read(intake)
    (batch,) = batches(intake)
    intake.ledger.settle(batch, vectors("abcd"))
    intake.window.take_settled()
    assert list(intake.window.known) == ["b", "c", "d"]

    read(intake)
    assert [batch.inputs for batch in batches(intake)] == [["a"]]


def test_a_run_stays_in_the_books_until_its_last_text_is_forgotten(monkeypatch):
    """A part of it must not be known for ever because those before it are forgotten."""
    monkeypatch.setattr("openrouter_embeddings._bulk.window._RECENT_BYTES", 3 * WIDTH * 4)
    intake = books("abcdefghij", max_batch=4)
    read(intake)
    known = []
    for batch in batches(intake):
        intake.ledger.settle(batch, vectors(batch.inputs))
        intake.window.take_settled()
        known.append("".join(intake.window.known))

    assert known == ["bcdefghij", "fghij", "hij"]


def test_a_batch_is_sent_in_the_order_of_its_places():
    """Runs, single places, and again runs."""
    batch = Batch([Run(["a", "b"]), Slot("c", "text", "c", 1), Run(["d"])])

    assert (batch.inputs, len(batch), batch.kind) == (list("abcd"), 4, "text")
    assert [slot.wire for slot in batch.slots] == list("abcd")


@pytest.mark.parametrize("seed", range(150))
def test_every_input_ends_with_its_own_vector(seed):
    """Whatever comes again, is refused, is broken, comes late or was in the cache."""
    draw = random.Random(seed)
    names = [f"{letter}{'x' * draw.randint(0, 9)}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    guilty = set(draw.sample(names, draw.randint(0, 3)))
    inputs = draw.choices(names, k=draw.randint(1, 200))
    bounds = {"max_batch": draw.randint(1, 9), "window": draw.randint(1, 60)}
    intake = books(inputs, **bounds, max_bytes=draw.choice([8, 25, 10_000]))
    whole = draw.choice([None, np.zeros((len(inputs), WIDTH), np.float32)])
    if draw.random() < 0.5:
        play(intake, draw, inputs, guilty, whole)
    else:
        play(intake, draw, inputs, set(), whole)


def play(intake, draw, inputs, guilty, whole):
    """Do what a run does in a drawn order, and compare what leaves."""
    under_way, out = [], []
    while len(out) < len(inputs):
        what = draw.choice(["read", "send", "settle", "hand"])
        if what == "read" and (chunk := intake.next_question()) is not None:
            intake.add(chunk, drawn_hits(draw, chunk))
        elif what == "send" and (batch := intake.ledger.next_batch()) is not None:
            under_way.append(batch)
        elif what == "settle" and under_way:
            settle(intake, draw, under_way.pop(draw.randrange(len(under_way))), guilty, whole)
        elif what == "hand":
            out += [each for entry in intake.window.take_settled() for each in vectors_of(entry)]
    for text, found in zip(inputs, out, strict=True):
        # The cache may have had one that is refused otherwise.
        assert found == vector(text).tolist() or (found is None and text in guilty)
    assert intake.ledger.idle
    assert (intake.ledger.queued, intake.window.room) == (0, intake.window.size)
    assert len(intake.window.known) <= intake.window.size


def drawn_hits(draw, chunk):
    """Let the cache have some of the inputs."""
    asked = [chunk.entries[place] for place in chunk.places]
    if not asked or draw.random() < 0.7:
        return ()
    start = draw.randrange(len(asked))
    stop = draw.randint(start + 1, len(asked))
    return [Hits(start, vectors(asked[start:stop]))]


def settle(intake, draw, batch, guilty, whole):
    """Refuse what holds a guilty text; break single vectors; answer the others."""
    texts = batch.inputs
    if guilty & set(texts):
        intake.ledger.settle(batch, BAD)
        return
    faults = {}
    if draw.random() < 0.2 and all(slot.paid == 0 for slot in batch.slots):
        faults = {draw.randrange(len(texts)): VectorError("bad")}
    found, rows = vectors(texts), None
    for place in faults:
        found[place] = np.nan
    if whole is not None:
        rows = place_vectors(batch.entries, found, whole)
        found = whole
    intake.ledger.settle(batch, found, rows, faults)


def vectors_of(entry):
    """List the vectors that a place hands out; None for a failure."""
    if isinstance(entry, Cached):
        return entry.vectors.tolist()
    if isinstance(entry, Run):
        return entry.found.tolist()
    return [None if entry.vector is None else entry.vector.tolist()]


def test_a_run_may_be_split_into_single_texts():
    """As deep as it has texts: a long one is gone through without Python's stack."""
    count = 2 * sys.getrecursionlimit()
    intake = books(
        [f"{number:09}" for number in range(count)], max_batch=count, max_bytes=9, window=count
    )
    for _ in range(4):
        read(intake)
    intake.ledger.halving.max_batch = count
    sent = batches(intake)
    assert intake.window.add(Slot("000000499", "text", "000000499", 9)) is False
    for batch in sent:
        intake.ledger.settle(batch, vectors(batch.inputs))

    out = intake.window.take_settled()
    assert sum(len(vectors_of(entry)) for entry in out) == len(sent) + 1
