"""What can be asked of the service: embeddings of inputs, a page of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from attrs import evolve, field, frozen

from openrouter_embeddings._request.call import Label
from openrouter_embeddings._request.embeddings import read_embeddings, write_embeddings
from openrouter_embeddings._request.models import read_models, write_listing
from openrouter_embeddings._request.verdicts import refuses_base64
from openrouter_embeddings.values import EmbeddingsResponse

if TYPE_CHECKING:
    from collections.abc import MutableSet

    from openrouter_embeddings._request.pages import Bounds, ModelsPage
    from openrouter_embeddings._request.request import HttpRequest, Reply
    from openrouter_embeddings.errors import OpenRouterError
    from openrouter_embeddings.inputs import EmbeddingRequest, EncodingFormat


@frozen
class EmbedOperation:
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
    _float_only: MutableSet[tuple[str, str]] = field(repr=False)

    @classmethod
    def of(cls, asked: EmbeddingRequest, float_only: MutableSet[tuple[str, str]]) -> Self:
        """Choose the encoding and write the request.

        Args:
            asked: What the caller asked for.
            float_only: The models, with the kind of input, that are known to have no base64.
        """
        known = (asked.model, asked.kind) in float_only
        encoding = asked.encoding_format or ("float" if known else "base64")
        label = Label("generate", asked.model, asked.count)
        return cls(asked, encoding, write_embeddings(asked, encoding), label, float_only)

    def read(self, reply: Reply) -> EmbeddingsResponse | OpenRouterError:
        """Read a reply into verified vectors, or into the error that it is."""
        value = read_embeddings(reply, self.asked)
        if isinstance(value, EmbeddingsResponse) and self._chose("float"):
            self._float_only.add((self.asked.model, self.asked.kind))
        return value

    def fallback(self, error: OpenRouterError) -> Self | None:
        """Ask for numbers where our own choice of base64 may be what was refused."""
        if not self._chose("base64") or not refuses_base64(error):
            return None
        return evolve(self, encoding="float", request=write_embeddings(self.asked, "float"))

    def _chose(self, encoding: EncodingFormat) -> bool:
        return self.asked.encoding_format is None and self.encoding == encoding


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
        return cls(write_listing(bounds), Label("list_models"))

    def read(self, reply: Reply) -> ModelsPage | OpenRouterError:
        """Read a page, or the error that the reply is."""
        return read_models(reply)

    def fallback(self, error: OpenRouterError) -> Self | None:  # noqa: ARG002 - the protocol's
        """Return None: there is one way of asking for a page."""
        return None
