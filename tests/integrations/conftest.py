"""The environment of a home: the key and the place of a server that runs here."""

from __future__ import annotations

import pytest

from openrouter_embeddings.local import LocalServer


@pytest.fixture
def at_home(server, monkeypatch):
    """Let the environment lead to the server of the test kit."""
    monkeypatch.setenv("OPENROUTER_API_KEY", server.api_key)
    monkeypatch.setenv("OPENROUTER_BASE_URL", server.base_url)
    return server


@pytest.fixture(scope="session")
def running_locally():
    with LocalServer() as server:
        yield server


@pytest.fixture
def local(running_locally, monkeypatch):
    """Let the environment lead to the local server, with its real model."""
    monkeypatch.setenv("OPENROUTER_API_KEY", running_locally.api_key)
    monkeypatch.setenv("OPENROUTER_BASE_URL", running_locally.base_url)
    return running_locally
