"""What is asked for and how: base64 where it serves, numbers where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from openrouter_embeddings import (
    OpenRouterError,
)
from openrouter_embeddings.testing import faults


def test_explicit_base64_leaves_texts_and_still_decodes(server, client):
    """`data` has what was asked for, in the order of the inputs, and `vectors` is float32."""
    server.always(faults.reordered())

    response = client.generate(["a", "b"], encoding_format="base64")

    assert [type(item.embedding) for item in response.data] == [str, str]
    assert np.array_equal(response.vectors, [server.vector("a"), server.vector("b")])
    again = client.generate(["b"], encoding_format="base64")
    assert response.data[1].embedding == again.data[0].embedding


def test_explicit_base64_answered_with_numbers_gives_arrays(server, client):
    """What did not come as text cannot be left as text."""
    server.always(faults.floats_despite_base64())

    response = client.generate("a", encoding_format="base64")

    assert isinstance(response.data[0].embedding, np.ndarray)


@pytest.mark.parametrize("how", ["empty", "error", "400"])
def test_a_model_without_base64_is_remembered(how, server, client):
    """One detour for each model and kind of input, and nobody has to know."""
    server.always(faults.refuses_base64(how))

    for _ in range(3):
        assert np.array_equal(client.generate("a").vectors, [server.vector("a")])

    asked = [request.body["encoding_format"] for request in server.requests]
    assert asked == ["base64", "float", "float", "float"]
    client.generate([1, 2])
    assert server.requests[-2].body["encoding_format"] == "base64"


def test_a_failure_that_is_not_about_base64_is_not_remembered(server, client):
    """The detour through numbers must succeed to count."""
    server.script(faults.no_successful_provider(), faults.no_successful_provider())

    with pytest.raises(OpenRouterError):
        client.generate("a", retries=None)
    client.generate("a")

    asked = [request.body["encoding_format"] for request in server.requests]
    assert asked == ["base64", "float", "base64"]
