"""What a caller may hand over, checked and written as one request value before anything is sent."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeGuard, TypeVar, cast

from attrs import field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.deprecations import warn_of
from openrouter_embeddings._base.types import Kind
from openrouter_embeddings.errors import InvalidTypeError
from openrouter_embeddings.parts import Audio, Content, File, Image, Video
from openrouter_embeddings.provider import ProviderPreferences, checked_provider

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EncodingFormat", "Input", "TokenIds"]

T = TypeVar("T")

TokenIds = Sequence[int]
"""One input as the ids of its tokens."""

Input = str | TokenIds | Content | Image | Audio | Video | File | Mapping[str, object]
"""One input: a text, token ids, an image or other media, several parts joined by `Content`, or a
content item spelt as in the contract, ``{"content": [...]}``."""

EncodingFormat = Literal["float", "base64"]
"""How vectors travel; None leaves it to the client, which prefers base64."""

LARGEST_TOKEN_ID = 2**31 - 1
"""Token ids above it are refused: no vocabulary comes near, so it is another number by mistake."""

_MOST_DIMENSIONS = 1_000_000
"""More are refused: the widest models give some ten thousand."""

_SESSION_ID_CHARACTERS = 256
_TRACE_TEXTS = ("trace_id", "trace_name", "span_name", "generation_name", "parent_span_id")


@frozen
class EmbeddingRequest:
    """One request, checked, in the shapes of the contract.

    Attributes:
        wire_input: What goes into ``input``.
        count: How many vectors must come back.
        kind: ``"text"``, ``"tokens"`` or ``"content"``.
        model: The model.
        encoding_format: What the caller asked for, or None to leave it to the client.
        dimensions: The width that the caller asked for, or None.
        options: The other fields of the body that were given.
        extra_headers: Headers to add.
        extra_body: Fields to add to the body, the last word.
    """

    wire_input: str | list[object] = field(repr=False)
    count: int
    kind: Literal["text", "tokens", "content"]
    model: str
    encoding_format: EncodingFormat | None = None
    dimensions: int | None = None
    options: Mapping[str, object] = field(factory=dict)
    extra_headers: Mapping[str, str] = field(factory=dict, repr=False)
    extra_body: Mapping[str, object] = field(factory=dict)


def embedding_request(
    *,
    input: object,  # noqa: A002 - the contract's name
    model: object,
    encoding_format: object = None,
    dimensions: object = None,
    input_type: object = None,
    provider: ProviderPreferences | Mapping[str, object] | None = None,
    user: object = None,
    session_id: object = None,
    trace: object = None,
    extra_headers: Mapping[str, str] | None = None,
    extra_body: object = None,
) -> EmbeddingRequest:
    """Check everything that a caller hands over.

    Returns:
        The request value.

    Raises:
        ConfigurationError: An argument cannot be used; the message names it, its position in a list
            and the first characters of its value.
    """
    wire_input, count, kind = arguments.read("input", lambda: _input(input))
    options = {
        "input_type": _optional(arguments.text, "input_type", input_type),
        "provider": arguments.read("provider", lambda: checked_provider(provider)),
        "user": _optional(arguments.text, "user", user),
        "session_id": _optional(_session_id, "session_id", session_id),
        "trace": _optional(_trace, "trace", trace),
    }
    chosen = {**options, "encoding_format": encoding_format, "dimensions": dimensions}
    warn_of(_named(chosen, extra_body))
    return EmbeddingRequest(
        wire_input=wire_input,
        count=count,
        kind=kind,
        model=_model(model),
        encoding_format=_optional(_encoding_format, "encoding_format", encoding_format),
        dimensions=_optional(_dimensions, "dimensions", dimensions),
        options={name: value for name, value in options.items() if value is not None},
        extra_headers=arguments.headers("extra_headers", extra_headers),
        extra_body=_optional(arguments.json_mapping, "extra_body", extra_body) or {},
    )


def _named(chosen: Mapping[str, object], extra_body: object) -> list[str]:
    """Name what a caller gave, preferences of `provider` as ``provider.zdr`` say."""
    more = extra_body if isinstance(extra_body, Mapping) else {}
    preferences = chosen.get("provider")
    names = [name for name, value in chosen.items() if value is not None]
    names += [name for name in more if name not in names]
    inner = preferences if isinstance(preferences, Mapping) else {}
    return [*names, *(f"provider.{name}" for name in inner)]


def _optional(check: Callable[[str, object], T], argument: str, value: object) -> T | None:
    return None if value is None else arguments.read(argument, lambda: check(argument, value))


def _model(value: object) -> str:
    model = arguments.text("model", value)
    if model.split() != [model]:
        raise arguments.bad_value("model", "must not hold white space", model)
    return model


def _encoding_format(argument: str, value: object) -> EncodingFormat:
    return cast("EncodingFormat", arguments.choice(argument, value, ("float", "base64")))


def _dimensions(argument: str, value: object) -> int:
    return arguments.whole_number(argument, value, least=1, most=_MOST_DIMENSIONS)


def _session_id(argument: str, value: object) -> str:
    session_id = arguments.text(argument, value)
    if len(session_id) > _SESSION_ID_CHARACTERS:
        problem = f"must have at most {_SESSION_ID_CHARACTERS} characters"
        raise arguments.bad_value(argument, problem, session_id)
    return session_id


def _trace(argument: str, value: object) -> dict[str, object]:
    trace = arguments.json_mapping(argument, value)
    for name in _TRACE_TEXTS:
        if name in trace and not isinstance(trace[name], str):
            raise arguments.bad_type(f"{argument}.{name}", "text", trace[name])
    return trace


_PARTS = (Content, Image, Audio, Video, File)
_ITEMS = (*_PARTS, Mapping)
_Prepared = tuple[str | list[object], int, Kind]


def _input(value: object) -> _Prepared:
    if isinstance(value, str):
        return arguments.text("input", value), 1, "text"
    if not isinstance(value, list | tuple | Mapping):
        _refuse_mistaken("input", value)
    if isinstance(value, _ITEMS):
        return [_item("input", value)], 1, "content"
    values = _to_list("input", value)
    if not values:
        raise arguments.bad_value("input", "must not be empty", value)
    first = values[0]
    if isinstance(first, str):
        return _texts(values), len(values), "text"
    if isinstance(first, _ITEMS):
        return _each(_item, values), len(values), "content"
    if _is_number(first):
        return _token_ids("input", values), 1, "tokens"
    if _is_list(first):
        return _each(_tokens, values), len(values), "tokens"
    raise arguments.bad_type("input[0]", _WANTED, first)


_WANTED = "text, token ids (integers), Content, an image or other media"


def checked_inputs(
    inputs: object, *, in_loop: bool = False
) -> Iterable[object] | AsyncIterable[object]:
    """Check that something is many inputs, and not one by mistake.

    Args:
        inputs: The inputs.
        in_loop: Whether they are gone through in an event loop: they may be asynchronous then.

    Raises:
        ConfigurationError: It is one text, one item, a table, a file, or nothing that can be gone
            through in an order; the hint says what to write instead.
    """
    if isinstance(inputs, list | tuple):
        return cast("Iterable[object]", inputs)
    if in_loop and isinstance(inputs, AsyncIterable):
        return cast("AsyncIterable[object]", inputs)
    return arguments.read("inputs", lambda: _many_inputs(inputs))


def _many_inputs(inputs: object) -> Iterable[object]:
    _refuse_mistaken("inputs", inputs)
    if isinstance(inputs, bytes | bytearray | memoryview):
        raise arguments.bad_type("inputs", "texts (decode the bytes first)", inputs)
    if isinstance(inputs, (str, *_ITEMS)):
        message = f"inputs must be several inputs, not {arguments.shown(inputs)}."
        hint = "Put a single one into a list."
        raise InvalidTypeError(message, argument="inputs", hint=hint)
    if hasattr(inputs, "to_pylist") or hasattr(inputs, "tolist"):
        return _to_list("inputs", inputs)
    if not isinstance(inputs, Iterable):
        raise arguments.bad_type("inputs", "a list or another iterable", inputs)
    return iter(cast("Iterable[object]", inputs))


def _refuse_mistaken(argument: str, value: object) -> None:
    """Refuse what can be gone through, but whose items are not the inputs.

    Raises:
        InvalidTypeError: It is such a thing; the hint says what to write instead.
    """
    instead = _what_to_write(argument, value)
    if instead is not None:
        message = f"{argument} must be a list or another iterable of inputs, not "
        message += f"{type(value).__name__}, whose items are others."
        raise InvalidTypeError(message, argument=argument, hint=f"Write {instead}.")


def _what_to_write(argument: str, value: object) -> str | None:
    if isinstance(value, Mapping):
        return None if "content" in value else f"{argument}.values()"
    kind = type(value)  # asked in place of the value, whose attributes may cost or warn
    if hasattr(kind, "columns") or hasattr(kind, "column_names"):
        return f'{argument}["text"], with the name of the column'
    if isinstance(value, set | frozenset):
        return f"sorted({argument}), since sets have no order"
    if hasattr(value, "readline"):
        return f"{argument}.read().splitlines()"
    if isinstance(value, AsyncIterable):
        return f"[item async for item in {argument}]"
    return None


def is_plain(value: object) -> TypeGuard[str]:
    """Recognise the usual input, a text that needs no closer look; many are gone through."""
    return type(value) is str and value != "" and value.isascii()


def checked_prefix(value: object, argument: str = "prefix") -> str:
    """Check what is put before each text; None is nothing."""
    return "" if value is None or value == "" else arguments.text(argument, value)


def are_plain(values: Sequence[object]) -> TypeGuard[Sequence[str]]:
    """Say whether all are texts that can be sent, without a step of Python's for each of them."""
    if not set(map(type, values)) <= {str}:
        return False
    texts = cast("Sequence[str]", values)
    return all(texts) and (all(map(str.isascii, texts)) or _fit_utf8(texts))


def _fit_utf8(texts: Sequence[str]) -> bool:
    try:
        return all(map(str.encode, texts))
    except UnicodeEncodeError:
        return False


def one_input(
    position: int, value: object, prefix: str = ""
) -> tuple[object, Kind, int, int | None]:
    """Check one input of many.

    Args:
        position: Where it stands among the inputs.
        value: The input.
        prefix: What is put before it as it stands, if it is a text; others are refused with one.

    Returns:
        The input as the contract has it, its kind, its size in bytes, and its number of tokens
        where that is known.

    Raises:
        ConfigurationError: It cannot be used.
    """
    if not prefix and is_plain(value):
        return value, "text", len(value), None
    argument = f"inputs[{position}]"
    if prefix and not isinstance(value, str):
        message = f"A prefix goes before texts alone, and {argument} is {arguments.shown(value)}."
        raise InvalidTypeError(message, argument=argument, hint="Leave out prefix=.")
    text = prefix + arguments.text(argument, value) if prefix else value
    return arguments.read(argument, lambda: _one_input(argument, text))


def _one_input(argument: str, value: object) -> tuple[object, Kind, int, int | None]:
    if isinstance(value, str):
        text = arguments.text(argument, value)
        return text, "text", len(text) if text.isascii() else len(text.encode()), None
    if isinstance(value, _ITEMS):
        item = _item(argument, value)
        return item, "content", len(str(item)), None
    if _is_list(value):
        ids = _tokens(argument, value)
        return ids, "tokens", 6 * len(ids), len(ids)
    raise arguments.bad_type(argument, _WANTED, value)


def _each(check: Callable[[str, object], object], values: Sequence[object]) -> list[object]:
    return [check(f"input[{position}]", value) for position, value in enumerate(values)]


def _to_list(argument: str, value: object) -> list[object]:
    """Make a list of what has an order and an end: lists, arrays, Series, Arrow columns."""
    if isinstance(value, list | tuple):
        return list(cast("Sequence[object]", value))
    if isinstance(value, bytes | bytearray | memoryview):
        raise arguments.bad_type(argument, "text (decode the bytes first)", value)
    for name in ("to_pylist", "tolist", "to_list"):
        convert = getattr(value, name, None)
        if convert is not None:
            converted = convert()
            if isinstance(converted, list):
                return cast("list[object]", converted)
    if isinstance(value, Sequence):
        return list(cast("Sequence[object]", value))
    raise arguments.bad_type(argument, f"{_WANTED}, or a list of one kind of them", value)


def _is_list(value: object) -> bool:
    # numpy's scalars have `tolist` as well, and no length.
    return isinstance(value, list | tuple) or (
        hasattr(value, "__len__") and (hasattr(value, "tolist") or hasattr(value, "to_pylist"))
    )


def _is_number(value: object) -> bool:
    return hasattr(value, "__index__") and not _is_list(value)


def _texts(values: Sequence[object]) -> list[object]:
    # The plain case is decided in place: a call and a name for each of 2,048 texts cost more than
    # everything else that is done to them.
    return [
        value if type(value) is str and value and value.isascii() else _text(f"input[{i}]", value)
        for i, value in enumerate(values)
    ]


def _text(argument: str, value: object) -> str:
    if not isinstance(value, str):
        raise arguments.bad_type(argument, "text, like the first input", value)
    return arguments.text(argument, value)


def _tokens(argument: str, value: object) -> list[object]:
    if isinstance(value, str) or not _is_list(value):
        raise arguments.bad_type(argument, "a list of token ids, like the first input", value)
    ids = _to_list(argument, value)
    if not ids:
        raise arguments.bad_value(argument, "must not be empty", value)
    return _token_ids(argument, ids)


def _token_ids(argument: str, ids: Sequence[object]) -> list[object]:
    most = LARGEST_TOKEN_ID
    return [
        token
        if type(token) is int and 0 <= token <= most
        else arguments.whole_number(f"{argument}[{i}]", token, least=0, most=most)
        for i, token in enumerate(ids)
    ]


def _item(argument: str, value: object) -> object:
    if isinstance(value, Content):
        return value.to_item()
    if isinstance(value, Image | Audio | Video | File):
        return Content(value).to_item()
    if isinstance(value, Mapping):
        return _spelt_item(argument, cast("Mapping[str, object]", value))
    wanted = "Content, an image or other media, like the first input (texts: Content('...'))"
    raise arguments.bad_type(argument, wanted, value)


_PART_PAYLOADS: Mapping[str, tuple[str, str | None]] = {
    "text": ("text", None),
    "image_url": ("image_url", "url"),
    "input_audio": ("input_audio", "data"),
    "input_video": ("input_video", "data"),
    "input_file": ("input_file", "data"),
}


def _spelt_item(argument: str, item: Mapping[str, object]) -> dict[str, object]:
    """Check a content item that is spelt out as in the contract."""
    plain = arguments.json_mapping(argument, item)
    if set(plain) != {"content"}:
        raise arguments.bad_value(argument, "must have the one key 'content'", sorted(plain))
    parts = plain["content"]
    if not isinstance(parts, list | tuple):
        raise arguments.bad_type(f"{argument}.content", "a list of parts", parts)
    if not parts:
        raise arguments.bad_value(f"{argument}.content", "must not be empty", parts)
    for position, part in enumerate(parts):
        _spelt_part(f"{argument}.content[{position}]", part)
    return plain


def _spelt_part(argument: str, part: object) -> None:
    if not isinstance(part, Mapping):
        raise arguments.bad_type(argument, "a mapping", part)
    kind = part.get("type")
    if not isinstance(kind, str) or kind not in _PART_PAYLOADS:
        raise arguments.unknown_name(f"{argument}.type", str(kind), _PART_PAYLOADS)
    name, inner = _PART_PAYLOADS[kind]
    payload = part.get(name)
    if inner is None:
        arguments.text(f"{argument}.{name}", payload)
    elif not isinstance(payload, Mapping):
        raise arguments.bad_type(f"{argument}.{name}", "a mapping", payload)
    else:
        arguments.text(f"{argument}.{name}.{inner}", payload.get(inner))
