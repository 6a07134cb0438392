"""Fixtures for requests: servers with listings of their own."""

from __future__ import annotations

import pytest

from openrouter_embeddings.testing import FaultServer


@pytest.fixture
def serve():
    running = []

    def start(models):
        running.append(FaultServer(models=models).start())
        return running[-1]

    yield start
    for one in running:
        one.stop()
