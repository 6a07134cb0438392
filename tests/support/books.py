"""A ledger with a window before it, as a run joins them, for tests that play a service by hand."""

from __future__ import annotations

import numpy as np

from openrouter_embeddings import Limits
from openrouter_embeddings._bulk.items import Slot
from openrouter_embeddings._bulk.ledger import Ledger
from openrouter_embeddings._bulk.window import Window


class Books(Ledger):
    """A ledger, and the positions that its slots go to."""

    def __init__(self, names=(), limits=None, **bounds):
        super().__init__(limits or Limits(**bounds))
        self.window = Window(self.limits.window)
        for name in names:
            self.add(item(name))

    def add(self, slot):
        if self.window.add(slot):
            self.enqueue(slot)

    def ready(self):
        return self.window.take_settled()


def item(name, kind="text", size=10):
    """Make a slot for an input."""
    return Slot(name, kind, str(name).encode(), size)


def vector(name):
    """Make the vector of an input."""
    return np.float32([hash(name) % 97 + 1, 1])


def play(ledger, answer):
    """Send batches one at a time; return what was sent."""
    sent = []
    while (batch := ledger.next_batch()) is not None:
        sent.append(list(batch.inputs))
        outcome = answer(batch.inputs)
        found = np.stack([vector(name) for name in batch.inputs])
        ledger.settle(batch, found if outcome is None else outcome)
    return sent
