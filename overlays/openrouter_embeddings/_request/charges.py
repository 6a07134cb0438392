"""What an attempt cost: what its reply says, and how often more may have been charged. Pure.

The theory. The service charges for what it computes. It computed where it began a success, and it
may have where it took a whole request and gave no status, or says itself that time ran out; every
other refusal is free. What a reply says that it cost is a charge, whatever becomes of its vectors.
What nobody told the cost of is no charge of zero: it is counted, and stays possible.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from attrs import frozen

from openrouter_embeddings._request import lenient
from openrouter_embeddings._request.request import Reply
from openrouter_embeddings._request.verdicts import may_have_cost

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings.errors import NoResponseError, OpenRouterError
    from openrouter_embeddings.values import Usage

# The dearest listed price is a few USD a million tokens, so this is a thousand full requests of it.
_MOST_USD = 10_000.0
# 2,048 inputs of the longest contexts there are, a million tokens, stay below twice this.
_MOST_TOKENS = 10**9


@frozen
class Charge:
    """What one attempt cost.

    Attributes:
        computed: How often the service computed what was asked for, or may have.
        cost: What the reply says that it cost in USD; None where it does not say.
        tokens: What the reply says that it counted; None where it does not say.
    """

    computed: int = 0
    cost: float | None = None
    tokens: int | None = None

    @property
    def unsaid(self) -> int:
        """How often something may have been charged that nobody told the cost of."""
        return max(0, self.computed - (self.cost is not None))


FREE = Charge()


def make_charge(
    answer: Reply | NoResponseError, error: OpenRouterError | None, usage: Usage | None = None
) -> Charge:
    """Say what an attempt cost.

    Args:
        answer: The reply, or the error in its place.
        error: What the attempt ended with; None for good vectors.
        usage: What the reply says, where it was read; else it is looked for in the body.
    """
    if not isinstance(answer, Reply):
        return Charge(max(answer.written, int(answer.sent)))
    cost, tokens = _find_usage(answer.body) if usage is None else (usage.cost, usage.prompt_tokens)
    computed = error is None or cost is not None or may_have_cost(error)
    return Charge(max(0, answer.written - 1) + computed, cost, tokens)


def bounded_cost(value: object) -> float | None:
    """Take a cost in USD; None for what cannot be one."""
    cost = lenient.number(value)
    return cost if cost is not None and 0 <= cost <= _MOST_USD else None


def bounded_tokens(value: object) -> int | None:
    """Take a number of tokens; None for what cannot be one."""
    tokens = lenient.count(value)
    return tokens if tokens is not None and 0 <= tokens <= _MOST_TOKENS else None


def _find_usage(body: bytes | bytearray) -> tuple[float | None, int | None]:
    """Look for the usage in a body that is no good otherwise: cut off, or with something behind."""
    payload = lenient.decode(body)
    usage = payload.get("usage") if isinstance(payload, dict) else _decode_usage(body)
    if not isinstance(usage, dict):
        return None, None
    said = cast("Mapping[str, object]", usage)
    return bounded_cost(said.get("cost")), bounded_tokens(said.get("prompt_tokens"))


def _decode_usage(body: bytes | bytearray) -> object:
    _, found, rest = bytes(body).rpartition(b'"usage"')
    if not found:
        return None
    text = rest.decode("utf-8", "replace").lstrip(" \t\r\n:")
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


@frozen
class Bill:
    """What the attempts of one logical request cost together.

    Attributes:
        said: How many charges have a cost.
        unsaid: How many charges may stand beside them.
        cost: The costs together, in USD.
        wasted: How much of it brought nothing, in USD.
        dearest: The largest of the costs, in USD.
    """

    said: int = 0
    unsaid: int = 0
    cost: float = 0.0
    wasted: float = 0.0
    dearest: float = 0.0

    def plus(self, charge: Charge, *, wasted: bool) -> Bill:
        """Add what an attempt cost, which brought nothing where it was wasted."""
        cost = charge.cost or 0.0
        return Bill(
            self.said + (charge.cost is not None),
            self.unsaid + charge.unsaid,
            self.cost + cost,
            self.wasted + (cost if wasted else 0.0),
            max(self.dearest, cost),
        )

    @property
    def known(self) -> float | None:
        """What is known of the cost in USD; None where nobody said."""
        return None if self.unsaid and not self.said else self.cost

    @property
    def possible(self) -> float | None:
        """What may have been charged beside it in USD; None where nobody knows how much.

        All attempts ask for the same, so each may have cost what the dearest of them did; that one
        was free, out of the service's response cache say, tells nothing of the others.
        """
        return None if self.unsaid and not self.dearest else self.unsaid * self.dearest

    def put_on(self, error: OpenRouterError) -> OpenRouterError:
        """Have an error tell what was paid for it."""
        error.cost, error.possible_cost = self.known, self.possible
        return error
