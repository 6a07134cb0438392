"""The space of a run's vectors: one width, and one provider where it is pinned."""

from __future__ import annotations

import re

import numpy as np
import pytest
from attrs import evolve

from openrouter_embeddings import EmbeddingsResponse
from openrouter_embeddings._bulk.items import Item
from openrouter_embeddings._bulk.space import Space, keys_of, named_provider
from openrouter_embeddings.inputs import embedding_request


def template(**options):
    return embedding_request(input="template", model="m", **options)


def response(width, provider, model=None):
    vectors = np.ones((1, width), np.float32)
    return EmbeddingsResponse(vectors=vectors, provider=provider, model=model)


def key_of(space):
    return space.store_key(Item("a", "text", "a", 1))


@pytest.mark.parametrize(
    ("pin", "answers", "problem"),
    [
        (False, [(8, "A"), (8, "B"), (8, None)], None),
        (False, [(8, "A"), (9, "A")], "have 9 numbers .provider A., those before had 8"),
        (True, [(8, "A"), (8, "A"), (8, None)], None),
        (True, [(8, "A"), (8, "B")], "B answered though the run is pinned to A"),
        (True, [(8, None), (8, ""), (8, None)], None),
        (
            True,
            [(8, None), (8, "B")],
            "B answered a pinned run whose first reply named no provider",
        ),
        (True, [(8, "A", "m"), (8, "A", None), (8, "A", "author/M")], None),
        (True, [(8, "A", "m"), (8, "A", "m-v2")], None),
        (True, [(8, "A", "m"), (8, "A", "n")], "'n' answered, and before that 'm'"),
        (True, [(8, "A", "m"), (8, "A", "m-v1"), (8, "A", "m-v2")], "and before that 'm-v1'"),
        (False, [(8, "A", "m"), (8, "A", "n")], None),
    ],
    ids=str,
)
def test_answers_that_do_not_belong_to_the_others_are_told(pin, answers, problem):
    """The first one decides."""
    space = Space(template(), pin)
    *good, last = [space.check(response(*answer)) for answer in answers]

    assert good == [None] * len(good)
    assert last is None if problem is None else re.search(problem, str(last))


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


def test_an_answer_that_is_none_of_the_others_leaves_no_trace():
    """What it says of itself is not what the run says."""
    space = Space(template(), pin=True)
    space.check(response(8, "A"))
    space.check(response(8, "B", "another"))

    assert (space.providers, space.model, space.notes) == (("A",), None, [])


@pytest.mark.parametrize("provider", [None, ""])
def test_a_run_that_cannot_be_pinned_has_keys_of_its_own(provider):
    """Vectors of runs that are not pinned may be anybody's; it is said once, and told once."""
    space, given = Space(template(), pin=True), {"only": ["A", "B"]}
    space.check(response(8, provider))
    space.check(response(8, provider))
    again, narrower = Space(template(), pin=True), Space(template(provider=given), pin=True)
    for other in (again, narrower):
        other.check(response(8, None))
    named = Space(template(), pin=True)
    named.check(response(8, "A"))

    assert not space.is_open
    assert "provider" not in space.template.options
    assert key_of(space) == key_of(again)
    assert len({key_of(each) for each in (space, narrower, named, Space(template()))}) == 4
    assert space.notes == ["The run could not be pinned: the replies name no provider."]
    assert (space.take_news(), space.take_news()) == (space.notes, [])


def test_the_provider_is_pinned_where_the_request_has_its_last_word():
    """Preferences in extra_body take the place of all others, on the wire and in keys."""
    spaces = [Space(template(extra_body={"provider": {"new": 1}}), pin=True) for _ in range(2)]
    for space, provider in zip(spaces, "AB", strict=True):
        space.check(response(8, provider))

    pinned = {"new": 1, "only": ["A"], "allow_fallbacks": False}
    assert spaces[0].template.extra_body == {"provider": pinned}
    assert len({key_of(space) for space in spaces}) == 2


def test_names_of_a_model_are_noted_once_and_not_without_end():
    """A service may make up a name for each reply."""
    space = Space(template())
    for number in [*range(100), *range(100)]:
        space.check(response(8, "A", f"model {number}"))

    assert space.notes[0] == "The model 'model 1' answered, and before that 'model 0'."
    assert len(space.notes) == len(set(space.notes)) == 7


def test_vectors_of_another_model_are_not_kept():
    """A later run would take them for those of the model that it asks for."""
    space = Space(template())
    space.check(response(8, "A", "m"))

    names = ["m", "author/m", "m-002", None, "n"]
    kept = [space.keeps(response(8, "A", name)) for name in names]
    assert kept == [True, True, True, True, False]


def test_a_field_that_is_new_to_the_contract_has_keys_of_its_own():
    """Else a cache would hand over the vector of another task; who asks is no matter."""
    plain = embedding_request(input="a", model="m")
    given = [{}, {"task": "query"}, {"task": "document"}, {"input_type": "query"}]
    keys = {keys_of(evolve(plain, options=options), None).key("a") for options in given}
    other = {"user": "u", "session_id": "s", "trace": {"trace_id": "t"}}

    assert len(keys) == 4
    assert keys_of(evolve(plain, options=other), None).key("a") == keys_of(plain, None).key("a")


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
    [(None, None), ({"zdr": True}, None), ({"only": ["b"]}, "b"), ({"only": ["b", "a"]}, None)],
)
def test_a_request_names_the_provider_that_it_is_bound_to(provider, named):
    """Other preferences bind it to none, and two names to no one."""
    assert named_provider(template(provider=provider)) == named
