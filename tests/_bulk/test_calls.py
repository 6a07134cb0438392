"""A guard without clocks: what a run costs beside its requests, in calls of Python functions."""

from __future__ import annotations

import subprocess
import sys

import pytest

from openrouter_embeddings.testing import FaultServer

TEXTS = 10_000
MOST_MORE = 5  # calls a text; it was 24 when each text had books of its own

# Another process, so that the calls of the server and of the tests are not among them.
COUNTED = """
import sys, threading
from itertools import count
from openrouter_embeddings import Limits, OpenRouter

url, way, texts = sys.argv[1], sys.argv[2], [sys.argv[4] % n for n in range(int(sys.argv[3]))]
calls = count()

def note(frame, event, arg):
    if event == "call":
        next(calls)

with OpenRouter("sk-or-test-0123456789", base_url=url) as client:
    run = client.embeddings
    # What both stand on is imported with the first of them, and not counted.
    run.generate(input=texts[:1], model="m")
    run.embed(texts[:1], model="m")
    threading.setprofile(note)
    sys.setprofile(note)
    if way == "embed":
        found = run.embed(texts, model="m", limits=Limits(max_batch=100))
    else:
        for start in range(0, len(texts), 100):
            found = run.generate(input=texts[start : start + 100], model="m")
    sys.setprofile(None)
    threading.setprofile(None)
print(next(calls))
"""


@pytest.fixture
def counted():
    """Count the calls of all threads for one way of embedding the texts."""
    with FaultServer(dimensions=64) as server:

        def count(way, text="text %d"):
            command = [sys.executable, "-c", COUNTED, server.base_url, way, str(TEXTS), text]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            return int(done.stdout)

        yield count


def test_a_run_costs_little_more_than_its_requests(counted):
    """Where nothing special happens to a text, there are no calls for it alone."""
    loop, run = counted("generate in a loop"), counted("embed")

    assert (run - loop) / TEXTS <= MOST_MORE


def test_texts_of_any_letters_cost_no_more_than_plain_ones(counted):
    """They stand in the same books; as calls of their own they are checked one by one."""
    assert (counted("embed", "t\u00e4xt %d") - counted("embed")) / TEXTS <= 1
