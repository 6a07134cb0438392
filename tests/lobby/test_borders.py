"""Whatever a caller or the environment holds: it works, or an error of ours names it.

`BORDERS_DRAWS` says how many are drawn for each property; the session `borders` draws 5,000.
"""

from __future__ import annotations

import asyncio
import json
import os
import unicodedata
from unittest import mock

import httpx
import pytest

pytest.importorskip("hypothesis")

from hostile import values
from hypothesis import HealthCheck, given, settings, strategies

from openrouter_embeddings import (
    AsyncOpenRouter,
    Audio,
    ConfigurationError,
    Content,
    Image,
    Limits,
    OpenRouter,
    OpenRouterError,
    RetryConfig,
)

FEW = 300
DRAWS = int(os.environ.get("BORDERS_DRAWS", FEW))
drawn = settings(
    max_examples=DRAWS,
    derandomize=DRAWS == FEW,  # the suite draws the same each time, the session does not
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
KEY = "sk-or-secret-0123456789"
CONSTRUCTOR = (
    *("api_key", "base_url", "timeout", "deadline", "retries", "allow_http", "http_referer"),
    *("title", "categories", "headers", "on_event"),
)
REQUEST = (
    *("model", "dimensions", "input_type", "provider", "user", "session_id", "trace"),
    *("timeout", "deadline", "retries", "extra_headers", "extra_body"),
)
TIMES = {"timeout", "deadline", "retries"}
CALLS = {
    "generate": ("input", "encoding_format", *REQUEST),
    "embed": (
        *("inputs", "on_error", "progress", "out", "limits", "max_cost", "pin_provider", "on_long"),
        *REQUEST,
    ),
    "estimate": (
        "inputs",
        *(name for name in REQUEST if name not in {"timeout", "deadline", "retries"}),
    ),
    "list_models": ("offset", "limit", "timeout", "deadline", "retries"),
    "embed_query": ("text",),
    "embed_documents": ("inputs",),
}
ENTRY = {"id": "m", "context_length": 100, "pricing": {"prompt": "0.1"}}
PREFERENCES = (
    *("allow_fallbacks", "data_collection", "enforce_distillable_text", "ignore", "only", "order"),
    *("max_price", "options", "preferred_max_latency", "preferred_min_throughput"),
    *("quantizations", "require_parameters", "sort", "zdr", "no such name"),
)


def answer(request):
    """Answer as a healthy service does."""
    if request.method == "GET":
        return httpx.Response(200, json={"data": [ENTRY]})
    body = json.loads(request.content)
    sent = body.get("input")
    count = len(sent) if isinstance(sent, list) and sent and not isinstance(sent[0], int) else 1
    width = body.get("dimensions") if isinstance(body.get("dimensions"), int) else 3
    data = [
        {"index": row, "embedding": [0.1 * (row + 1)] * min(width, 2000)} for row in range(count)
    ]
    return httpx.Response(200, json={"data": data, "model": "m", "usage": {"cost": 0.0}})


def outcome(work):
    """Return what became of a draw; any error but ours fails the test."""
    try:
        work()
    except ConfigurationError as error:
        return check(error)
    except OpenRouterError:
        return "failed as a request"
    return "worked"


def check(error):
    """Check that an error names its argument, in characters that can be shown."""
    assert error.argument
    assert not {"Cc", "Cs"} & set(map(unicodedata.category, str(error)))
    return "named"


def synchronously(name, options):
    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as own,
        OpenRouter(KEY, http_client=own) as client,
    ):
        getattr(client.embeddings, name)(**options)


async def asynchronously(name, options):
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as own,
        AsyncOpenRouter(KEY, http_client=own) as client,
    ):
        await getattr(client.embeddings, name)(**options)


NEEDED = {"generate": "input", "embed": "inputs", "estimate": "inputs", "embed_documents": "inputs"}


@drawn
@given(
    call=strategies.sampled_from([(name, each) for name in CALLS for each in CALLS[name]]),
    value=values,
    both=strategies.booleans(),
)
def test_every_argument_of_a_call_works_or_is_named(call, value, both, counted):
    """Of both clients, whatever its value is."""
    name, argument = call
    options = {} if name == "list_models" else {"model": "m"}
    if name in NEEDED:
        options[NEEDED[name]] = ["a", "b"]
    if name == "embed_query":
        options["text"] = "a"
    options[argument] = value
    if both:
        found = outcome(lambda: synchronously(name, options))
    else:
        found = outcome(lambda: asyncio.run(asynchronously(name, options)))
    counted(f"arguments of calls {found}")


@drawn
@given(
    kind=strategies.sampled_from([OpenRouter, AsyncOpenRouter]),
    argument=strategies.sampled_from(CONSTRUCTOR),
    value=values,
)
def test_every_argument_of_a_constructor_works_or_is_named(kind, argument, value, counted):
    """And nothing is sent."""
    options = {"api_key": KEY, "base_url": "http://127.0.0.1:1"} | {argument: value}
    found = outcome(lambda: kind(**options))
    counted(f"arguments of constructors {found}")


MADE = {
    Limits: ("max_batch", "max_bytes", "max_tokens", "max_in_flight", "window"),
    RetryConfig: ("attempts", "initial", "maximum"),
    Image: ("url",),
    Audio: ("data", "format"),
    Image.from_bytes: ("data",),
    Image.from_path: ("path",),
    Image.from_pil: ("image",),
    Audio.from_path: ("path",),
    Audio.from_bytes: ("data", "media_type", "format"),
}


@drawn
@given(
    field=strategies.sampled_from([(make, each) for make in MADE for each in MADE[make]]),
    value=values,
)
def test_every_field_of_a_value_works_or_is_named(field, value, counted):
    """Bounds, policies, parts."""
    make, name = field
    given_ = {"media_type": "audio/wav", "data": b"a"} if make == Audio.from_bytes else {}
    given_ = given_ or ({"data": "https://example.org"} if make is Audio else {})
    given_[name] = value
    counted(f"fields of values {outcome(lambda: make(**given_))}")
    outcome(lambda: Content(value))


@drawn
@given(name=strategies.sampled_from(PREFERENCES), value=values)
def test_every_preference_works_or_is_named(name, value, counted):
    """A privacy setting must not be lost, and no price is a million places long."""
    options = {"input": "a", "model": "m", "provider": {name: value}}
    counted(f"preferences {outcome(lambda: synchronously('generate', options))}")


HOSTS = strategies.sampled_from(
    [
        *("example.org", "127.0.0.1", "[::1]", "[::1", "bücher.example", "xn--a", "a..b", "-a.org"),
        *("a" * 64, "a_b", "localhost", "LOCALHOST.", "0x7f.1", "exa mple", "a%00b", "[v1.x]", ""),
        *("user@example.org", "user:secret@example.org", "1.2.3.4.5", "\u0130.org", "\u3002.org"),
    ]
)
PORTS = strategies.sampled_from(
    ["", ":", ":80", ":0", ":65536", ":-1", ":x", ":\uff18", ":" + "9" * 5000]
)
SCHEMES = strategies.sampled_from(
    ["https://", "http://", "HTTPS://", "ftp://", "//", "", "socks5://", "socks4://", "https:/"]
)
ENDS = strategies.sampled_from(
    [
        "",
        "/",
        "/v1",
        "/v1/embeddings",
        "/v 1",
        "/v1\n",
        "\r\n",
        "/ä",
        "?a=b",
        "#a",
        "/\\",
        "/%zz",
        "\t",
    ]
)
urls = strategies.one_of(
    strategies.builds(
        "".join, strategies.tuples(strategies.sampled_from(["", " "]), SCHEMES, HOSTS, PORTS, ENDS)
    ),
    strategies.text(max_size=30),
)
VARIABLES = (
    *("OPENROUTER_API_KEY", "OPENROUTER_BASE_URL", "OPENROUTER_ALLOW_HTTP", "HTTPS_PROXY"),
    *("HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)


def fits_environment(text):
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


@drawn
@given(
    kind=strategies.sampled_from([OpenRouter, AsyncOpenRouter]),
    variables=strategies.dictionaries(
        strategies.sampled_from(VARIABLES), urls.filter(fits_environment), min_size=1, max_size=3
    ),
)
def test_every_variable_of_the_environment_works_or_is_named(kind, variables, counted):
    """Addresses, proxies, certificates and switches."""
    with mock.patch.dict(os.environ, {"OPENROUTER_API_KEY": KEY} | variables):
        found = outcome(lambda: kind().embeddings)
    counted(f"environments {found}")


@drawn
@given(kind=strategies.sampled_from([OpenRouter, AsyncOpenRouter]), url=urls)
def test_every_address_works_or_is_named(kind, url, counted):
    """Hosts, ports, paths and what stands around them."""
    with mock.patch.dict(os.environ, {"no_proxy": "*"}):
        found = outcome(lambda: kind(KEY, base_url=url, allow_http=True))
    counted(f"addresses {found}")
