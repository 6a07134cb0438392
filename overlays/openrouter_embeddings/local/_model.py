"""The embedded model: WordLlama, static token vectors and their mean, from the wheel alone."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sized
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, cast

import numpy as np

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.extras import require
from openrouter_embeddings.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from numpy.typing import NDArray

DIMENSIONS = (64, 128, 256)
"""The widths of the vectors; the model was trained so that its first numbers stand on their own."""

CONTEXT_LENGTH = 8192
"""The most tokens of one input. The model has no bound; this one bounds memory (8 MB a text)."""

# A block's token vectors, 1 KB each, should stay in the processor's cache while they are summed.
_BLOCK_ITEMS = 64
_BLOCK_CHARACTERS = 16_384
_BLOCK_TOKENS = 4096

# The extra leaves wordllama out from here on: its newest release, 0.4.0.post1, ends with 3.13.
_FIRST_WITHOUT_WHEELS = (3, 14)

_Sized = TypeVar("_Sized", bound=Sized)


class _Encoding(Protocol):
    @property
    def ids(self) -> list[int]: ...


class _Tokenizer(Protocol):
    def encode_batch(
        self, texts: Sequence[str], *, add_special_tokens: bool
    ) -> list[_Encoding]: ...

    def decode(self, ids: Sequence[int]) -> str: ...

    def get_vocab(self) -> dict[str, int]: ...

    def no_padding(self) -> None: ...


@contextmanager
def _root_logger_kept() -> Iterator[None]:
    # WordLlama configures the root logger when it is imported, which is the application's business.
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _import_wordllama() -> ModuleType:
    try:
        return require("wordllama", extra="local")
    except MissingExtraError as error:
        if sys.version_info < _FIRST_WITHOUT_WHEELS:
            raise
        raise _no_wheels() from error


def _no_wheels() -> MissingExtraError:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    message = f"The local model (wordllama) has no wheels for Python {python} yet."
    hint = "Use Python 3.11 to 3.13 for the local model; everything else works here."
    return MissingExtraError(message, hint=hint)


def _load_wordllama() -> tuple[NDArray[np.float32], _Tokenizer]:
    with _root_logger_kept():
        wordllama = _import_wordllama()
    # By default it looks in folders that its wheel does not have, and then in the network.
    folder = Path(cast("str", wordllama.__file__)).parent
    loaded = wordllama.WordLlama.load(dim=DIMENSIONS[-1], cache_dir=folder, disable_download=True)
    return loaded.embedding, loaded.tokenizer


def _blocks(items: Sequence[_Sized], most: int) -> Iterator[Sequence[_Sized]]:
    """Cut a sequence into runs whose lengths sum up to `most`; what is longer comes alone."""
    start, total = 0, 0
    for position, item in enumerate(items):
        full = total + len(item) > most or position - start == _BLOCK_ITEMS
        if full and position > start:
            yield items[start:position]
            start, total = position, 0
        total += len(item)
    if start < len(items):
        yield items[start:]


def checked_dimensions(argument: str, value: object) -> int:
    """Check a width of vectors.

    Raises:
        ConfigurationError: The model has no such width.
    """
    width = arguments.whole_number(argument, value, least=1)
    if width not in DIMENSIONS:
        allowed = ", ".join(map(str, DIMENSIONS))
        raise arguments.bad_value(argument, f"must be one of {allowed}", value)
    return width


class LocalModel:
    """A small static embedding model that runs on one core, without key or network.

    A text becomes tokens, the tokens' vectors are averaged, and the mean is cut to the asked width
    and brought to unit length, so that a dot product is the cosine similarity.
    """

    _loaded: ClassVar[LocalModel | None] = None
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, embedding: NDArray[np.float32], tokenizer: _Tokenizer) -> None:
        self._embedding = embedding
        self._tokenizer = tokenizer
        # It would fill every text of a batch up to the longest one and count the filling.
        tokenizer.no_padding()
        self._longest_token = max(map(len, tokenizer.get_vocab()))

    @classmethod
    def load(cls) -> LocalModel:
        """Load the model that comes with WordLlama's wheel, once for the process.

        Returns:
            The model; the same one at every call.

        Raises:
            MissingExtraError: The extra `local` is not installed, or has no model for this Python
                (3.14 and later).
        """
        with cls._lock:
            if cls._loaded is None:
                cls._loaded = cls(*_load_wordllama())
            return cls._loaded

    @property
    def vocabulary(self) -> int:
        """The number of different tokens; ids go from 0 to one less."""
        return len(self._embedding)

    def tokenize(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Cut texts into tokens.

        Args:
            texts: Texts that are not empty.

        Returns:
            The token ids of each text, int32 of shape ``(tokens,)``.

        Raises:
            ConfigurationError: A text is empty, is none, or is longer than `CONTEXT_LENGTH` tokens;
                the message names its position.
        """
        return self.tokenize_named([(f"texts[{i}]", text) for i, text in enumerate(texts)])

    def tokenize_named(self, named: Sequence[tuple[str, object]]) -> list[NDArray[np.int32]]:
        """Cut texts into tokens; each comes with the name that messages call it by."""
        texts = [self._checked_text(name, text) for name, text in named]
        tokens = [ids for block in _blocks(texts, _BLOCK_CHARACTERS) for ids in self._encode(block)]
        for (name, _), ids in zip(named, tokens, strict=True):
            within_context(name, len(ids))
        return tokens

    def _checked_text(self, name: str, value: object) -> str:
        text = arguments.text(name, value)
        # Tokens have a longest one, so a huge text is known to be too long before it is cut up.
        within_context(name, len(text) // self._longest_token)
        return text

    def _encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]

    def decode(self, tokens: Sequence[int]) -> str:
        """Put tokens together into the text that they stand for."""
        return self._tokenizer.decode([int(token) for token in tokens])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text."""
        return [len(ids) for ids in self.tokenize(texts)]

    def embed(self, texts: Sequence[str], dimensions: int = DIMENSIONS[-1]) -> NDArray[np.float32]:
        """Embed texts.

        Args:
            texts: Texts that are not empty.
            dimensions: The width of the vectors: 64, 128 or 256.

        Returns:
            float32 of shape ``(n, dimensions)``, rows of unit length, row i for text i.

        Raises:
            ConfigurationError: A text is empty or too long, or there is no such width.
        """
        return self.embed_tokens(self.tokenize(texts), dimensions)

    def embed_tokens(
        self,
        tokens: Sequence[Sequence[int] | NDArray[np.int32]],
        dimensions: int = DIMENSIONS[-1],
    ) -> NDArray[np.float32]:
        """Embed inputs that are token ids of this model.

        Args:
            tokens: The token ids of each input, at least one for each.
            dimensions: The width of the vectors: 64, 128 or 256.

        Returns:
            float32 of shape ``(n, dimensions)``, rows of unit length, row i for input i.

        Raises:
            ConfigurationError: An input has no tokens or unknown ones, or there is no such width.
        """
        width = checked_dimensions("dimensions", dimensions)
        arrays = [self.checked_tokens(f"tokens[{i}]", ids) for i, ids in enumerate(tokens)]
        if not arrays:
            return np.empty((0, width), dtype=np.float32)
        blocks = _blocks(arrays, _BLOCK_TOKENS)
        sums = np.concatenate([self._sums(block) for block in blocks])[:, :width]
        # The mean has the direction of the sum, and only the direction is kept.
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.ascontiguousarray(sums / lengths, dtype=np.float32)

    def checked_tokens(
        self, name: str, tokens: Sequence[int] | NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Check the token ids of one input, which messages call by its name."""
        within_context(name, len(tokens))
        if len(tokens) == 0:
            message = f"{name} must hold at least one token."
            raise ConfigurationError(message, argument=name)
        wide = np.asarray(tokens)
        if wide.dtype.kind not in "iu":
            raise arguments.bad_type(name, "integers", tokens)
        low, high = int(wide.min()), int(wide.max())
        if low < 0 or high >= self.vocabulary:
            odd = low if low < 0 else high
            problem = f"holds a token id that is not from 0 to {self.vocabulary - 1}"
            raise arguments.bad_value(name, problem, odd)
        return wide.astype(np.int32, copy=False)

    def _sums(self, tokens: Sequence[NDArray[np.int32]]) -> NDArray[np.float32]:
        starts = np.cumsum([0, *(len(ids) for ids in tokens[:-1])])
        summed = np.add.reduceat(self._embedding[np.concatenate(tokens)], starts, axis=0)
        return cast("NDArray[np.float32]", summed)

    def __repr__(self) -> str:
        """Show what it is."""
        return f"{type(self).__name__}({self.vocabulary} tokens, {DIMENSIONS[-1]} dimensions)"


def within_context(name: str, tokens: int) -> None:
    """Check that an input is not too long.

    Raises:
        ConfigurationError: It has more than `CONTEXT_LENGTH` tokens; nothing is cut in silence.
    """
    if tokens > CONTEXT_LENGTH:
        message = f"{name} is too long: more than {CONTEXT_LENGTH} tokens, the most of one input."
        raise ConfigurationError(message, argument=name)
