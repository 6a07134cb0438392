"""What can be asked of the service: embeddings of inputs, a page of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, cast

from attrs import evolve, field, frozen

from openrouter_embeddings._request.call import Label
from openrouter_embeddings._request.charges import Charge, make_charge
from openrouter_embeddings._request.embeddings import Verified, read_embeddings, write_embeddings
from openrouter_embeddings._request.vectors import make_error
from openrouter_embeddings._request.verdicts import may_have_cost, refuses_base64
from openrouter_embeddings.errors import OpenRouterError

if TYPE_CHECKING:
    from openrouter_embeddings._request.charges import Bill
    from openrouter_embeddings._request.lessons import Lessons
    from openrouter_embeddings._request.models import Bounds, ModelsPage
    from openrouter_embeddings._request.request import HttpRequest, Reply
    from openrouter_embeddings.errors import NoResponseError
    from openrouter_embeddings.inputs import EmbeddingRequest, EncodingFormat
    from openrouter_embeddings.values import EmbeddingsResponse


@frozen
class _Embed:
    """Embedding the inputs of one request.

    Attributes:
        asked: What the caller asked for.
        encoding: How the vectors are asked for.
        request: The request; the same bytes serve every attempt.
        label: What it is called in events and messages.
    """

    asked: EmbeddingRequest
    encoding: EncodingFormat
    request: HttpRequest = field(repr=False)
    label: Label
    _lessons: Lessons = field(repr=False)

    @classmethod
    def of(cls, asked: EmbeddingRequest, lessons: Lessons) -> Self:
        """Choose the encoding and write the request.

        Args:
            asked: What the caller asked for.
            lessons: What is known of models.
        """
        best: EncodingFormat = "base64" if lessons.has_base64(asked) else "float"
        encoding = asked.encoding_format or best
        label = Label("generate", asked.model, asked.count)
        return cls(asked, encoding, write_embeddings(asked, encoding), label, lessons)

    def fallback(self, error: OpenRouterError) -> Self | None:
        """Ask for numbers where our own choice of base64 may be what failed."""
        if not self._chose("base64") or not refuses_base64(error):
            return None
        return evolve(self, encoding="float", request=write_embeddings(self.asked, "float"))

    def charge(self, answer: Reply | NoResponseError, value: object) -> Charge:
        """Say what an attempt cost, whatever it was read into."""
        if isinstance(value, OpenRouterError):
            return make_charge(answer, value)
        response = value.response if isinstance(value, Verified) else value
        return make_charge(answer, None, cast("EmbeddingsResponse", response).usage)

    def _read(self, reply: Reply) -> Verified | OpenRouterError:
        """Read a reply, and learn from it."""
        found = read_embeddings(reply, self.asked)
        if not isinstance(found, Verified):
            return found
        if self._chose("base64") and any(fault.implausible for fault in found.faults.values()):
            return make_error(found.faults)
        if self._gets_numbers:
            self._lessons.note_numbers_only(self.asked)
        elif self._chose("base64"):
            self._lessons.note_base64(self.asked)
        return found

    @property
    def _gets_numbers(self) -> bool:
        """Say whether numbers are asked for because base64 may be what failed."""
        return self._chose("float")

    def _chose(self, encoding: EncodingFormat) -> bool:
        return self.asked.encoding_format is None and self.encoding == encoding


@frozen
class EmbedOperation(_Embed):
    """One request as a whole: all of its vectors are good, or there is none."""

    def read(self, reply: Reply) -> EmbeddingsResponse | OpenRouterError:
        """Read a reply into verified vectors, or into the error that it is."""
        found = self._read(reply)
        if not isinstance(found, Verified):
            return found
        if found.faults:
            return make_error(found.faults)
        return self._lessons.check_width(self.asked, found.response) or found.response

    def bill(self, value: EmbeddingsResponse, bill: Bill) -> EmbeddingsResponse:
        """Write onto a response what the attempts before it cost."""
        if not bill.unsaid and not bill.wasted:
            return value
        usage = evolve(
            value.usage, cost=bill.known, possible_cost=bill.possible, wasted_cost=bill.wasted
        )
        return evolve(value, usage=usage)


@frozen
class BatchOperation(_Embed):
    """One request of a bulk run: a bad vector among good ones is a matter of its own input."""

    def read(self, reply: Reply) -> Verified | OpenRouterError:
        """Read a reply into vectors and what is wrong with single ones, or into an error."""
        return self._read(reply)

    def fallback(self, error: OpenRouterError) -> Self | None:
        """Ask for numbers, unless base64 has served and this was paid for.

        Then one of the inputs may be what failed, and the run asks for the numbers of each alone.
        """
        served = self.asked.count > 1 and self._lessons.has_given_base64(self.asked)
        return None if served and may_have_cost(error) else super().fallback(error)

    @property
    def _gets_numbers(self) -> bool:
        """Say the same of those that the run asks for alone."""
        return self.encoding == "float"

    def bill(self, value: Verified, bill: Bill) -> Verified:  # noqa: ARG002 - the protocol's
        """Leave the response alone: the run books each attempt by itself."""
        return value


@frozen
class ListOperation:
    """Listing one page of models; without bounds the service sends all of them.

    Attributes:
        request: The request.
        label: What it is called in events and messages.
    """

    request: HttpRequest
    label: Label

    @classmethod
    def of(cls, bounds: Bounds) -> Self:
        """Write the request for a page."""
        from openrouter_embeddings._request.models import write_listing  # noqa: PLC0415 - see `flow`

        return cls(write_listing(bounds), Label("list_models"))

    def read(self, reply: Reply) -> ModelsPage | OpenRouterError:
        """Read a page, or the error that the reply is."""
        from openrouter_embeddings._request.models import read_models  # noqa: PLC0415 - see `flow`

        return read_models(reply)

    def fallback(self, error: OpenRouterError) -> Self | None:  # noqa: ARG002 - the protocol's
        """Return None: there is one way of asking for a page."""
        return None

    def charge(self, answer: Reply | NoResponseError, value: object) -> Charge:
        """Return no cost, since listings are free, and how often it was answered."""
        error = value if isinstance(value, OpenRouterError) else None
        return Charge(min(1, make_charge(answer, error).computed), 0.0)

    def bill(self, value: ModelsPage, bill: Bill) -> ModelsPage:  # noqa: ARG002 - the protocol's
        """Leave the page alone."""
        return value
