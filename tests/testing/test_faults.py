"""Every fault of the menu against both clients: right vectors or the named error, and no hang."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import (
    BadGatewayResponseError,
    BadRequestResponseError,
    InternalServerResponseError,
    NoResponseError,
    NotFoundResponseError,
    OpenRouterDefaultError,
    PaymentRequiredResponseError,
    ResponseValidationError,
    ServiceUnavailableResponseError,
    TooManyRequestsResponseError,
    VectorError,
)
from openrouter_embeddings.testing import faults

TEXTS = ["a red fox", "a brown dog", "a grey cat"]

RIGHT = "the right vectors"
OUTCOMES = {
    "ok": RIGHT,
    "leading_whitespace": RIGHT,
    "reordered": RIGHT,
    "absent_index": RIGHT,
    "missing_index": RIGHT,
    "floats_despite_base64": RIGHT,
    "base64_despite_float": RIGHT,
    "refuses_base64": RIGHT,
    "refuses_base64: error": RIGHT,
    "refuses_base64: 400": RIGHT,
    "another_alphabet": RIGHT,
    "another_type": RIGHT,
    "another_type: float16": RIGHT,
    "another_type: big-endian": RIGHT,
    "new_enum_values": RIGHT,
    "extra_fields": RIGHT,
    "null_usage": RIGHT,
    "wrong_content_type": RIGHT,
    "status": (ServiceUnavailableResponseError, "The service says no", 4),
    "status: 429 with Retry-After": (TooManyRequestsResponseError, "The service says no", 4),
    "error_in_200": (InternalServerResponseError, "Internal Server Error", 4),
    "error_in_200: 429": (TooManyRequestsResponseError, "Slow down", 4),
    "no_successful_provider": (NotFoundResponseError, "No successful provider responses", 4),
    "wrapped_502": (BadGatewayResponseError, "Provider returned error", 4),
    "in_flight_budget": (PaymentRequiredResponseError, "Credits are reserved", 4),
    "free_tier_daily": (TooManyRequestsResponseError, "Daily limit reached", 1),
    "zod_error": (BadRequestResponseError, "input.0: Required", 1),
    "string_error": (InternalServerResponseError, "Something went wrong", 4),
    "provider_error": (BadRequestResponseError, "The text is too odd .provider Example AI", 1),
    "html": (BadGatewayResponseError, "502: Bad gateway", 4),
    "html: 200": (ResponseValidationError, "DOCTYPE html", 1),
    "redirect": (OpenRouterDefaultError, "a redirect to 'https://example.org/elsewhere'", 1),
    "empty_body": (ResponseValidationError, "It is empty", 2),
    "whitespace_only": (ResponseValidationError, "It is empty", 2),
    "not_json": (ResponseValidationError, "upstream closed", 2),
    "json_array": (ResponseValidationError, "is no JSON object", 2),
    "no_data": (ResponseValidationError, "breaks the contract .KeyError: 'data'", 2),
    "truncated_body": (NoResponseError, "No complete answer", 2),
    "reset_before_body": (NoResponseError, "No complete answer", 2),
    "reset_in_body": (NoResponseError, "No complete answer", 2),
    "drip": (NoResponseError, "bytes? of a reply had come|no reply had begun", 2),
    "drip_headers": (NoResponseError, "no reply had begun", 2),
    "silence": (NoResponseError, "no reply had begun", 2),
    "duplicate_index": (VectorError, "claim the same index", 2),
    "index_out_of_range": (VectorError, "claims index 3", 2),
    "missing_vector": (VectorError, "3 inputs were sent and 2 vectors came back", 2),
    "extra_vector": (VectorError, "3 inputs were sent and 4 vectors came back", 2),
    "one_vector": (VectorError, "3 inputs were sent and 1 vector came back", 2),
    "one_for_all": (VectorError, "One and the same vector came for 3 different inputs", 2),
    "empty_data": (VectorError, "3 inputs were sent and 0 vectors came back", 2),
    "nan": (VectorError, "input 2 holds a number that is not finite", 2),
    "infinity": (VectorError, "input 2 holds a number that is not finite", 2),
    "zero_vector": (VectorError, "input 2 is all zeros", 2),
    "mixed_widths": (VectorError, "input 2 has 7 dimensions, others 8", 2),
    "wrong_width": (VectorError, "8 dimensions were asked for and vectors of 9 came back", 2),
    "junk_base64": (VectorError, "input 2 is not base64", 2),
    "short_base64": (VectorError, "6 bytes, not whole float32 values", 2),
    "text_numbers": (VectorError, "'0.5', which is not a number", 2),
    "null_numbers": (VectorError, "None, which is not a number", 2),
    "null_embedding": (VectorError, "is None, not numbers or base64", 2),
}
"""The named error, its words, and how many requests it may cost."""

SLOW = {
    "drip": faults.drip(5),
    "drip_headers": faults.drip_headers(5),
    "silence": faults.silence(600),
}
"""Slower than any machine: time runs out whatever else happens, with a reply begun or without."""


def test_every_fault_of_the_menu_has_an_outcome():
    """A fault that is added needs a decision about what the client makes of it."""
    assert set(OUTCOMES) == set(faults.menu())


def made(name):
    return SLOW.get(name) or faults.menu()[name]


def options_of(name, encoding):
    slow = {"timeout": 0.2} if name in SLOW else {}
    return {"dimensions": 8, "encoding_format": encoding} | slow


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
@pytest.mark.parametrize("name", OUTCOMES)
def test_the_right_vectors_or_the_named_error(name, encoding, server, client):
    """Whatever the server does, a wrong vector never comes out, and the words of the service do."""
    server.always(made(name))
    outcome = OUTCOMES[name]
    if encoding == "base64" and name.startswith("another_type"):
        outcome = (VectorError, "no float32 values as base64|vectors of 4 came back", 2)
    if encoding == "base64" and name.startswith("refuses_base64"):
        outcome = {
            "refuses_base64": (VectorError, "0 vectors", 2),
            "refuses_base64: error": (NotFoundResponseError, "No successful", 4),
            "refuses_base64: 400": (BadRequestResponseError, "encoding_format", 1),
        }[name]

    if outcome == RIGHT:
        response = client.generate(TEXTS, **options_of(name, encoding))
        expected = np.stack([server.vector(text) for text in TEXTS])
        assert response.vectors.dtype == np.float32
        assert np.array_equal(response.vectors, expected)
        return

    kind, words, _ = outcome
    with pytest.raises(kind, match=words) as caught:
        client.generate(TEXTS, **options_of(name, encoding))
    assert type(caught.value) is kind


@pytest.mark.parametrize("name", [name for name, outcome in OUTCOMES.items() if outcome != RIGHT])
def test_what_a_fault_may_cost(name, server, client):
    """Refusals are tried four times, what was paid for twice, and what cannot pass once."""
    server.always(made(name))
    kind, _, most = OUTCOMES[name]

    with pytest.raises(kind):
        client.generate(TEXTS, **options_of(name, None))

    asked = len(server.requests)
    assert asked == most or (name in SLOW and asked < most)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, outcome in OUTCOMES.items()
        if outcome != RIGHT and outcome[2] > 1 and name not in SLOW
    ],
)
def test_a_fault_that_passes_is_not_noticed(name, server, client):
    """One failure followed by a healthy reply gives the right vectors."""
    server.script(faults.menu()[name])

    response = client.generate(TEXTS, **options_of(name, None))

    assert np.array_equal(response.vectors, np.stack([server.vector(text) for text in TEXTS]))
    assert len(server.requests) == 2


@pytest.mark.parametrize("name", SLOW)
def test_a_call_that_ran_out_of_time_spoils_no_other(name, server, client):
    """The client goes on with a new connection."""
    server.script(SLOW[name])
    with pytest.raises(NoResponseError):
        client.generate(TEXTS, timeout=0.2, retries=None)
    server._script.embeddings.clear()

    response = client.generate(TEXTS)

    assert np.array_equal(response.vectors, np.stack([server.vector(text) for text in TEXTS]))
