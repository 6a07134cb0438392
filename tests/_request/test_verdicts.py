"""Every judgement over errors, in one table."""

from __future__ import annotations

import pytest

from openrouter_embeddings._request.verdicts import is_too_long
from openrouter_embeddings.errors import (
    BadRequestResponseError,
    ForbiddenResponseError,
    PayloadTooLargeResponseError,
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BadRequestResponseError("This model's maximum context length is 8192 tokens"), True),
        (BadRequestResponseError("input[0] is too long"), True),
        (BadRequestResponseError("no", metadata={"error_type": "string_too_long"}), True),
        (BadRequestResponseError("X is not a valid model ID"), False),
        (PayloadTooLargeResponseError("Payload Too Large"), True),
        (ForbiddenResponseError("too long"), False),
    ],
)
def test_what_too_long_means(error, expected):
    """The service says it by its type, or in words."""
    assert is_too_long(error) is expected
