"""The proxy over real sockets: what callers get, what the service sees, what it costs."""

from __future__ import annotations

import json
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed

import httpx
import numpy as np
import pybase64
import pytest

from openrouter_embeddings import ConfigurationError
from openrouter_embeddings.cache import EmbeddingCache, KeyMaker
from openrouter_embeddings.proxy import ProxyOptions, ProxyServer, _app, create_app
from openrouter_embeddings.testing import FaultServer, faults

MODEL = "test/embedding"
TOKEN = "a-token-of-a-caller-0001"
OWN_KEY = "sk-or-second-0123456789"


def vectors(response):
    """Read the vectors of a reply, in the order of its items."""
    data = response.json()["data"]
    assert [item["index"] for item in data] == list(range(len(data)))
    return np.array([item["embedding"] for item in data], np.float32)


def is_right(response, upstream, texts):
    wanted = np.array([upstream.vector(text) for text in texts])
    return response.status_code == 200 and np.array_equal(vectors(response), wanted)


def refusal(response):
    """Read an error of the service's envelope."""
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-should-retry"] == "false"
    error = response.json()["error"]
    assert error["code"] == response.status_code
    return error["message"]


def counters(proxy, call):
    lines = call(proxy, None).http.get("/metrics").text.splitlines()
    pairs = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    return {name.removeprefix("openrouter_embeddings_proxy_"): float(n) for name, _, n in pairs}


@pytest.mark.parametrize("prefix", ["/v1", "/api/v1", ""])
def test_vectors_come_in_both_encodings(prefix, serve, call, upstream):
    """Wherever clients look for the endpoint."""
    caller, texts = call(serve()), ["a red fox", "a brown dog"]
    numbers = caller.embed(texts, f"{prefix}/embeddings")
    packed = caller.embed(texts, f"{prefix}/embeddings", encoding_format="base64").json()

    assert is_right(numbers, upstream, texts)
    rows = [np.frombuffer(pybase64.b64decode(i["embedding"]), "<f4") for i in packed["data"]]
    assert np.array_equal(np.array(rows), vectors(numbers))
    assert numbers.json()["usage"]["prompt_tokens"] == upstream.requests[0].inputs * 2
    assert [request.inputs for request in upstream.requests] == [2, 2]


def test_what_a_caller_says_goes_on(serve, call, upstream):
    """Unknown fields too, and the headers that mean something; the whole text, whatever it is."""
    long = "long " * 50_000
    call(serve()).embed(
        [long, "é\u2028"],
        dimensions=4,
        input_type="search_query",
        provider={"data_collection": "deny"},
        truncate="END",
        headers={"HTTP-Referer": "https://example.org", "Cookie": "a=b"},
    )
    (request,) = upstream.requests

    assert request.body == {
        "input": [long, "é\u2028"],
        "model": MODEL,
        "encoding_format": "base64",
        "dimensions": 4,
        "input_type": "search_query",
        "provider": {"data_collection": "deny"},
        "truncate": "END",
    }
    assert request.headers["http-referer"] == "https://example.org"
    assert "cookie" not in request.headers


def test_token_ids_and_content_are_inputs(serve, call, upstream):
    """One list of ids is one input."""
    caller, item = call(serve()), {"content": [{"type": "text", "text": "a"}]}

    assert is_right(caller.embed([1, 2, 3]), upstream, [[1, 2, 3]])
    assert is_right(caller.embed([[1], [2]]), upstream, [[1], [2]])
    assert is_right(caller.embed([item]), upstream, [item])


def test_models_come_in_both_shapes(serve, call):
    """As OpenAI has them, and as the service has them."""
    caller = call(serve())
    for prefix in ("/v1", "/api/v1", ""):
        listed = caller.http.get(f"{prefix}/models").json()
        catalog = caller.http.get(f"{prefix}/embeddings/models").json()

        assert listed["object"] == "list"
        assert listed["data"][0] == {
            "id": MODEL,
            "object": "model",
            "created": 1767225600,
            "owned_by": "test",
        }
        assert catalog["data"][0]["pricing"] == {"prompt": "0.00000002", "completion": "0"}
        assert catalog["total_count"] == 2


SLOW = {"drip", "drip_headers", "silence"}
MENU = {name: fault for name, fault in faults.menu().items() if name not in SLOW}
MENU |= {"drip": faults.drip(0.001), "drip_headers": faults.drip_headers(0.001)}
MENU |= {"silence": faults.silence(0.01)}
TEXTS = ["a red fox", "a brown dog", "the third text"]


@pytest.mark.parametrize("always", [False, True], ids=["once", "always"])
def test_no_fault_brings_a_wrong_vector(always, serve, call, upstream, caplog):
    """Each ends in the right vectors or in an error with the reason, and nobody sees the key."""
    caplog.set_level(logging.DEBUG, "openrouter_embeddings")
    proxy = serve(window=0.0, deadline=0.3)
    caller = call(proxy)
    seen = []
    for name, fault in MENU.items():
        if always:
            upstream.always(fault)
        else:
            upstream.script(fault)
        # A model that gives another width each time, and nobody asked for one, is no fault.
        response = caller.embed(TEXTS, **({"dimensions": 8} if always else {}))
        seen.append(f"{response.headers}{response.text}")
        if response.status_code == 200:
            assert is_right(response, upstream, TEXTS), name
        else:
            assert len(refusal(response)) > 3, name
        upstream.always(None)
    seen += [caplog.text, caller.http.get("/metrics").text]

    assert not any(key in text for key in upstream.keys for text in seen)
    assert not any(text in caplog.text for text in TEXTS)


def test_what_passes_is_repeated_here(serve, call, upstream):
    """So that the caller need not."""
    upstream.script(faults.status(503), faults.reordered())

    assert is_right(call(serve()).embed(TEXTS), upstream, TEXTS)
    assert [request.fault for request in upstream.requests] == ["status", "reordered"]


def together(number, serve, **options):
    """Start a proxy whose windows close when so many wait; its clock is handed in."""
    proxy = None

    def clock():
        waiting = proxy is not None and proxy.waiting >= number
        return 1.0 if waiting else 0.0

    proxy = serve(clock=clock, window=0.01, **options)
    return proxy


def all_at_once(callers, texts):
    """Send one text by each caller, and return their replies in order."""
    with ThreadPoolExecutor(len(texts)) as pool:
        return list(pool.map(lambda pair: pair[0].embed(pair[1]), zip(callers, texts, strict=True)))


def test_two_hundred_that_arrive_together_become_one(serve, call, upstream):
    """Each gets its own vector, and its share of the usage, which adds up."""
    texts = [f"text {'x' * (n % 37)} {n}" for n in range(200)]
    caller = call(together(200, serve))
    replies = all_at_once([caller] * 200, texts)

    assert [request.inputs for request in upstream.requests] == [200]
    assert all(is_right(r, upstream, [t]) for r, t in zip(replies, texts, strict=True))
    usage = [reply.json()["usage"] for reply in replies]
    tokens = sum(len(text) // 4 for text in texts)
    assert sum(each["prompt_tokens"] for each in usage) == tokens
    assert abs(sum(each["cost"] for each in usage) - tokens * 2e-8) < 1e-15


def test_a_caller_that_hangs_up_harms_nobody(serve, call, upstream):
    """Whoever travels with it arrives."""
    proxy = together(2, serve)
    host, port = proxy.root_url.removeprefix("http://").split(":")
    body = json.dumps({"input": "a fox", "model": MODEL})
    head = (
        f"POST /v1/embeddings HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {upstream.keys[0]}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=60) as gone:
        gone.sendall((head + body).encode())
        while not proxy.waiting:
            pass

    assert is_right(call(proxy).embed("a dog"), upstream, ["a dog"])
    assert [request.body["input"] for request in upstream.requests] == [["a fox", "a dog"]]
    assert call(proxy, None).http.get("/healthz").status_code == 200


def test_a_large_request_travels_alone(serve, call, upstream):
    """A small one that came just before does not wait for all of it."""
    texts = [f"text {number}" for number in range(2_048)]
    proxy = together(1, serve)
    caller = call(proxy)
    large, small = all_at_once([caller] * 2, [texts, "a small one"])

    assert is_right(large, upstream, texts)
    assert is_right(small, upstream, ["a small one"])
    assert sorted(request.inputs for request in upstream.requests) == [1, 2_048]


def test_one_refused_text_fails_its_own_caller_alone(serve, call, upstream):
    """The others have their vectors, and each of them was paid for once."""
    texts = [f"text {n}" for n in range(20)] + ["a refused text"]
    caller = call(together(21, serve))
    *others, refused = all_at_once([caller] * 21, texts)

    assert all(is_right(r, upstream, [t]) for r, t in zip(others, texts, strict=False))
    assert refused.status_code == 400
    assert "an input is not acceptable" in refusal(refused)
    assert upstream.inputs_embedded == 20


def test_two_keys_never_share_a_request(serve, call, upstream):
    """Though they ask for the same at the same time."""
    proxy = together(2, serve)
    callers = [call(proxy, key) for key in upstream.keys]
    replies = all_at_once(callers, ["the same text"] * 2)

    assert all(is_right(reply, upstream, ["the same text"]) for reply in replies)
    assert sorted(upstream.shown) == sorted(upstream.keys)


def test_two_tokens_never_share_a_request(serve, call, upstream):
    """An error may quote an input; and both go at the pace of the one key."""
    tokens = [TOKEN, "a-token-of-a-caller-0002"]
    proxy = together(2, serve, api_key=OWN_KEY, tokens=tokens)
    replies = all_at_once([call(proxy, token) for token in tokens], ["the same text"] * 2)

    assert all(is_right(reply, upstream, ["the same text"]) for reply in replies)
    assert upstream.shown == [OWN_KEY, OWN_KEY]
    assert counters(proxy, call)["keys"] == 1


def one_after_the_other(upstream, asks):
    """Ask, each when the request of the one before is at the service, which then answers all."""
    upstream.gate.clear()
    with ThreadPoolExecutor(len(asks)) as pool:
        replies = []
        for caller, texts, fields in asks:
            replies.append(pool.submit(caller.embed, texts, **fields))
            assert upstream.arrived.acquire(timeout=60)
        upstream.gate.set()
        return [reply.result() for reply in replies]


def test_a_text_on_its_way_is_waited_for(serve, call, upstream):
    """It is paid for once, and what both have paid adds up."""
    proxy = serve(window=0.0)
    caller = call(proxy)
    asks = [(caller, ["a fox", "a dog"], {}), (caller, ["a dog", "a cat", "a dog"], {})]
    first, second = one_after_the_other(upstream, asks)

    assert is_right(first, upstream, ["a fox", "a dog"])
    assert is_right(second, upstream, ["a dog", "a cat", "a dog"])
    assert [request.body["input"] for request in upstream.requests] == [
        ["a fox", "a dog"],
        ["a cat"],
    ]
    tokens = [reply.json()["usage"]["prompt_tokens"] for reply in (first, second)]
    assert tokens == [2, 1]
    assert counters(proxy, call)["joined_total"] == 2
    # What has come is no longer on its way.
    assert is_right(caller.embed("a dog"), upstream, ["a dog"])
    assert upstream.inputs_embedded == 4


def test_one_refused_text_on_its_way_fails_those_who_asked_for_it(serve, call, upstream):
    """Each text by itself: a good one beside it is good for whoever waits."""
    caller = call(serve(window=0.0))
    asks = [
        (caller, ["a fox", "a refused text"], {}),
        (caller, ["a refused text", "a cat"], {}),
        (caller, ["a fox", "a cow"], {}),
    ]
    first, second, third = one_after_the_other(upstream, asks)

    assert (first.status_code, second.status_code) == (400, 400)
    assert "an input is not acceptable" in refusal(second)
    assert is_right(third, upstream, ["a fox", "a cow"])


def test_an_outage_of_what_is_on_its_way_is_told_to_all(serve, call, upstream):
    """Nobody waits for ever."""
    upstream.script(faults.status(401), faults.status(401))
    caller = call(serve(window=0.0))
    replies = one_after_the_other(upstream, [(caller, ["a"], {}), (caller, ["a", "b"], {})])

    assert [reply.status_code for reply in replies] == [401, 401]


def test_only_the_same_request_of_the_same_key_is_waited_for(serve, call, upstream):
    """Neither one of another width, nor one of another key."""
    proxy = serve(window=0.0)
    asks = [
        (call(proxy), ["a fox"], {}),
        (call(proxy), ["a fox"], {"dimensions": 4}),
        (call(proxy, upstream.keys[1]), ["a fox"], {}),
    ]
    replies = one_after_the_other(upstream, asks)

    assert [reply.status_code for reply in replies] == [200, 200, 200]
    assert [vectors(reply).shape[1] for reply in replies] == [8, 4, 8]
    assert upstream.inputs_embedded == 3


def test_with_a_token_the_key_is_the_proxys(serve, call, upstream):
    """The token goes nowhere, and the key is no token."""
    proxy = serve(api_key=OWN_KEY, tokens=[TOKEN])

    assert is_right(call(proxy, TOKEN).embed(["a"]), upstream, ["a"])
    assert set(upstream.shown) == {OWN_KEY}
    for wrong in (OWN_KEY, "another-token-of-a-caller", None):
        for response in (call(proxy, wrong).embed(["a"]), call(proxy, wrong).http.get("/models")):
            assert response.status_code == 401
            assert OWN_KEY not in refusal(response)
    assert len(upstream.requests) == 1


def test_a_hit_is_given_only_to_a_key_that_was_accepted(serve, call, upstream, tmp_path):
    """A stranger learns nothing of what others have paid for."""
    proxy = serve(cache=tmp_path / "cache")
    first = call(proxy).embed(TEXTS)
    again = call(proxy).embed(TEXTS)
    stranger = call(proxy, "sk-or-not-a-key-at-all").embed(TEXTS)

    assert is_right(first, upstream, TEXTS)
    assert is_right(again, upstream, TEXTS)
    assert again.json()["usage"] == {"prompt_tokens": 0, "total_tokens": 0, "cost": 0}
    assert stranger.status_code == 401
    assert upstream.inputs_embedded == 3
    assert counters(proxy, call)["cache_hits_total"] == 3


def test_a_new_key_shows_itself_with_one_input(serve, call, upstream, tmp_path):
    """The shortest one, which is the least that the service can be asked for; then it has hits."""
    proxy = serve(cache=tmp_path / "cache")
    call(proxy).embed(TEXTS)
    other = call(proxy, upstream.keys[1])

    assert is_right(other.embed(TEXTS), upstream, TEXTS)
    assert is_right(other.embed(TEXTS), upstream, TEXTS)
    paid = [request.body["input"] for request in upstream.requests if request.body]
    assert paid == [TEXTS, ["a red fox"]]


def test_a_new_key_is_asked_about_where_that_is_free(serve, call, upstream, tmp_path):
    """Once; then it has hits, and has paid nothing."""
    upstream.key_details = {"data": {"label": "sk-or-v1-sec...789", "is_management_key": False}}
    proxy = serve(cache=tmp_path / "cache")
    call(proxy).embed(TEXTS)
    replies = all_at_once([call(proxy, upstream.keys[1])] * 5, TEXTS[:1] * 5)

    assert all(is_right(reply, upstream, TEXTS[:1]) for reply in replies)
    assert upstream.shown == [upstream.keys[0], f"{upstream.keys[1]} itself"]
    assert upstream.inputs_embedded == 3
    assert call(proxy, "sk-or-not-a-key-at-all").embed(TEXTS).status_code == 401


@pytest.mark.parametrize(
    "details",
    [
        *({}, [], {"data": {}}, {"data": [{"label": "a"}]}, {"data": {"label": None}}),
        *(
            {"data": {"label": "a", name: True}}
            for name in ("is_management_key", "is_provisioning_key")
        ),
        {"error": {"code": 401, "message": "User not found."}},
    ],
)
def test_what_says_nothing_of_a_key_is_no_acceptance(details, serve, call, upstream, tmp_path):
    """A gateway may answer everything with something, and some keys ask for no embeddings."""
    upstream.key_details = details
    proxy = serve(cache=tmp_path / "cache")
    call(proxy).embed(TEXTS)

    assert is_right(call(proxy, upstream.keys[1]).embed(TEXTS), upstream, TEXTS)
    assert upstream.requests[-1].body["input"] == ["a red fox"]


def test_what_is_missing_shows_a_key_as_well(serve, call, upstream, tmp_path):
    """Nothing is paid twice then."""
    proxy = serve(cache=tmp_path / "cache")
    call(proxy).embed(TEXTS)

    assert is_right(call(proxy, upstream.keys[1]).embed([*TEXTS, "new"]), upstream, [*TEXTS, "new"])
    assert upstream.requests[-1].body["input"] == ["new"]


def test_a_key_that_is_refused_later_has_no_hits(serve, call, upstream, tmp_path):
    """It was switched off."""
    caller = call(serve(cache=tmp_path / "cache"))
    caller.embed(TEXTS)
    upstream.script(faults.status(401))

    assert caller.embed(["new"]).status_code == 401
    caller.embed(TEXTS)
    assert upstream.requests[-1].body["input"] == ["a red fox"]


def test_a_cache_of_another_width_is_asked_for_anew(serve, call, upstream, tmp_path):
    """Vectors of two spaces never stand in one reply, and what is new is not paid for twice."""
    key = KeyMaker(model=MODEL, source=upstream.base_url).key(TEXTS[1])
    with EmbeddingCache(tmp_path / "cache") as cache:
        cache.put({key: np.ones(5, np.float32)}, model=MODEL)
    proxy = serve(cache=tmp_path / "cache", api_key=OWN_KEY, tokens=[TOKEN])
    response = call(proxy, TOKEN).embed(TEXTS)

    assert is_right(response, upstream, TEXTS)
    assert upstream.inputs_embedded == 3
    assert response.json()["usage"]["prompt_tokens"] == 7


def test_a_proxy_that_starts_again_pays_nothing_twice(serve, call, upstream, tmp_path):
    """With a token, from the first request on."""
    options = {"cache": tmp_path / "cache", "api_key": OWN_KEY, "tokens": [TOKEN]}
    first = serve(**options)
    call(first, TOKEN).embed(TEXTS)
    first.stop()

    assert is_right(call(serve(**options), TOKEN).embed(TEXTS), upstream, TEXTS)
    assert upstream.inputs_embedded == 3


def test_max_cost_bounds_all_requests_of_a_key(serve, call, upstream):
    """However many come at once: what the server has charged never exceeds it."""
    texts = [f"{'x' * 400} {n}" for n in range(60)]
    each = (402 // 4) * 2e-8
    proxy = serve(max_cost=10.5 * each, window=0.0)
    caller = call(proxy)
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(caller.embed, texts))
    good = [reply for reply in replies if reply.status_code == 200]
    refused = [reply for reply in replies if reply.status_code != 200]

    assert len(good) >= 5
    assert {reply.status_code for reply in refused} == {402}
    assert all("max_cost" in refusal(r) or "bound" in refusal(r) for r in refused)
    assert upstream.inputs_embedded * each <= 10.5 * each
    assert counters(proxy, call)["cost_usd_total"] == pytest.approx(len(good) * each, rel=0.02)
    # Another key has a bound of its own.
    assert call(proxy, upstream.keys[1]).embed("short").status_code == 200


def test_a_bound_needs_a_price(serve, call, upstream):
    """One that nobody knows cannot be kept to."""
    response = call(serve(max_cost=1.0)).embed("a", model="no/such-model")

    assert response.status_code == 400
    assert "no/such-model" in refusal(response)
    assert upstream.inputs_embedded == 0


def test_a_price_that_varies_is_no_bound(serve, call):
    """The listing has none for a router."""
    model = {"id": MODEL, "name": "M", "pricing": {"prompt": "-1", "completion": "-1"}}
    with FaultServer(models=[model]) as routed:
        proxy = serve(upstream=routed.base_url, max_cost=1.0)
        response = call(proxy, routed.api_key).embed("a")

    assert response.status_code == 402
    assert "fixed price" in refusal(response)
    assert routed.inputs_embedded == 0


def test_once_nothing_is_left_nothing_goes_out(serve, call):
    """Of a service that is dearer than its listing too, whose first reply finds that out."""
    with FaultServer(cost_per_token=1e-6) as dear:
        caller = call(serve(upstream=dear.base_url, max_cost=1e-5), dear.api_key)

        assert caller.embed("x" * 400).status_code == 200
        assert refusal(caller.embed("a")).startswith("The bound of 1e-05 USD for this key")
        assert dear.inputs_embedded == 1


def test_an_outage_of_the_listing_is_told(serve, call, upstream):
    """And nothing is reserved for what was never sent."""
    upstream.script_models(*[faults.status(401)])
    caller = call(serve(max_cost=1.0))

    assert caller.embed("a").status_code == 401
    assert caller.embed("a").status_code == 200


def test_a_cache_that_fails_has_no_hits(serve, call, upstream, monkeypatch):
    """It costs no vector."""
    caller = call(serve(cache=":memory:"))
    caller.embed(TEXTS)

    def fail(*_):
        raise ConfigurationError("The cache cannot be read.")

    monkeypatch.setattr(EmbeddingCache, "find", fail)

    assert is_right(caller.embed(TEXTS), upstream, TEXTS)
    assert upstream.inputs_embedded == 6


def test_a_fault_of_the_proxy_itself_is_told_without_words(
    serve, call, upstream, monkeypatch, caplog
):
    """They could quote an input; the log has the place."""
    caller = call(serve())

    def fail(*_):
        raise RuntimeError("a secret text")

    monkeypatch.setattr(_app, "read_ask", fail)
    response = caller.embed("a secret text")

    assert response.status_code == 500
    assert refusal(response) == "Internal Server Error"
    assert "RuntimeError in fail" in caplog.text
    assert "secret" not in caplog.text
    monkeypatch.undo()
    assert caller.embed("a").status_code == 200


async def test_it_runs_beside_an_event_loop(upstream):
    """Which goes on."""
    started = ProxyServer(ProxyOptions(upstream=upstream.base_url))
    async with started as proxy, httpx.AsyncClient(trust_env=False) as http:
        assert (await http.get(f"{proxy.root_url}/healthz")).status_code == 200
    assert proxy.waiting == 0


def test_a_rate_holds_over_all_requests_of_a_key(serve, call, upstream):
    """Two in a minute: the third is still waiting when the others are answered."""
    proxy = serve(requests_per_minute=2, window=0.0)
    answered = threading.Semaphore(0)

    def ask(number):
        try:
            status = call(proxy).embed(f"text {number}").status_code
        except Exception:  # noqa: BLE001 - the proxy ends while it waits
            status = None
        answered.release()
        return status

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, number) for number in range(4)]
        answered.acquire()
        answered.acquire()
        # Another key has a minute of its own.
        assert call(proxy, upstream.keys[1]).embed("a").status_code == 200
        assert len(upstream.requests) == 3
        proxy.stop()
        assert sorted(each.result() == 200 for each in asked) == [False, False, True, True]


def test_who_would_wait_for_minutes_is_told_so(serve, call, upstream):
    """With the time at which to come again, instead of an answer that is too late."""
    upstream.gate.clear()
    proxy = serve(requests_per_minute=1, window=0.0)
    caller = call(proxy)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(caller.embed, "a")
        assert upstream.arrived.acquire(timeout=60)
        # Of these, one waits for its minute, and the end of the proxy ends that.
        others = [pool.submit(call(proxy).embed, text) for text in ("b", "c")]
        refused = next(as_completed(others)).result()
        upstream.gate.set()
        assert first.result().status_code == 200
        proxy.stop()

    assert refused.status_code == 429
    assert "for its 1 in a minute" in refusal(refused)
    assert refused.headers["retry-after"] == "60"
    assert len(upstream.requests) == 1


def test_a_page_in_a_browser_cannot_spend(serve, call, upstream):
    """It can send plain text, or give its own name to this machine."""
    caller, body = call(serve()), json.dumps({"input": "a", "model": MODEL})
    plain = caller.http.post("/v1/embeddings", content=body)
    rebound = caller.embed("a", headers={"Host": "evil.example"})
    asked = caller.http.options("/v1/embeddings", headers={"Origin": "https://evil.example"})

    assert (plain.status_code, rebound.status_code) == (415, 421)
    assert asked.status_code == 405
    assert not any(name.startswith("access-control") for name in asked.headers)
    assert caller.http.get("/metrics", headers={"Host": "evil.example"}).status_code == 421
    assert upstream.requests == ()
    named = call(serve(hosts=["Proxy.example"]))
    assert named.embed("a", headers={"Host": "proxy.example"}).status_code == 200


def test_bodies_are_bounded(serve, call, upstream):
    """A larger one is refused, with or without a key."""
    proxy = serve(max_body_bytes=1_000)

    assert call(proxy).embed("x" * 900).status_code == 200
    assert refusal(call(proxy).embed("x" * 1_000)).startswith("The body is too large")
    assert call(proxy, None).embed("x" * 1_900).status_code == 413
    assert call(proxy, None).embed("x" * 900).status_code == 401
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "no JSON"), (b"[]", "JSON object"), (b'{"model": "m", "input": ""}', "input")],
)
def test_a_body_that_cannot_be_used_is_refused(content, words, serve, call, upstream):
    """Before anything is sent, in words."""
    response = call(serve()).http.post(
        "/v1/embeddings", content=content, headers={"content-type": "application/json"}
    )

    assert response.status_code == 400
    assert words in refusal(response)
    assert upstream.requests == ()


def test_other_paths_and_methods_are_refused_in_the_same_envelope(serve, call):
    """So that clients show the words."""
    http = call(serve()).http

    assert refusal(http.get("/v1/nothing")) == "Not Found: GET /v1/nothing"
    assert http.get("/v1/embeddings").status_code == 405


def test_the_number_of_keys_is_bounded(serve, call, upstream):
    """One that the service has refused makes room; one that it took a moment ago does not."""
    proxy = serve(most_keys=1, clock=lambda: 0.0, window=0.0)

    assert call(proxy, "sk-or-nobody-1").embed("a").status_code == 401
    assert call(proxy).embed("a").status_code == 200
    full = call(proxy, "sk-or-nobody-2").embed("a")
    assert full.status_code == 503
    assert full.headers["retry-after"] == "10"
    assert call(proxy).embed("b").status_code == 200
    assert counters(proxy, call)["keys"] == 1


def test_what_was_done_is_counted(serve, call, upstream):
    """In Prometheus' text, each counter with its type."""
    upstream.script(faults.status(429, retry_after=0), faults.reset_before_body())
    proxy = serve(cache=":memory:")
    for _ in range(2):
        call(proxy).embed(TEXTS)
    call(proxy).embed("a refused text")
    found, text = counters(proxy, call), call(proxy, None).http.get("/metrics").text

    assert found['requests_total{status="200"}'] == 2
    assert found['requests_total{status="400"}'] == 1
    assert found["inputs_total"] == 6
    assert found["cache_hits_total"] == 3
    assert found["upstream_requests_total"] == len(upstream.requests)
    assert found["refusals_total"] == 1
    assert found["tokens_total"] == 7
    assert found["cost_usd_total"] == pytest.approx(7 * 2e-8)
    assert found["possible_cost_usd_total"] > 0
    for name in found.keys() - {"keys", "waiting"}:
        assert f"# TYPE openrouter_embeddings_proxy_{name.partition('{')[0]} counter" in text


def test_it_says_that_it_is_there(serve, call):
    """Without a key."""
    assert call(serve(), None).http.get("/healthz").json() == {"status": "ok"}


def test_a_size_that_a_model_takes_is_learnt(serve, call):
    """The second request is cut to it at once."""
    texts = [f"text {number}" for number in range(45)]
    with FaultServer(max_inputs=20) as limited:
        caller = call(serve(upstream=limited.base_url), limited.api_key)
        for _ in range(2):
            assert is_right(caller.embed(texts), limited, texts)

        assert sorted(r.inputs for r in limited.requests) == [5, 5, 20, 20, 20, 20, 45]


def test_it_starts_and_stops(upstream):
    """And says so where it does not run."""
    proxy = ProxyServer(ProxyOptions(upstream=upstream.base_url))
    with pytest.raises(ConfigurationError, match="does not run"):
        _ = proxy.base_url
    with proxy:
        host, port = proxy.root_url.removeprefix("http://").split(":")
        assert host == "127.0.0.1"
        with pytest.raises(ConfigurationError, match="runs already"):
            proxy.start()
    proxy.stop()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(port)), timeout=5)


@pytest.mark.parametrize(
    ("options", "argument"),
    [
        ({"upstream": "ftp://example.org"}, "base_url"),
        ({"upstream": "http://example.org"}, "base_url"),
        ({"api_key": OWN_KEY}, "tokens"),
        ({"tokens": [TOKEN]}, "tokens"),
        ({"api_key": OWN_KEY, "tokens": ["short"]}, "tokens[0]"),
        ({"api_key": OWN_KEY, "tokens": TOKEN}, "tokens"),
        ({"api_key": "not a key", "tokens": [TOKEN]}, "api_key"),
        ({"window": 0.02}, "window"),
        ({"max_cost": -1}, "max_cost"),
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"cache": 7}, "cache"),
        ({"hosts": "proxy.example"}, "hosts"),
        ({"most_keys": 0}, "most_keys"),
        ({"max_body_bytes": 0}, "max_body_bytes"),
        ({"retries": 3}, "retries"),
        ({"timeout": 0}, "timeout"),
        ({"deadline": "soon"}, "deadline"),
    ],
)
def test_options_that_cannot_be_used_are_named(options, argument):
    """Before anybody listens; no key and no token is shown."""
    with pytest.raises(ConfigurationError) as caught:
        create_app(ProxyOptions(**options))

    assert caught.value.argument == argument
    assert OWN_KEY not in str(caught.value)
    assert TOKEN not in str(caught.value)
