"""What a run is made of: a slot is sent as itself or as its cut, and has a vector or none."""

from __future__ import annotations

import numpy as np

from openrouter_embeddings._bulk.items import Batch, Item, Slot


def test_a_batch_sends_what_its_slots_are_cut_to():
    """And is of the kind of its first."""
    whole, long = Slot("a", "text", "a", 1), Slot("b" * 9, "text", "b" * 9, 9)
    long.cut = Item("bbb", "text", "bbb", 3)
    batch = Batch([whole, long])

    assert batch.inputs == ["a", "bbb"]
    assert batch.kind == "text"
    assert (whole.sent, long.sent) == (whole, long.cut)


def test_a_slot_has_its_row_of_a_matrix():
    """Without a copy; None as long as there is none."""
    slot = Slot("a", "text", "a", 1)
    assert slot.vector is None
    slot.vectors, slot.row = np.arange(6, dtype=np.float32).reshape(3, 2), 2

    assert slot.vector.tolist() == [4.0, 5.0]
    assert slot.vector.base is not None
