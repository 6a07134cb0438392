"""What a job has spent over its life: a file that grows, and the account that a run writes it by.

A line is a checksum and JSON. What a request can cost at the most is reserved there before it goes
out, and settled when its reply was read: so a process that is killed leaves reservations that
nobody settled, and these count as spent. A line that was cut by a kill is nothing; one that is
damaged otherwise is told, since what it said is missing.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from openrouter_embeddings._bulk.budget import Account
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.jobs._plan import checksum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from openrouter_embeddings._request.charges import Charge
    from openrouter_embeddings.errors import OpenRouterError

LEDGER = "ledger"
_SUM_DIGITS = 8


@frozen
class Spent:
    """What a job has spent.

    Attributes:
        cost: USD, as far as is known.
        unsaid: Tokens at the most for which nobody said what they cost.
        dearest: The dearest price of a token that was seen in USD, or None.
        requests: HTTP requests.
        sent: Texts that were embedded.
        tokens: Tokens, as far as the service said.
        providers: Who gave the vectors, the first one first.
        failures: Why texts have no vector, by their places.
        damaged: Whether lines are missing, so that it may be more.
    """

    cost: float = 0.0
    unsaid: int = 0
    dearest: float | None = None
    requests: int = 0
    sent: int = 0
    tokens: int = 0
    providers: tuple[str, ...] = ()
    failures: Mapping[int, str] = field(factory=dict)
    damaged: bool = False

    @property
    def possible(self) -> float | None:
        """USD that may have been charged beside what is known; None where no price is known."""
        if not self.unsaid:
            return 0.0
        return None if self.dearest is None else self.unsaid * self.dearest


_SUMMED = ("cost", "unsaid", "requests", "sent", "tokens")


def add_up(lines: Iterable[Mapping[str, Any]], *, damaged: bool = False) -> Spent:
    """Add up what lines say. Pure."""
    sums, reserved = dict[str, Any](cost=0.0), dict[int, int]()
    failures, providers = dict[int, str](), dict[str, None]()
    for line in lines:
        _settle(line, reserved)
        for name in _SUMMED:
            if name in line:
                sums[name] = sums.get(name, 0) + line[name]
        if "failed" in line:
            failures |= {int(place): why for place, why in line["failed"].items()}
        providers |= dict.fromkeys(line.get("providers", ()))
        # A price is there or None; none is 0.
        sums["dearest"] = max(
            filter(None, (sums.get("dearest"), line.get("dearest"))), default=None
        )
    sums["unsaid"] = sums.get("unsaid", 0) + sum(reserved.values())
    return Spent(**sums, providers=tuple(providers), failures=failures, damaged=damaged)


def _settle(line: Mapping[str, Any], reserved: dict[int, int]) -> None:
    """Note what a line reserves, and what it settles."""
    for tag in line.get("free", ()):
        reserved.pop(tag, None)
    if "reserve" in line:
        reserved[line["tag"]] = line["reserve"]


def written(line: Mapping[str, object], job: bytes) -> bytes:
    """Write a line."""
    text = json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode()
    return b"%08x %s\n" % (checksum(text, checksum(job)), text)


def parsed(content: bytes, job: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Read lines, and say whether one is damaged; one without an end was cut by a kill."""
    begun, texts, damaged = checksum(job), list[bytes](), False
    for raw in content.split(b"\n")[:-1]:
        text = raw[_SUM_DIGITS + 1 :]
        if raw[: _SUM_DIGITS + 1] == b"%08x " % checksum(text, begun):
            texts.append(text)
        else:
            damaged = damaged or bool(raw)
    # All at once, which takes a quarter of the time: each of them is whole.
    lines: list[dict[str, Any]] = json.loads(b"[%s]" % b",".join(texts))
    return lines, damaged


@define(eq=False)
class Ledger:
    """The file of one job.

    Attributes:
        path: Where it is.
        job: The id of the job, 16 bytes.
        on_failure: Is told where it cannot be written, and makes an error of it.
        before: What was spent when it was read.
        tags: How many reservations it has had.
    """

    path: Path
    job: bytes
    on_failure: Callable[[OSError], OpenRouterError] = field(init=False)
    before: Spent = field(init=False, factory=Spent)
    tags: int = field(init=False, default=0)
    _file: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Open the file, or make it."""
        self.on_failure = _raise
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.open(self.path, flags, 0o600)

    @property
    def is_empty(self) -> bool:
        """Say whether nothing was ever written."""
        return not os.fstat(self._file).st_size

    def read(self) -> None:
        """Read what was spent; begin a new line where the last one was cut."""
        content = self.path.read_bytes()
        lines, damaged = parsed(content, self.job)
        # Its first line says whose it is; one that is gone had something to say.
        is_whole = bool(lines) and "job" in lines[0]
        self.tags = max((line.get("tag", -1) for line in lines), default=-1) + 1
        if content and not content.endswith(b"\n"):
            self._write(b"\n")
        self.before = add_up(lines, damaged=damaged or not is_whole)

    def begin(self) -> None:
        """Write whose it is, as its first line; an error is raised here and nowhere else."""
        self._write(written({"job": self.job.hex()}, self.job))

    def append(self, line: Mapping[str, object]) -> OpenRouterError | None:
        """Add a line, at once; return why it is not there, or None."""
        try:
            self._write(written(line, self.job))
        except OSError as exc:
            return self.on_failure(exc)
        return None

    def _write(self, content: bytes) -> None:
        """Write all of it, or nothing: a disk with little room takes a part without a word."""
        size = os.fstat(self._file).st_size
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, size)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _raise(exc: OSError) -> OpenRouterError:
    raise exc


@define(eq=False)
class JobAccount(Account):
    """The account of one run, which writes all that it is told into the ledger of the job.

    The first request of a job goes out alone, whatever is bounded: it tells the width, the model
    and the provider.

    Attributes:
        ledger: The ledger.
        asked: The bound of the whole job in USD, or None.
        before: What the job had spent before.
        alone: Whether the first request of this run goes out alone.
    """

    ledger: Ledger = field(kw_only=True)
    asked: float | None = field(kw_only=True)
    before: Spent = field(kw_only=True)
    alone: bool = field(kw_only=True)
    _tags: dict[int, int] = field(init=False, factory=dict)
    _free: list[int] = field(init=False, factory=list)

    def reserve(self, tag: int, tokens: int) -> OpenRouterError | None:
        """Set aside what a request can cost, on the disk first, or say why it may not go out."""
        if tag not in self._tags:
            error = self._write({"tag": self.ledger.tags, "reserve": tokens})
            if error is not None:
                return error
            self._tags[tag] = self.ledger.tags
            self.ledger.tags += 1
        return super().reserve(tag, tokens)

    def release(self, tag: int) -> None:
        """Note that a request is over; what it cost comes next, and is written with it."""
        super().release(tag)
        if (own := self._tags.pop(tag, None)) is not None:
            self._free.append(own)

    def book(self, charge: Charge, most_tokens: int, *, wasted: float = 1.0) -> None:
        """Note what an attempt has cost."""
        known, unsaid = self._known, self._unsaid_tokens
        counts = self.counts
        super().book(charge, most_tokens, wasted=wasted)
        self._write(
            {
                "cost": self._known - known,
                "unsaid": self._unsaid_tokens - unsaid,
                "dearest": self._dearest,
                "requests": self.counts.requests - counts.requests,
                "tokens": self.counts.prompt_tokens - counts.prompt_tokens,
            }
        )

    def on_answer(self, inputs: int) -> None:
        """Note an answer with vectors for so many texts."""
        super().on_answer(inputs)
        self._write({"sent": inputs})

    def settle(self) -> None:
        """Write down what is over, at the end of a run."""
        if self._free:
            self._write({})

    def _write(self, line: dict[str, object]) -> OpenRouterError | None:
        if self._free:
            line["free"], self._free = self._free, []
        return self.ledger.append(line)

    @property
    def room(self) -> float:
        """How many tokens more surely stay within the bound, see `Account`."""
        if self.alone and self.is_committed and not self._answered:
            return 0.0
        return super().room

    def reached(self) -> ConfigurationError:
        """Make the error that ends the run; it says the bound that was asked for."""
        known = self.before.cost + self._known
        unsaid = self._unsaid_tokens * (self._dearest or 0.0)
        possible = (self.before.possible or 0.0) + unsaid
        more = f", and {possible:.6g} USD more may have been charged" if possible else ""
        return ConfigurationError(
            f"max_cost of {self.asked:g} USD is reached: the job has spent {known:.6g} USD{more}. "
            "The next request could cross it.",
            argument="max_cost",
            hint="A larger bound goes on from here.",
        )


def left_of(asked: float | None, before: Spent) -> float | None:
    """Return what a job may still spend within its bound, or None where there is none. Pure.

    Raises:
        ConfigurationError: What it has spent is not known.
    """
    if asked is None:
        return None
    if before.damaged or before.possible is None:
        message = "max_cost cannot be kept: what the job has spent before is not known in full."
        hint = "Leave it out, or begin anew with --overwrite."
        raise ConfigurationError(message, argument="max_cost", hint=hint)
    return max(0.0, asked - before.cost - before.possible)
