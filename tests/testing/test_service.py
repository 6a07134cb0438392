"""The test kit itself: what it sends is what it says, seen with bare sockets."""

from __future__ import annotations

import base64
import http.client
import inspect
import json
import re
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import openrouter_embeddings.faults
from openrouter_embeddings import testing
from openrouter_embeddings.testing import FaultServer, faults, vector_of
from openrouter_embeddings.testing import faults as menu_module
from openrouter_embeddings.testing._answers import MAKERS


def ask(server, body=None, *, method="POST", path="/embeddings", key=None, timeout=60):
    """Send one request with the standard library."""
    host, port = server.base_url.split("/")[2].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    headers = {"Authorization": f"Bearer {key or server.api_key}"}
    payload = json.dumps({"input": ["a", "b"], "model": "x/m"} if body is None else body)
    try:
        connection.request(method, f"/api/v1{path}", payload, headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def data_of(reply):
    return json.loads(reply[2])["data"]


def test_a_healthy_reply_has_the_live_shape(server):
    """Key order, index, usage and ids are those of recorded replies."""
    status, headers, body = ask(server)

    payload = json.loads(body)
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert list(payload) == ["object", "data", "model", "usage", "provider", "id"]
    assert [item["index"] for item in payload["data"]] == [0, 1]
    assert payload["model"] == "m"
    assert payload["usage"]["prompt_tokens"] == payload["usage"]["total_tokens"] == 2


def test_vectors_follow_from_the_input_alone(server):
    """So a test knows what must come back."""
    numbers = data_of(ask(server))
    texts = data_of(ask(server, {"input": ["b"], "model": "m", "encoding_format": "base64"}))

    assert np.float32(numbers[1]["embedding"]).tolist() == server.vector("b").tolist()
    decoded = np.frombuffer(base64.b64decode(texts[0]["embedding"]), "<f4")
    assert decoded.tolist() == server.vector("b").tolist()
    assert np.linalg.norm(vector_of([1, 2], 64)) == pytest.approx(1.0)
    assert vector_of("a", 64).tolist() != vector_of("b", 64).tolist()


def test_dimensions_are_honoured(server):
    """Like a model that can shorten its vectors."""
    (item,) = data_of(ask(server, {"input": "a", "model": "m", "dimensions": 3}))

    assert len(item["embedding"]) == 3


def test_the_script_is_played_in_order_and_ends(server):
    """One fault for each request, then healthy."""
    server.script(faults.status(503), faults.status(429, retry_after=7))

    replies = [ask(server) for _ in range(3)]

    assert [status for status, _, _ in replies] == [503, 429, 200]
    assert replies[1][1]["Retry-After"] == "7"
    assert [request.fault for request in server.requests] == ["status", "status", "ok"]
    assert (server.requests_refused, server.inputs_embedded) == (2, 2)


def test_one_fault_for_all_and_back(server):
    """Until told otherwise."""
    server.always(faults.empty_data())
    assert data_of(ask(server)) == []
    server.always(None)
    assert len(data_of(ask(server))) == 2


def test_chaos_repeats_itself(server):
    """The same seed gives the same faults in the same order."""
    courses = []
    for _ in range(2):
        server.chaos({faults.status(503): 0.3, faults.status(429): 0.3}, seed=7)
        courses.append([ask(server)[0] for _ in range(30)])

    assert courses[0] == courses[1]
    assert set(courses[0]) == {200, 429, 503}


def test_keys_are_checked_and_not_kept(server):
    """A foreign key gets a 401, and no record has any."""
    status, _, body = ask(server, key="sk-or-foreign")

    assert (status, json.loads(body)["error"]["code"]) == (401, 401)
    assert not server.requests[0].authorized
    assert "sk-or-foreign" not in repr(server.requests)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "m"}, 400),
        ({"input": "a"}, 400),
        ({"input": ["a", ""], "model": "m"}, 400),
        ([], 400),
        ({"input": ["a"] * 4, "model": "m"}, 422),
        ({"input": "x" * 2000, "model": "m"}, 413),
        ({"input": ["a", "bad"], "model": "m"}, 400),
    ],
    ids=lambda value: str(value)[:30],
)
def test_limits_are_kept(body, status):
    """Count, size, and texts that are refused with all others."""
    with FaultServer(poison={"bad"}, max_inputs=3, max_bytes=1000) as server:
        assert ask(server, body)[0] == status


def test_the_rate_is_kept():
    """What is too much gets a 429 with the wanted wait."""
    with FaultServer(rate=0.001, burst=2, retry_after=9) as server:
        replies = [ask(server) for _ in range(3)]

    assert [status for status, _, _ in replies] == [200, 200, 429]
    assert replies[2][1]["Retry-After"] == "9"


def test_unknown_paths_are_not_found(server):
    """Only the two endpoints exist."""
    assert ask(server, path="/chat")[0] == 404


def test_the_listing_has_pages():
    """By offset and limit, with a link to the next."""
    with FaultServer(models=[{"id": f"m/{n}"} for n in range(3)]) as server:
        _, _, body = ask(server, method="GET", path="/embeddings/models?offset=1&limit=1")

    payload = json.loads(body)
    assert payload["data"] == [{"id": "m/1"}]
    assert payload["total_count"] == 3
    assert payload["links"]["next"] == "/api/v1/models?offset=2&limit=1"


@pytest.mark.parametrize("name", faults.menu())
def test_faults_of_vectors_leave_the_listing_as_it_is(name):
    """A listing has none to change; what refuses or breaks refuses and breaks it too."""
    with FaultServer() as server:
        listing = server._rules.listing({})

    answer = faults.menu()[name].apply(listing)

    assert not answer.paid or len(json.loads(answer.body)["data"]) == 2


SHOWN = {
    "leading_whitespace": lambda r: r[2].startswith(b"\n   "),
    "status: 429 with Retry-After": lambda r: (r[0], r[1]["Retry-After"]) == (429, "0"),
    "error_in_200": lambda r: r[0] == 200 and json.loads(r[2])["error"]["code"] == 500,
    "wrapped_502": lambda r: r[0] == 400 and json.loads(r[2])["error"]["code"] == 502,
    "in_flight_budget": lambda r: r[0] == 402 and b"openrouter_in_flight_budget" in r[2],
    "free_tier_daily": lambda r: r[0] == 429 and b"free_tier_daily" in r[2],
    "zod_error": lambda r: json.loads(r[2])["success"] is False,
    "string_error": lambda r: isinstance(json.loads(r[2])["error"], str),
    "html": lambda r: r[0] == 502 and r[1]["Content-Type"] == "text/html",
    "redirect": lambda r: r[0] == 307 and "Location" in r[1],
    "empty_body": lambda r: r[0] == 200 and r[2] == b"",
    "whitespace_only": lambda r: r[2] and not r[2].strip(),
    "reordered": lambda r: [d["index"] for d in data_of(r)] == [1, 0],
    "absent_index": lambda r: not any("index" in d for d in data_of(r)),
    "missing_index": lambda r: [d.get("index") for d in data_of(r)] == [None, 1],
    "duplicate_index": lambda r: [d["index"] for d in data_of(r)] == [1, 1],
    "index_out_of_range": lambda r: [d["index"] for d in data_of(r)] == [1, 2],
    "missing_vector": lambda r: len(data_of(r)) == 1,
    "extra_vector": lambda r: len(data_of(r)) == 3,
    "nan": lambda r: b"NaN" in r[2],
    "infinity": lambda r: b"Infinity" in r[2],
    "zero_vector": lambda r: set(data_of(r)[1]["embedding"]) == {0.0},
    "mixed_widths": lambda r: [len(d["embedding"]) for d in data_of(r)] == [8, 7],
    "wrong_width": lambda r: [len(d["embedding"]) for d in data_of(r)] == [9, 9],
    "base64_despite_float": lambda r: isinstance(data_of(r)[0]["embedding"], str),
    "refuses_base64": lambda r: len(data_of(r)) == 2,
    "junk_base64": lambda r: "!!" in data_of(r)[1]["embedding"],
    "one_vector": lambda r: len(data_of(r)) == 1,
    "one_for_all": lambda r: data_of(r)[0]["embedding"] == data_of(r)[1]["embedding"],
    "text_numbers": lambda r: data_of(r)[1]["embedding"] == ["0.5", "0.5"],
    "null_numbers": lambda r: None in data_of(r)[1]["embedding"],
    "null_embedding": lambda r: data_of(r)[1]["embedding"] is None,
    "new_enum_values": lambda r: json.loads(r[2])["object"] == "list.v2",
    "extra_fields": lambda r: "novelty" in json.loads(r[2]),
    "null_usage": lambda r: json.loads(r[2])["usage"] is None,
    "wrong_content_type": lambda r: r[1]["Content-Type"] == "text/plain",
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_fault_does_what_it_says(name, server):
    """Seen from outside, without our client."""
    server.always(faults.menu()[name])

    assert SHOWN[name](ask(server))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("truncated_body", http.client.IncompleteRead),
        ("reset_before_body", ConnectionResetError),
        ("reset_in_body", (ConnectionResetError, http.client.IncompleteRead)),
    ],
)
def test_connections_break_as_they_should(name, error, server):
    """A reset is a reset."""
    server.always(faults.menu()[name])

    with pytest.raises(error):
        ask(server, {"input": ["a"] * 50, "model": "m"})


@pytest.mark.parametrize(
    "fault", [faults.drip(5), faults.drip_headers(5), faults.silence(600)], ids=repr
)
def test_slow_replies_outlast_a_short_patience(fault, server):
    """And the server still stops at once, with the drip under way."""
    server.always(fault)

    with pytest.raises((TimeoutError, socket.timeout)):
        _read_all_within(server, 0.1)


def _read_all_within(server, seconds):
    result = []
    thread = threading.Thread(target=lambda: result.append(_quietly(server)), daemon=True)
    thread.start()
    thread.join(seconds)
    if not result:
        raise TimeoutError


def _quietly(server):
    try:
        return ask(server, timeout=60)
    except (OSError, http.client.HTTPException):
        return None


@pytest.mark.parametrize("form", ["imf", "rfc850", "asctime"])
def test_dates_have_the_three_forms(form):
    """RFC 9110 section 5.6.7, with its own example."""
    examples = {
        "imf": "Sun, 06 Nov 1994 08:49:37 GMT",
        "rfc850": "Sunday, 06-Nov-94 08:49:37 GMT",
        "asctime": "Sun Nov  6 08:49:37 1994",
    }

    assert faults.http_date(datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC), form) == examples[form]


def test_the_menu_is_complete():
    """Every function that makes a fault is on it."""
    makers = set(menu_module.__all__) - {"Answer", "Fault", "Healthy", "http_date", "menu"}

    assert makers == set(MAKERS) == {name.partition(":")[0] for name in faults.menu()}
    assert set(openrouter_embeddings.faults.__all__) == set(menu_module.__all__)
    assert openrouter_embeddings.faults.nan is faults.nan


def test_a_maker_says_what_it_takes():
    """Its signature is that of a caller: without the reply that it shapes."""
    assert str(inspect.signature(faults.drip)) == "(interval: 'float' = 0.05) -> 'Fault'"
    assert faults.drip(interval=0.05) == faults.drip()
    assert faults.html(200).violates_contract
    assert not faults.html().violates_contract


def test_faults_with_equal_settings_are_equal():
    """They can be keys of a mapping."""
    assert faults.status(503) == faults.status(503)
    assert faults.status(503) != faults.status(502)
    assert len({faults.status(503), faults.status(503), faults.nan()}) == 2
    assert all(fault.description for fault in faults.menu().values())


def test_the_example_of_the_docstring_runs():
    """What the first screen of the module shows is true."""
    lines = Path(testing.__file__).read_text(encoding="utf-8").split('"""')[1].splitlines()
    example = "\n".join(line[4:] for line in lines if re.match(r" {4}", line))

    assert "FaultServer" in example
    exec(compile(example, "docstring", "exec"), {})
