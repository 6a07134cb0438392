"""Findings about a server, whose words a terminal and a file take as they are."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from openrouter_embeddings.contract._checks import Finding
from openrouter_embeddings.contract._report import to_junit, to_text


def test_words_of_a_server_are_shown_and_not_obeyed():
    """Neither does a half surrogate keep the report from its file."""
    found = Finding("check", "rule", "wrong", "a\x1b[2J\nok fake: \ud800", "curl '\x9b'")

    text, xml = to_text("u", [found], 1, 0.0, {}), to_junit("u", [found])

    assert "a\\x1b[2J ok fake: \\ud800" in text
    assert text.encode()
    assert all(line.isprintable() for line in text.splitlines())
    assert ET.fromstring(xml).get("failures") == "1"
