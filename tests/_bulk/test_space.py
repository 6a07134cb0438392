"""The space of a run's vectors: one width, and one provider where it is pinned."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import EmbeddingsResponse
from openrouter_embeddings._bulk.items import Item
from openrouter_embeddings._bulk.space import Space, named_provider
from openrouter_embeddings.inputs import embedding_request


def template(**options):
    return embedding_request(input="template", model="m", **options)


def response(width, provider):
    return EmbeddingsResponse(vectors=np.ones((1, width), np.float32), provider=provider)


@pytest.mark.parametrize(
    ("pin", "answers", "problem"),
    [
        (False, [(8, "A"), (8, "B"), (8, None)], None),
        (False, [(8, "A"), (9, "A")], "have 9 numbers .provider A., those before had 8"),
        (True, [(8, "A"), (8, "A"), (8, None)], None),
        (True, [(8, "A"), (8, "B")], "B answered though the run is pinned to A"),
    ],
    ids=str,
)
def test_answers_that_do_not_belong_to_the_others_are_told(pin, answers, problem):
    """The first one decides."""
    space = Space(template(), pin)
    *good, last = [space.check(response(*answer)) for answer in answers]

    assert good == [None] * len(good)
    assert last is None if problem is None else last is not None
    if problem is not None:
        with pytest.raises(type(last), match=problem):
            raise last


def test_a_pinned_run_asks_no_cache_before_its_provider_is_known():
    """Then it asks for vectors of that one, and each request names it."""
    space, item = Space(template(), pin=True), Item("a", "text", "a", 1)
    assert space.is_open
    assert space.store_key(item) is None
    space.check(response(8, "A"))

    assert not space.is_open
    assert space.template.options["provider"] == {"only": ["A"], "allow_fallbacks": False}
    pinned = Space(template(provider={"only": ["A"], "allow_fallbacks": False}))
    assert space.store_key(item) == pinned.store_key(Item("a", "text", "a", 1)) is not None


def test_what_another_source_gave_has_keys_of_its_own():
    """Before a provider is pinned, and after."""
    spaces = [Space(template(), True, source) for source in ("one", "another", "one")]
    for space in spaces:
        space.check(response(8, "A"))
    pinned = [space.store_key(Item("a", "text", "a", 1)) for space in spaces]
    free = [Space(template(), False, source).key([1]) for source in ("one", "another", "one")]

    for first, second, third in (pinned, free):
        assert first == third != second
    assert None not in pinned


def test_the_first_width_of_the_cache_counts_too():
    """Others are not taken from there."""
    space = Space(template())

    assert [space.admits(width) for width in (8, 9, 8)] == [True, False, True]


@pytest.mark.parametrize(
    ("provider", "named"),
    [(None, None), ({"zdr": True}, None), ({"only": ["b", "a"]}, "b,a")],
)
def test_a_request_names_the_providers_that_it_is_bound_to(provider, named):
    """Other preferences bind it to none."""
    assert named_provider(template(provider=provider)) == named
