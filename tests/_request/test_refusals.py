"""How a refusal reads: every envelope, the real status, and the words that explain most."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from openrouter_embeddings import (
    BadGatewayResponseError,
    BadRequestResponseError,
    InternalServerResponseError,
    OpenRouterDefaultError,
    ProviderOverloadedResponseError,
    ServiceUnavailableResponseError,
    TooManyRequestsResponseError,
)
from openrouter_embeddings._request.refusals import error_object, read_error
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings._request.verdicts import is_fatal, is_misdirected, is_transient

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def refusal(status, payload, headers=None, base_url=None):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    decoded = None if isinstance(payload, bytes) else payload
    return read_error(Reply(status, headers or {}, body, NOW, base_url=base_url), decoded)


@pytest.mark.parametrize(
    ("status", "payload", "kind", "message"),
    [
        (400, {"error": {"code": 400, "message": "no"}}, BadRequestResponseError, "400: no"),
        (
            200,
            {"error": {"code": 503, "message": "no"}},
            ServiceUnavailableResponseError,
            "503: no",
        ),
        (400, {"error": {"code": 502, "message": "no"}}, BadGatewayResponseError, "502: no"),
        (
            400,
            {"error": {"code": "529", "message": "no"}},
            ProviderOverloadedResponseError,
            "529: no",
        ),
        (429, {"error": {"code": None, "message": "no"}}, TooManyRequestsResponseError, "429: no"),
        (
            429,
            {"error": {"code": "slow", "message": "no"}},
            TooManyRequestsResponseError,
            "429: no",
        ),
        (500, {"error": {"code": 7, "message": "no"}}, InternalServerResponseError, "500: no"),
        (500, {"error": {"code": True, "message": "no"}}, InternalServerResponseError, "500: no"),
        (200, {"error": {"message": "no"}}, OpenRouterDefaultError, "200: no"),
        (200, {"error": "no"}, OpenRouterDefaultError, "200: no"),
        (418, {"error": "no"}, OpenRouterDefaultError, "418: no"),
        (
            200,
            {"error": {"error_type": "rate_limit_exceeded", "message": "no"}},
            TooManyRequestsResponseError,
            "429: no",
        ),
        (
            200,
            {"error": {"message": "no", "metadata": {"error_type": "provider_overloaded"}}},
            ProviderOverloadedResponseError,
            "529: no",
        ),
        (
            200,
            {"error": {"message": "no", "http_status": 503}},
            ServiceUnavailableResponseError,
            "503: no",
        ),
        (500, {"success": False, "message": "no"}, InternalServerResponseError, "500: no"),
        (500, {"success": False}, InternalServerResponseError, "500: The service reported"),
        (500, {"detail": "no"}, InternalServerResponseError, "500: no"),
        (500, {}, InternalServerResponseError, "500: {}"),
        (500, {"error": {}}, InternalServerResponseError, "500: no reason given"),
        (500, {"error": {"name": "Oops"}}, InternalServerResponseError, "500: Oops"),
        (500, [1], InternalServerResponseError, "500: [1]"),
        (500, b"", InternalServerResponseError, "500: the reply has no body"),
        (500, b"<html><TITLE>\n Down </TITLE>", InternalServerResponseError, "titled 'Down'"),
        (500, b"plain words", InternalServerResponseError, "500: plain words"),
        (500, b"\xff\xfe", InternalServerResponseError, "500: "),
    ],
)
def test_every_envelope_is_understood(status, payload, kind, message):
    """The class says the real status, the message the service's words."""
    error = refusal(status, payload)

    assert type(error) is kind
    assert message in error.message
    assert error.http_status == status


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ('{"error": {"message": "too odd"}}', "too odd"),
        ('{"error": {"code": 1, "details": [], "message": "too odd"}}', "too odd"),
        ('[{"error": {"message": "too odd"}}]', "too odd"),
        ('{"detail": "too odd"}', "too odd"),
        ('{"errors": [{"msg": "too odd"}]}', "too odd"),
        ("too   odd\n", "too odd"),
        ({"error": "too odd"}, "too odd"),
        ('"{\\"message\\": \\"too odd\\"}"', "too odd"),
        ("[]", "[]"),
        (17, ""),
        (None, ""),
    ],
    ids=repr,
)
def test_the_providers_own_words_reach_the_message(raw, words):
    """«Provider returned error» explains nothing by itself."""
    metadata = {"raw": raw, "provider_name": "Example AI"}
    payload = {"error": {"code": 400, "message": "Provider returned error", "metadata": metadata}}

    message = refusal(400, payload).message

    expected = f"Provider returned error: {words}" if words else "Provider returned error"
    assert message == f"400: {expected} (provider Example AI)"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('[{"path": ["input", 0], "message": "Required"}]', "input.0: Required"),
        ('[{"message": "Required"}, {"path": ["a"], "message": "Odd"}]', "Required; a: Odd"),
        ("[not json", "[not json"),
        ("[1]", "[1]"),
        ("[]", "[]"),
    ],
)
def test_lists_of_issues_are_read(message, words):
    """The second envelope carries JSON inside its message."""
    error = refusal(400, {"success": False, "error": {"name": "ZodError", "message": message}})

    assert error.message == f"400: {words}"


def test_long_words_are_cut_and_kept():
    """A message is for people; the body has everything."""
    error = refusal(400, {"error": {"code": 400, "message": "x" * 9_000}})

    assert len(error.message) < 2_100
    assert "x" * 9_000 in error.body


def test_the_account_is_not_in_the_message():
    """It is private; only the body, which is not shown, has it."""
    payload = {"error": {"code": 400, "message": "no"}, "user_id": "user_1234567"}

    error = refusal(400, payload)

    assert "user_1234567" not in repr(error) + str(error)
    assert "user_1234567" in error.body


def test_the_remedy_of_the_service_comes_first():
    """Nobody knows better what helps."""
    payload = {"error": {"code": 402, "message": "no", "metadata": {"remedy_hint": "Do this."}}}

    assert str(refusal(402, payload)) == "402: no. Do this."


def test_the_id_for_support_is_found():
    """Whichever header has it."""
    error = refusal(500, {"error": "no"}, {"cf-ray": "ray-1", "x-generation-id": "gen-1"})

    assert error.request_id == "gen-1"
    assert str(error).endswith("(request gen-1)")


@pytest.mark.parametrize(
    ("payload", "is_error"),
    [
        ({"data": [], "error": None}, False),
        ({"data": [], "error": {}}, False),
        ({"data": [], "error": ""}, False),
        ({"data": [], "error": {"code": 500}}, True),
        ({"error": {}}, True),
        ({"data": []}, False),
        ([], False),
        (None, False),
    ],
    ids=repr,
)
def test_an_error_counts_whatever_the_status_says(payload, is_error):
    """But an empty place for one beside data is none."""
    assert (error_object(payload) is not None) is is_error


ELSEWHERE = "http://litellm:4000/v1"


@pytest.mark.parametrize("status", [401, 402, 403, 404])
def test_another_service_has_no_settings_of_openrouter(status):
    """Hints send people to pages that can help them."""
    payload = {"error": {"code": status, "message": "no such model"}}

    assert "openrouter.ai" not in (refusal(status, payload, base_url=ELSEWHERE).hint or "")
    for ours in (None, "https://openrouter.ai/api/v1", "https://eu.openrouter.ai/api/v1"):
        assert "base_url" not in refusal(status, payload, base_url=ours).hint


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        (404, {"detail": "Not Found"}),
        (404, {"error": {"message": "Not Found", "code": 404}}),
        (404, b"404 page not found\n"),
        (404, b""),
        (404, b"<!DOCTYPE html><title>Not here</title>"),
        (404, b"<html><pre>Cannot POST /v1/embeddings/embeddings</pre></html>"),
        (404, {"error": {}}),
        (405, {"detail": "Method Not Allowed"}),
        (405, b"<html>"),
    ],
)
def test_an_endpoint_that_is_not_there_points_at_base_url(status, payload):
    """What frameworks say of paths that they do not serve; it ends a run and is not repeated."""
    error = refusal(status, payload, base_url=ELSEWHERE)

    assert "check base_url (http://litellm:4000/v1)" in error.hint
    assert is_misdirected(error)
    assert is_fatal(error)
    assert not is_transient(error)


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        (404, {"error": {"message": "No endpoints found for a/b.", "code": 404}}),
        (404, {"message": "The model `x` does not exist.", "code": 404}),
        (200, {"error": {"message": "Not Found", "code": 404}}),
        (502, b"<html>"),
    ],
)
def test_a_model_that_is_not_there_is_another_matter(status, payload):
    """So is a network that is down."""
    assert not is_misdirected(refusal(status, payload))


def test_an_id_with_the_routers_name_before_it_gets_the_right_one():
    """Other packages write their ids so."""
    message = "openrouter/openai/text-embedding-3-small is not a valid model ID"

    hint = refusal(400, {"error": {"message": message, "code": 400}}).hint

    assert "Did you mean 'openai/text-embedding-3-small'?" in hint


def test_a_proxy_that_wants_a_login_is_named():
    """It would want it of every request."""
    error = refusal(407, b"")

    assert "HTTPS_PROXY" in error.hint
    assert is_fatal(error)
    assert not is_transient(error)


def test_words_of_the_service_are_shown_and_not_obeyed():
    """Neither by a terminal nor by a log of lines."""
    metadata = {"remedy_hint": "do\x1b[1A", "raw": "raw\x9b", "provider_name": "P\u202e"}
    payload = {"error": {"message": "a\x1b[2J\nERROR made up\ud800", "metadata": metadata}}

    error = refusal(500, payload, {"x-request-id": "r\x1b"})

    assert str(error).isprintable()
    assert "a\\x1b[2J ERROR made up\\ud800" in str(error)
