"""What replies teach about models, and for how long."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import EmbeddingsResponse
from openrouter_embeddings._request.lessons import Lessons
from openrouter_embeddings.inputs import embedding_request


@pytest.fixture
def lessons(clock):
    return Lessons(clock)


ASKED = embedding_request(input="a", model="m")


def response(width, provider="P"):
    return EmbeddingsResponse(np.ones((1, width), np.float32), provider=provider)


def test_base64_is_tried_again_after_a_while(lessons, clock):
    """The first event may have been an accident; each one that confirms it holds longer."""
    assert lessons.has_base64(ASKED)
    for seconds in (600, 6_000, 60_000, 86_400, 86_400):
        lessons.note_numbers_only(ASKED)
        clock.now += seconds - 1
        assert not lessons.has_base64(ASKED)
        clock.now += 1
        assert lessons.has_base64(ASKED)


def test_replies_as_numbers_do_not_lengthen_a_lesson(lessons, clock):
    """They were asked for as numbers because of it, and say nothing new."""
    lessons.note_numbers_only(ASKED)
    clock.now = 300
    lessons.note_numbers_only(ASKED)
    clock.now = 600

    assert lessons.has_base64(ASKED)


def test_a_lesson_is_about_one_kind_of_input(lessons):
    """Token ids fail as base64 where texts do not."""
    lessons.note_numbers_only(embedding_request(input=[1, 2], model="m"))

    assert lessons.has_base64(ASKED)


@pytest.mark.parametrize(
    ("widths", "refused"),
    [
        ([4, 4, 4], []),
        ([4, 8], []),
        ([4, 4, 8], [2]),
        ([4, 4, 8, 4, 8, 4], [2, 4]),
        ([4, 4, 8, 8, 8], [2, 3]),
        ([4, 4, 8, 8, 4], [2, 3, 4]),
        ([4, 4, 8, 6, 8], [2, 3, 4]),
    ],
    ids=str,
)
def test_the_width_of_two_replies_is_the_width(widths, refused, lessons):
    """Another is an error, and takes its place when it came twice in a row."""
    found = [lessons.check_width(ASKED, response(width)) for width in widths]

    assert [place for place, error in enumerate(found) if error is not None] == refused


def test_a_wrong_width_names_both_and_their_providers(lessons):
    """Whoever reads it knows whom to pin."""
    for _ in range(2):
        lessons.check_width(ASKED, response(4, "One"))

    error = lessons.check_width(ASKED, response(8, None))

    assert "have 8 numbers (provider unknown), those before had 4 (provider One)" in error.message


def test_widths_are_known_by_model_and_dimensions(lessons):
    """Who asks for other dimensions gets another width."""
    for _ in range(2):
        lessons.check_width(ASKED, response(4))

    assert not lessons.check_width(
        embedding_request(input="a", model="m", dimensions=8), response(8)
    )
    assert not lessons.check_width(embedding_request(input="a", model="n"), response(8))
