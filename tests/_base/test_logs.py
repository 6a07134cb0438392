"""What OPENROUTER_LOG asks for, and the lines of the log."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

import pytest

from openrouter_embeddings import (
    AttemptFinished,
    ConfigurationError,
    OpenRouter,
    RunFinished,
    TooManyRequestsResponseError,
    VectorError,
)
from openrouter_embeddings._base.logs import write_line

SCRIPT = """
import logging
from openrouter_embeddings import OpenRouter
from openrouter_embeddings.testing import FaultServer, faults
with FaultServer() as server:
    server.script(faults.status(503, retry_after=0))
    with OpenRouter(server.api_key, base_url=server.base_url) as client:
        client.embeddings.embed(["a secret text"], model="test/embedding")
logging.getLogger("another").info("not ours")
print(server.api_key)
"""


def said_under(level):
    """Run a program, and return what it logs and the key that it used."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OPENROUTER_LOG": level},
    )
    return done.stderr.splitlines(), done.stdout.strip()


def test_info_is_one_line_a_request():
    """On standard error, with neither key nor input, and nobody else's lines."""
    lines, key = said_under(" INFO ")

    assert len(lines) == 2
    first, second = (line.partition("openrouter_embeddings ")[2] for line in lines)
    assert first.startswith("AttemptFinished operation=generate model=test/embedding inputs=1")
    assert "status=503 error=ServiceUnavailableResponseError/503" in first
    assert 'tokens=3 response_model=embedding provider="Example AI" dimensions=8' in second
    assert not any(key in line or "secret" in line for line in lines)


def test_debug_tells_of_waits_batches_and_runs_as_well():
    """Each in a line of its own."""
    lines, key = said_under("debug")
    names = [line.partition("openrouter_embeddings ")[2].split()[0] for line in lines]

    assert sorted(names) == sorted(
        ["AttemptFinished", "RetryScheduled", "AttemptFinished", "BatchSettled", "RunFinished"]
    )
    assert not any(key in line or "secret" in line for line in lines)


def test_nothing_is_said_unless_it_is_asked_for():
    """A library is quiet."""
    assert said_under("")[0] == []


@pytest.mark.parametrize("level", ["loud", "0", "infos"])
def test_another_level_is_named(level, monkeypatch):
    """Before anything is sent."""
    monkeypatch.setenv("OPENROUTER_LOG", level)

    with pytest.raises(ConfigurationError) as caught:
        OpenRouter("k")

    assert caught.value.argument == "OPENROUTER_LOG"


def test_the_level_is_set_on_our_logger_alone(monkeypatch):
    """Programs decide about the others."""
    logger, root = logging.getLogger("openrouter_embeddings"), logging.getLogger()
    before, level = logger.level, root.level
    monkeypatch.setenv("OPENROUTER_LOG", "info")
    try:
        OpenRouter("k").close()
        assert (logger.level, root.level) == (logging.INFO, level)
    finally:
        logger.setLevel(before)


def test_values_stay_apart():
    """Those with blanks are quoted, what is unknown is left out, and lines do not break."""
    event = AttemptFinished(
        "generate", 'a "b"=c', 2, 1, 0.25, status=200, provider="two\nwords", cost=2e-08
    )

    assert write_line(event) == (
        r'AttemptFinished operation=generate model="a \"b\"=c" inputs=2 attempt=1 seconds=0.25 '
        'status=200 cost=2e-08 provider="two words"'
    )


def test_errors_are_named_and_not_quoted():
    """What a service says of a refusal can quote an input."""
    refused = TooManyRequestsResponseError("slow: 'a secret text'", status_code=429)
    for error, named in ((refused, "TooManyRequestsResponseError/429"), (VectorError("x"), None)):
        line = write_line(AttemptFinished("generate", "m", 1, 1, 0.0, error=error))
        assert line.endswith(f"error={named or 'VectorError'}")


def test_a_run_has_its_line():
    """With what the cache had."""
    line = write_line(RunFinished("m", 5, 1.0, hits=2, possible_cost=None))

    assert line == (
        "RunFinished model=m inputs=5 seconds=1 hits=2 failures=0 requests=0 tokens=0 cost=0"
    )
