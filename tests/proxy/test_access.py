"""Who is let in."""

from __future__ import annotations

import pytest

from openrouter_embeddings.proxy._access import Gate, RefusalError

KEY = "sk-or-the-proxys-own-key"
TOKEN = "a-token-of-a-caller-0001"
SERVER = ("192.0.2.7", 8080)


def refused(check, *arguments):
    with pytest.raises(RefusalError) as caught:
        check(*arguments)
    assert KEY not in caught.value.message
    assert TOKEN not in caught.value.message
    return caught.value.status


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080", "192.0.2.7:8080"),
        *("localhost", "proxy.example", "proxy.example:443", "other.example:81"),
    ],
)
def test_names_of_this_machine_and_given_ones_are_ours(host):
    """With the port that the request came in at, or the one that is named."""
    gate = Gate(hosts=frozenset({"proxy.example", "other.example:81"}))

    gate.check_host({"host": host}, SERVER)


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "evil.example:8080", "localhost:81", "127.0.0.1.evil.example:8080"),
        *("other.example", "192.0.2.8:8080", "localhost@evil.example", "[::1", "[::1]x:8080"),
    ],
)
def test_any_other_host_is_refused(host):
    """A page that made its name lead here would send such."""
    gate = Gate(hosts=frozenset({"other.example:81"}))

    assert refused(gate.check_host, {"host": host}, SERVER) == 421
    assert refused(gate.check_host, {}, SERVER) == 421


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_taken(kind):
    """However it is written."""
    Gate().check_type({"content-type": kind})


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "json"])
def test_what_a_page_could_send_without_asking_is_refused(kind):
    """Before anything is spent."""
    assert refused(Gate().check_type, {"content-type": kind}) == 415


def test_a_key_of_the_callers_own_goes_on():
    """It is known by another name here, which is the same each time."""
    one, again = (Gate().admit({"authorization": f"bearer {KEY}"}) for _ in range(2))
    other = Gate().admit({"authorization": "Bearer sk-or-another-key"})

    assert (one.key, one.is_known) == (KEY, False)
    assert one == again
    assert one.id == one.holder
    assert one.id != other.id
    assert KEY not in repr(one)
    assert KEY.encode() not in one.id


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer  ", "Basic abc", f"Bearer {KEY} {KEY}"])
def test_without_a_key_nobody_is_let_in(given):
    """The service would say the same."""
    assert refused(Gate().admit, {"authorization": given}) == 401
    assert refused(Gate().admit, {}) == 401


def test_with_a_key_of_the_proxys_own_a_token_is_needed():
    """The key itself is none, and is shown to nobody."""
    gate = Gate(KEY, (TOKEN, "another-token-of-a-caller"))
    one = gate.admit({"authorization": f"Bearer {TOKEN}"})
    other = gate.admit({"authorization": "Bearer another-token-of-a-caller"})

    assert (one.key, one.is_known) == (KEY, True)
    assert one.holder == other.holder
    assert one.id != other.id
    for wrong in (KEY, TOKEN[:-1], f"{TOKEN}x", "ü" * 20):
        assert refused(gate.admit, {"authorization": f"Bearer {wrong}"}) == 401
    assert KEY not in repr(gate)
    assert TOKEN not in repr(gate)
