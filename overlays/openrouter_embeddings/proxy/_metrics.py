"""What a proxy has done, as numbers in Prometheus' text format; no key and no input is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_HELP = {
    "inputs": "Inputs that were answered with vectors, hits of the cache included.",
    "cache_hits": "Inputs that were answered from the cache.",
    "joined": "Inputs that were answered by a request that was on its way for another one.",
    "upstream_requests": "HTTP requests for embeddings that went to the service, retries included.",
    "tokens": "Tokens, as far as the service said.",
    "refusals": "Requests that the service refused for being too many, or that timed out.",
    "cost_usd": "What is known of the cost in USD.",
    "possible_cost_usd": "What may have been charged beside it in USD.",
    "possible_cost_unknown": "Runs that may have been charged more, and nobody knows how much.",
}


@define(eq=False)
class Metrics:
    """Counters of one proxy since its start.

    Attributes:
        inputs: Inputs that were answered with vectors.
        cache_hits: How many of them the cache had.
        joined: How many of them were on their way for others.
        upstream_requests: HTTP requests to the service.
        tokens: Tokens, as far as the service said.
        refusals: Refusals for the pace.
        cost_usd: What is known of the cost.
        possible_cost_usd: What may have been charged beside it.
        possible_cost_unknown: How many runs may have cost more by an amount that nobody knows.
        answers: How many requests were answered with which status.
    """

    inputs: int = 0
    cache_hits: int = 0
    joined: int = 0
    upstream_requests: int = 0
    tokens: int = 0
    refusals: int = 0
    cost_usd: float = 0.0
    possible_cost_usd: float = 0.0
    possible_cost_unknown: int = 0
    answers: dict[int, int] = field(init=False, factory=dict)

    def count_answer(self, status: int) -> None:
        """Count a request by the status of its answer."""
        self.answers[status] = self.answers.get(status, 0) + 1

    def write(self, *, keys: int, waiting: int) -> str:
        """Write the counters.

        Args:
            keys: How many keys are held.
            waiting: How many requests wait for others to travel with.
        """
        return "".join(f"{line}\n" for line in self._lines(keys, waiting))

    def _lines(self, keys: int, waiting: int) -> Iterator[str]:
        name = "openrouter_embeddings_proxy"
        yield f"# HELP {name}_requests_total Requests that were answered, by status."
        yield f"# TYPE {name}_requests_total counter"
        for status, count in sorted(self.answers.items()):
            yield f'{name}_requests_total{{status="{status}"}} {count}'
        for counter, words in _HELP.items():
            yield f"# HELP {name}_{counter}_total {words}"
            yield f"# TYPE {name}_{counter}_total counter"
            yield f"{name}_{counter}_total {getattr(self, counter)}"
        for gauge, value in (("keys", keys), ("waiting", waiting)):
            yield f"# TYPE {name}_{gauge} gauge"
            yield f"{name}_{gauge} {value}"
