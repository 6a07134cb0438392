"""The checks of a server, each a few requests with a question: vectors, encodings, errors."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field, frozen

from openrouter_embeddings._base.printable import counted
from openrouter_embeddings.contract._judge import Judged, judge, judge_vectors
from openrouter_embeddings.contract._probe import ExhaustedError, Probe
from openrouter_embeddings.contract._profiles import PROFILES, Profile, Severity, severity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from openrouter_embeddings.contract._judge import Fits, RawReply

TEXTS = ("Dogs are loyal companions", "The cat sat on the mat", "Stocks fell sharply")
# Eight in all: larger batches may be put together of several, and most bounds are above that.
MANY = (TEXTS[0], *(f"Sentence {number}" for number in range(5)), *TEXTS[1:])
_SAME = 0.999
_EXACT = 1e-5
_UNKNOWN_MODEL = "no-such-author/no-such-model"


@frozen
class Finding:
    """The outcome of one rule in one check.

    Attributes:
        check: The check.
        rule: The rule of the contract, or the check's own name where all is well.
        outcome: ``"ok"``, ``"wrong"``, ``"known"`` (wrong, and in the baseline), or
            ``"not checked"``.
        found: What was found.
        repeat: A command that repeats the request, without the key.
    """

    check: str
    rule: str
    outcome: str
    found: str = ""
    repeat: str = ""

    @property
    def severity(self) -> Severity | None:
        """How much it matters, where something is wrong."""
        return severity_of(self.rule) if self.outcome in {"wrong", "known"} else None


class _RefusedError(Exception):
    """The server refused what the check needs, as the contract allows."""


@define(eq=False)
class Checks:
    """The stateful checks of one server.

    Attributes:
        probe: What requests go through.
        fits: Checks a value against a schema of the contract.
        model: The model to embed with.
        max_inputs: The most inputs of one request that the server takes, or None if unknown.
        max_body_bytes: The largest body that it takes, or None if unknown.
        profile: What it has to do.
        findings: What was found so far.
    """

    probe: Probe
    fits: Fits
    model: str
    max_inputs: int | None = None
    max_body_bytes: int | None = None
    profile: Profile = PROFILES["openrouter"]
    findings: list[Finding] = field(init=False, factory=list)
    _wrong: bool = field(init=False, default=False)
    _check: str = field(init=False, default="")

    def run(self, wanted: Mapping[str, Callable[[Checks], str]]) -> None:
        """Carry checks out one after the other."""
        for name, check in wanted.items():
            self._check, self._wrong = name, False
            try:
                found = check(self)
            except (_RefusedError, ExhaustedError) as exc:
                outcome = Finding(name, name, "not checked", str(exc))
            else:
                outcome = Finding(name, name, "ok", found)
            if not self._wrong:
                self.findings.append(outcome)

    def _say_wrong(self, rule: str, found: str) -> None:
        if self.profile.allows(self._check, rule):
            return
        self._wrong = True
        self.findings.append(Finding(self._check, rule, "wrong", found, self.probe.last))

    def _held(self, found: Judged) -> Judged:
        for rule, problem in found.problems:
            self._say_wrong(rule, problem)
        return found

    def _embed(self, value: object, count: int, **options: Any) -> NDArray[np.float32]:  # noqa: ANN401 - JSON
        """Ask for vectors, judge them, and return them."""
        reply = self.probe.post({"model": self.model, "input": value, **options})
        found = self._held(judge_vectors(reply, count, options.get("dimensions"), self.fits))
        if found.refusal is not None:
            raise _RefusedError(found.refusal)
        if found.vectors is None:
            message = "the reply cannot be used"
            raise _RefusedError(message)
        return found.vectors

    def listing(self) -> str:
        """Read the listing of models."""
        models = self._models()
        if models and self.model not in models:
            message = (
                f"{self.model} is not among the {counted(len(models), 'model')} of the listing"
            )
            raise _RefusedError(message)
        return counted(len(models), "model")

    def _models(self, **bounds: int) -> list[str]:
        reply = self.probe.get(self.profile.listing, **bounds)
        found = self._held(judge(reply, "ModelsListResponse", self.fits))
        if found.refusal is not None or found.payload is None:
            raise _RefusedError(found.refusal or "the reply cannot be used")
        entries: Any = found.payload.get("data")
        usable = isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)
        return [str(entry.get("id")) for entry in entries] if usable else []

    def pages(self) -> str:
        """Compare two small pages with the whole listing."""
        if not self.profile.pages:
            message = f"not asked of {self.profile.name} servers"
            raise _RefusedError(message)
        whole, first = self._models(), self._models(limit=1)
        second = self._models(offset=1, limit=1)
        if len(first) > 1 or [*first, *second] != whole[:2]:
            self._say_wrong("pages", f"{first} and {second} are not the first of {whole[:2]}")
        return "two pages are the beginning of the whole"

    def one_text(self) -> str:
        """Embed one text."""
        width = self._embed(TEXTS[0], 1).shape[1]
        return counted(width, "number")

    def several_texts(self) -> str:
        """Embed several texts."""
        rows = len(self._embed(list(TEXTS), len(TEXTS)))
        return counted(rows, "vector")

    def order(self) -> str:
        """Compare a batch with its texts alone, with another order, and with a larger batch."""
        batch = self._embed(list(TEXTS), len(TEXTS))
        turned = self._embed(list(TEXTS[::-1]), len(TEXTS))
        alone = np.concatenate([self._embed(text, 1) for text in TEXTS])
        others = {"texts alone": alone, "the other order": turned[::-1]}
        if self.max_inputs is None or self.max_inputs >= len(MANY):
            others["a larger batch"] = self._embed(list(MANY), len(MANY))[[0, -2, -1]]
        for name, other in others.items():
            least = _least_cosine(batch, other)
            if least < _SAME:
                self._say_wrong("order", f"cosine {least:.4f} between the batch and {name}")
        return "as they were sent"

    def same_text(self) -> str:
        """Embed a text twice in one request, and once more."""
        twice = self._embed([TEXTS[0], TEXTS[0]], 2)
        least = _least_cosine(twice[:1], twice[1:])
        again = _least_cosine(twice[:1], self._embed([TEXTS[0]], 1))
        if min(least, again) < _SAME:
            self._say_wrong("same text, same vector", f"cosine {min(least, again):.4f}")
        return f"least cosine {min(least, again):.6f}"

    def encodings(self) -> str:
        """Compare base64 with numbers."""
        numbers = self._embed(list(TEXTS), len(TEXTS), encoding_format="float")
        text = self._embed(list(TEXTS), len(TEXTS), encoding_format="base64")
        if numbers.shape != text.shape or _least_cosine(numbers, text) < 1 - _EXACT:
            self._say_wrong("encodings agree", "base64 and numbers are different vectors")
        return "base64 and numbers are the same vectors"

    def dimensions(self) -> str:
        """Ask for a smaller width, which not every model has."""
        width = self._embed(TEXTS[0], 1).shape[1]
        smaller = max(1, width // 2)
        self._embed(TEXTS[0], 1, dimensions=smaller)
        return f"{smaller} of {width}"

    def token_ids(self) -> str:
        """Embed token ids, which not every model takes."""
        self._embed([1, 2, 3], 1)
        self._embed([[1, 2], [3]], 2)
        return "one list is one input"

    def no_key(self) -> str:
        """Ask without a key, and with a wrong one."""
        body = {"model": self.model, "input": TEXTS[0]}
        if self.probe.api_key is None:
            message = "there is no key to leave out"
            raise _RefusedError(message)
        said = [self._must_refuse(self.probe.post(body, anonymous=True), {401})]
        wrong = self.probe.post(body, api_key="sk-or-v1-not-a-key")
        if wrong.status != 200:
            said.append(self._must_refuse(wrong, {401}))
        return said[0]

    def unknown_model(self) -> str:
        """Ask for a model that does not exist."""
        reply = self.probe.post({"model": _UNKNOWN_MODEL, "input": TEXTS[0]})
        return self._must_refuse(reply, {400, 404})

    def bad_bodies(self) -> str:
        """Send bodies that break the contract."""
        model = {"model": self.model}
        bad: dict[str, object] = {
            "no model": {"input": "a"},
            "no input": model,
            "empty text": model | {"input": ""},
            "empty texts": model | {"input": [""]},
            "null": model | {"input": None},
            "no width": model | {"input": "a", "dimensions": 0},
        }
        chosen = [body for name, body in bad.items() if name in self.profile.bad_bodies]
        for body in chosen:
            self._must_refuse(self.probe.post(body), {400, 404, 422})
        return f"{len(chosen)} refused"

    def too_many_inputs(self) -> str:
        """Send one input more than the server takes."""
        if self.max_inputs is None:
            message = "nobody said how many inputs the server takes"
            raise _RefusedError(message)
        body = {"model": self.model, "input": ["a"] * (self.max_inputs + 1)}
        return self._must_refuse(self.probe.post(body), {400, 413, 422})

    def too_large(self) -> str:
        """Send a larger body than the server takes."""
        if self.max_body_bytes is None:
            message = "nobody said how large a body the server takes"
            raise _RefusedError(message)
        body = {"model": self.model, "input": "a" * self.max_body_bytes}
        return self._must_refuse(self.probe.post(body), {413})

    def _must_refuse(self, reply: RawReply, statuses: set[int]) -> str:
        found = self._held(judge(reply, "EmbeddingsResponse", self.fits))
        if any(not self.profile.allows(self._check, rule) for rule, _ in found.problems):
            return ""
        refusal = found.refusal or (str(reply.status) if reply.status >= 400 else None)
        if refusal is None:
            self._say_wrong("refusals", f"{reply.status}: accepted")
        elif reply.status != 200 and reply.status not in statuses:
            wanted = " or ".join(map(str, sorted(statuses)))
            if reply.status <= 500 and reply.status != 429:
                self._say_wrong("refusals", f"{reply.status}, {wanted} is due")
            else:
                raise _RefusedError(refusal)
        return refusal or "accepted"


def why_shut(checks: Checks) -> str | None:
    """Ask for one vector; say why nothing can be checked, where the key is the reason."""
    probe = checks.probe
    reply = probe.post({"model": checks.model, "input": TEXTS[0]})
    if reply.status != 401 and (reply.status != 403 or probe.api_key is not None):
        return None
    said = judge(reply, "EmbeddingsResponse", checks.fits).refusal or str(reply.status)
    which = "no key" if probe.api_key is None else "the key is refused"
    return f"{which}: the server says {said}"


def _least_cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    if one.shape != other.shape:
        return -1.0
    with np.errstate(all="ignore"):  # a server may send numbers of any size
        lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
        cosines = (one * other).sum(axis=1) / lengths
    return float(np.nan_to_num(cosines, nan=-1.0).min())


ALL: Mapping[str, Callable[[Checks], str]] = MappingProxyType(
    {
        "listing": Checks.listing,
        "pages": Checks.pages,
        "one text": Checks.one_text,
        "several texts": Checks.several_texts,
        "order": Checks.order,
        "same text, same vector": Checks.same_text,
        "encodings agree": Checks.encodings,
        "dimensions": Checks.dimensions,
        "token ids": Checks.token_ids,
        "no key": Checks.no_key,
        "unknown model": Checks.unknown_model,
        "bad bodies": Checks.bad_bodies,
        "too many inputs": Checks.too_many_inputs,
        "too large a body": Checks.too_large,
    }
)
"""The checks by name, in the order in which they are made."""
