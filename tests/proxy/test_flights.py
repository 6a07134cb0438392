"""Texts on their way."""

from __future__ import annotations

from openrouter_embeddings.proxy._flights import Flight, Flights


def test_what_somebody_sends_is_found_until_it_has_come():
    """By those who ask for the same, at its place among what was sent."""
    flights: Flights[str] = Flights()
    flights.begin("name", ["a", [1, 2], "b"], "one")

    assert flights.find("name", {0: "b", 7: "c", 8: "a"}) == {
        0: Flight("one", 2),
        8: Flight("one", 0),
    }
    assert flights.find("other", {0: "b"}) == {}
    flights.end("name", ["a", [1, 2], "b"], "one")
    assert flights.find("name", {0: "b"}) == {}
    assert len(flights) == 0


def test_what_is_no_text_travels_alone():
    """Its equal is not looked for."""
    flights: Flights[str] = Flights()
    flights.begin("name", [[1, 2], {"content": []}], "one")

    assert flights.find("name", {0: [1, 2]}) == {}
    assert len(flights) == 0


def test_the_first_who_sends_a_text_is_waited_for():
    """And the end of another one does not forget it."""
    flights: Flights[str] = Flights()
    flights.begin("name", ["a", "a"], "one")
    flights.begin("name", ["a", "b"], "another")
    flights.end("name", ["a", "b"], "another")

    assert flights.find("name", {0: "a", 1: "b"}) == {0: Flight("one", 0)}
    flights.end("unknown", ["a"], "one")
    assert len(flights) == 1
