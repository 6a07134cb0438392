"""Fixtures for requests: servers with listings of their own, and a clock that is moved."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from openrouter_embeddings import client as clients
from openrouter_embeddings.testing import FaultServer


class Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told_time(clock, monkeypatch):
    """Let clients made from now on keep their deadlines by a clock that is moved."""
    monkeypatch.setattr(clients, "time", SimpleNamespace(monotonic=clock))
    return clock


@pytest.fixture
def serve():
    running = []

    def start(models):
        running.append(FaultServer(models=models).start())
        return running[-1]

    yield start
    for one in running:
        one.stop()
