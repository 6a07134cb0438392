"""How long a token is, as a run learns it."""

from __future__ import annotations

import pytest
from books import Books, item

from openrouter_embeddings._bulk.items import Batch, Slot
from openrouter_embeddings._bulk.tokens import TokenRatio


@pytest.mark.parametrize(
    ("kind", "counts", "ratio"),
    [
        ("text", [], 4.0),
        ("text", [20], 1.0),
        ("text", [4], 5.0),
        ("text", [20, 4], 40 / 24),
        ("text", [None, 0], 4.0),
        ("text", [20, None], 1.0),
        ("text", [10**400], 0.25),
        ("text", [-5, 20], 1.0),
        ("content", [20], 4.0),
    ],
)
def test_the_ratio_is_that_of_all_counts(kind, counts, ratio):
    """Of texts alone; a service that does not count teaches nothing."""
    tokens = TokenRatio()
    for count in counts:
        tokens.learn(Batch([item("a", kind), item("b", kind)]), count)

    assert tokens.characters_per_token == ratio


def test_a_known_length_is_not_estimated():
    """Token ids are counted when they are read."""
    assert TokenRatio().estimate(Slot([1, 2, 3], "tokens", b"", 12, tokens=3)) == 3
    assert TokenRatio().estimate(item("a", size=12)) == 3.0


def test_characters_per_token_are_learnt():
    """From what the service counted."""
    ledger = Books("abcd")
    batch = ledger.next_batch()
    ledger.tokens.learn(batch, 20)

    assert ledger.tokens.characters_per_token == 2.0
    ledger.tokens.learn(batch, None)
    assert ledger.tokens.estimate(item("x", size=10)) == 5.0
