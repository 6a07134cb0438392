"""Whatever a service sends: vectors, or an error of ours in characters that can be shown."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import unicodedata
import zlib

import httpx
import pytest

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, given, settings, strategies

from openrouter_embeddings import AsyncOpenRouter, OpenRouter, OpenRouterError, RetryConfig

FEW = 300
DRAWS = int(os.environ.get("BORDERS_DRAWS", FEW))
KEY = "sk-or-secret-0123456789"
RETRIES = RetryConfig(attempts=2, initial=0.0, maximum=0.0)
CALLS = ("generate", "embed", "list_models", "estimate")
NUMBERS = [
    *("@1e400@", "@-1e400@", "@NaN@", 10**400, -(10**400), -1, -0.5, 0, 1, 2.5, 1e308, 2**63),
    *(253402300800, 10**15, 10**18, 10**21, 1795132800),
]
TEXTS = [
    *("", " ", "a", "\ud800", "\x1b[2J", "\x00", "\u202e", "9" * 5000, "1e400", "-1", "NaN", KEY),
    *(
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "0001-01-01T00:00:00+23:00",
        "10:99",
        "429",
        "AAAA",
        "AACAPw==",
    ),
    *("error", "rate_limit_exceeded", '[{"message": "a"}]', '{"error": {"message": "b"}}', "["),
]
plain = strategies.one_of(
    strategies.sampled_from([*NUMBERS, *TEXTS, None, True, False, [], {}, [[]], [{}], {"a": []}]),
    strategies.text(max_size=8),
    strategies.integers(),
)
odd = strategies.one_of(
    plain,
    strategies.lists(plain, max_size=3),
    strategies.dictionaries(
        strategies.sampled_from(["message", "code", "error", "metadata", "raw", "cost", "data"]),
        plain,
        max_size=3,
    ),
)
VECTOR = [0.1, 0.2, 0.3]
GOOD = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": VECTOR}],
    "model": "m",
    "provider": "P",
    "id": "gen-1",
    "usage": {
        "prompt_tokens": 1,
        "total_tokens": 1,
        "cost": 0.1,
        "is_byok": False,
        "cost_details": {},
        "prompt_tokens_details": {},
    },
}
LISTING = {
    "data": [
        {
            "id": "m",
            "name": "M",
            "created": 1,
            "pricing": {"prompt": "0.1"},
            "context_length": 9,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["embeddings"]},
            "expiration_date": "2027-01-01",
            "description": "d",
            "supported_parameters": [],
        }
    ],
    "total_count": 1,
    "links": {"next": None},
}
ERROR = {
    "error": {
        "code": 429,
        "message": "no",
        "error_type": "x",
        "metadata": {
            "raw": "{}",
            "provider_name": "P",
            "retry_after_seconds": 0,
            "error_type": "x",
            "headers": {"Retry-After": "0", "X-RateLimit-Reset": "1"},
            "remedy_hint": "do",
            "limit_source": "openrouter_free_tier_daily",
        },
        "availability": {"retry_after": 0},
    },
    "user_id": "u",
}


def paths(value, before=()):
    """List the places in a document."""
    found = [before]
    if isinstance(value, dict):
        found += [path for name in value for path in paths(value[name], (*before, name))]
    elif isinstance(value, list):
        found += [path for at, item in enumerate(value) for path in paths(item, (*before, at))]
    return found


def put(value, path, new):
    """Copy a document with another value in one place."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, dict):
        return value | {first: put(value.get(first), rest, new)}
    if not isinstance(value, list):
        return value
    return [put(item, rest, new) if at == first else item for at, item in enumerate(value)]


@strategies.composite
def documents(draw):
    """Draw a document of the contract with up to three odd values in it."""
    value = draw(strategies.sampled_from([GOOD, LISTING, ERROR]))
    places = paths(value)
    for _ in range(draw(strategies.integers(0, 3))):
        value = put(value, draw(strategies.sampled_from(places)), draw(odd))
    written = json.dumps(value).replace('"@', "").replace('@"', "")
    return written.encode("utf-8", "surrogatepass")


bodies = strategies.one_of(
    documents(),
    documents(),
    documents(),
    strategies.binary(max_size=30),
    strategies.sampled_from(
        [
            *(
                b"",
                b" ",
                b"\n{",
                b"null",
                b"[]",
                b"{}",
                b"<html><title>\x1b[2J</title>",
                b"\xff\xfe",
            ),
            *(b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000, b'{"data": ' + b"9" * 5000 + b"}"),
            *(KEY.encode(), b"\x00" * 50, b'"\\ud800"', b"1e400", b"\xef\xbb\xbf{}"),
        ]
    ),
)
PACKERS = {
    "": lambda body: body,
    "identity": lambda body: body,
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "x-gzip": lambda body: gzip.compress(body[:3], mtime=0) + gzip.compress(body[3:], mtime=0),
    "deflate": zlib.compress,
    "gzip, deflate": lambda body: zlib.compress(gzip.compress(body, mtime=0)),
    "br": lambda body: body,
    "gzip ": lambda body: body,
    "deflate, deflate, deflate": lambda body: body,
    "\x80": lambda body: body,
}
NAMES = (
    *("retry-after", "retry-after-ms", "x-ratelimit-reset", "date", "content-type", "location"),
    *("content-length", "x-request-id", "cf-ray", "x-generation-id", "server", "set-cookie"),
)
header_values = strategies.one_of(
    strategies.sampled_from(
        [text for text in TEXTS if text.isascii()] + [str(n).strip("@") for n in NUMBERS]
    ),
    strategies.text(strategies.characters(max_codepoint=255), max_size=8),
).map(lambda text: text.encode("latin-1"))
statuses = strategies.one_of(
    strategies.just(200),
    strategies.just(200),
    strategies.just(200),
    strategies.sampled_from(
        [
            *(200, 200, 200, 201, 204, 301, 400, 401, 402, 403, 404, 405, 407, 408, 413, 422),
            *(429, 500, 502, 503, 524, 529, 599),
        ]
    ),
    strategies.integers(100, 999),
)


def synchronously(name, arguments, answer):
    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as own,
        OpenRouter(KEY, http_client=own, retries=RETRIES, deadline=0.05) as client,
    ):
        return getattr(client.embeddings, name)(**arguments)


async def asynchronously(name, arguments, answer):
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as own,
        AsyncOpenRouter(KEY, http_client=own, retries=RETRIES, deadline=0.05) as client,
    ):
        return await getattr(client.embeddings, name)(**arguments)


ARGUMENTS = {
    "generate": {"input": "a", "model": "m"},
    "embed": {"inputs": ["a"], "model": "m", "max_cost": 1.0},
    "list_models": {},
    "estimate": {"inputs": ["a"], "model": "m"},
}


@settings(
    max_examples=DRAWS,
    derandomize=DRAWS == FEW,  # the suite draws the same each time, the session does not
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    name=strategies.sampled_from(CALLS),
    both=strategies.booleans(),
    status=statuses,
    body=bodies,
    packing=strategies.sampled_from(sorted(PACKERS) + [""] * 30),
    headers=strategies.dictionaries(strategies.sampled_from(NAMES), header_values, max_size=3),
)
def test_every_reply_is_an_answer_or_an_error_of_ours(
    name, both, status, body, packing, headers, counted
):
    """Over statuses, headers, encodings and bodies, through both clients."""

    def answer(request):
        if name == "embed" and request.method == "GET":
            return httpx.Response(200, json=LISTING)
        raw = [(key.encode(), value) for key, value in headers.items()]
        raw += [(b"content-encoding", packing.encode("latin-1"))] if packing else []
        return httpx.Response(status, headers=raw, stream=httpx.ByteStream(PACKERS[packing](body)))

    try:
        if both:
            synchronously(name, ARGUMENTS[name], answer)
        else:
            asyncio.run(asynchronously(name, ARGUMENTS[name], answer))
    except OpenRouterError as error:
        counted(f"replies to {name} {check(error)}")
    else:
        counted(f"replies to {name} answered")


def can_be_shown(text):
    """Say whether a terminal and a file take a text as it is."""
    return not {"Cc", "Cs"} & set(map(unicodedata.category, text)) and "\u202e" not in text


def check(error):
    """Check that what is said can be shown, and holds no key."""
    assert can_be_shown(str(error))
    assert KEY not in str(error) + repr(vars(error))
    return "are errors"
