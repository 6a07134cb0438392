"""The bound of the cost, against servers that count, charge and report in ways of their own."""

from __future__ import annotations

import pytest
from attrs import define, field

from openrouter_embeddings import Limits
from openrouter_embeddings.testing import FaultServer, faults

PRICE, BOUND = 0.01, 4.0
LIMITS = Limits(max_batch=5)
ENGLISH = [f"a red fox {number:06}" for number in range(100)]  # 16 bytes, 4 of the kit's tokens
CHINESE = [chr(0x4E00 + number) + "红色狐狸红色狐" for number in range(100)]  # 24 bytes, 2 of them


@define
class Meter:
    """Charges tokens, so many for one of the kit's, and tells what it likes.

    The first request of a bounded run goes out alone, and may be of other texts.
    """

    factor: float
    tell: object
    tells_tokens: bool = True
    price: float = PRICE
    first: float | None = None
    costs: list[float] = field(factory=list)

    def shape(self, healthy):
        factor = self.factor if self.costs or self.first is None else self.first
        tokens = round(healthy.envelope["usage"]["prompt_tokens"] * factor)
        self.costs.append(tokens * self.price)
        said = {"prompt_tokens": tokens} if self.tells_tokens else {}
        return healthy.answer(usage=said | self.tell(self.costs[-1]))


def true(cost):
    return {"cost": cost}


def spend(client, meter, texts, prices=(PRICE,)):
    """Embed with a bound, by a server that charges in its own way."""
    listed = [
        {"id": "test/embedding", "context_length": 8192, "pricing": {"prompt": str(price)}}
        for price in prices
    ]
    with FaultServer(models=listed) as server:
        server.always(faults.Fault("meter", "It charges.", False, (), meter.shape))
        other = type(client)(server)
        result = other.embed(texts, max_cost=BOUND, on_error="keep", limits=LIMITS)
        other.close()
    return result


@pytest.mark.parametrize("factor", [4.0, 1.0, 0.25], ids=["1 byte", "4 bytes", "16 bytes"])
@pytest.mark.parametrize(
    "tell",
    [
        true,
        lambda _: {},
        lambda cost: {"cost": f"{cost} USD"},
        lambda cost: {"cost": -cost},
        lambda _: {"cost": 10**400},
    ],
    ids=["reported", "absent", "text", "negative", "10^400"],
)
def test_the_bound_holds_however_the_cost_is_told(factor, tell, client):
    """And the run comes as near to it as whole inputs let it."""
    meter = Meter(factor, tell)
    result = spend(client, meter, [*ENGLISH, *(f"{text} {text}" for text in ENGLISH)])

    charged = sum(meter.costs)
    assert result.stats.cost == pytest.approx(charged)
    assert charged <= BOUND + 1e-9
    assert result.stopped is None or charged > BOUND - 33 * PRICE


@pytest.mark.parametrize("before", [[], ENGLISH[:5]], ids=["Chinese", "later"])
def test_two_tokens_a_character_of_three_bytes_are_reckoned_with(before, client):
    """However few of them the texts before it had."""
    meter = Meter(8.0, true, first=1.0 if before else None)
    result = spend(client, meter, before + CHINESE)

    assert result.stopped is not None
    assert BOUND - 24 * PRICE < sum(meter.costs) <= BOUND + 1e-9


def test_what_nobody_told_counts_as_what_it_may_have_been(client):
    """No usage at all: a token a byte."""
    meter = Meter(4.0, lambda _: {}, tells_tokens=False)
    result = spend(client, meter, ENGLISH)

    assert result.stopped is not None
    assert result.stats.cost == 0.0
    assert sum(meter.costs) <= result.stats.possible_cost <= BOUND + 1e-9


def test_a_dearer_server_is_found_out_by_its_first_reply(client):
    """A hundred times the listed price: one request, and no more."""
    meter = Meter(1.0, true, price=100 * PRICE)
    result = spend(client, meter, ENGLISH)

    assert len(meter.costs) == 1
    assert result.stats.cost == pytest.approx(sum(meter.costs))
    assert "max_cost" in str(result.stopped)


@pytest.mark.parametrize("prices", [(PRICE, PRICE / 10), (PRICE / 10, PRICE)])
def test_an_id_that_is_listed_twice_has_its_dearer_price(prices, client):
    """Its reply that tells no cost is reckoned at that."""
    meter = Meter(4.0, lambda _: {})
    result = spend(client, meter, ENGLISH, prices)

    assert result.stats.cost == pytest.approx(sum(meter.costs))
    assert sum(meter.costs) <= BOUND + 1e-9
