"""Read a request as the contract has it: bytes in, inputs as token ids out, or the refusal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, NoReturn, cast

import numpy as np
from attrs import frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.local._model import DIMENSIONS, checked_dimensions
from openrouter_embeddings.provider import checked_provider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings.local._model import LocalModel

MODEL_ID = "local/wordllama-256"
PROVIDER = "Local"

_QUANTIZATION = "fp16"
_SESSION_CHARACTERS = 256
_TRACE_KEYS = ("trace_id", "trace_name", "span_name", "generation_name", "parent_span_id")
_MEDIA = {
    "image_url": ("image", "url"),
    "input_audio": ("audio", "data"),
    "input_video": ("video", "data"),
    "input_file": ("file", "data"),
}


class RefusalError(Exception):
    """The answer is no.

    Attributes:
        status: The HTTP status.
        message: Why, for the caller to read.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@frozen(eq=False)
class Job:
    """What is to be done.

    Attributes:
        tokens: The token ids of each input.
        dimensions: The width of the vectors.
        encoding: How to write them.
    """

    tokens: Sequence[NDArray[np.int32]]
    dimensions: int
    encoding: Literal["float", "base64"]


def read_job(body: bytes, model: LocalModel, most_inputs: int) -> Job:
    """Read and check a request for embeddings.

    Args:
        body: The body as it came.
        model: The model that the inputs are cut into tokens for.
        most_inputs: The most inputs of one request.

    Returns:
        What is to be done.

    Raises:
        RefusalError: 400 where the body is not as the contract has it, 404 where the model cannot
            serve it, 422 where it has too many inputs.
    """
    try:
        return _job(_object("body", _json(body)), model, most_inputs)
    except ConfigurationError as error:
        raise RefusalError(400, str(error)) from error


def _json(body: bytes) -> object:
    try:
        return cast("object", json.loads(body.decode(), parse_constant=_refuse_constant))
    except (ValueError, RecursionError) as exc:
        raise RefusalError(400, f"The body is not JSON: {exc}.") from exc


def _refuse_constant(name: str) -> NoReturn:
    # Python's parser takes NaN and Infinity, RFC 8259 section 6 does not.
    message = f"{name} is no number"
    raise ValueError(message)


def _job(body: Mapping[str, object], model: LocalModel, most_inputs: int) -> Job:
    for name in ("input", "model"):
        _present("", body, name)
    _check_model(body["model"])
    _check_context(body)
    _check_routing(checked_provider(_provider(body)))
    dimensions = checked_dimensions("dimensions", _whole(body.get("dimensions", DIMENSIONS[-1])))
    encoding = _encoding(body.get("encoding_format", "float"))
    return Job(_tokens(body["input"], model, most_inputs), dimensions, encoding)


def _present(where: str, fields: Mapping[str, object], name: str) -> object:
    if name not in fields:
        message = f"{where}{name} is required."
        raise ConfigurationError(message, argument=f"{where}{name}")
    return fields[name]


def _object(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise arguments.bad_type(name, "an object", value)
    return cast("Mapping[str, object]", value)


def _string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise arguments.bad_type(name, "text", value)
    return value


def _whole(value: object) -> object:
    """Read 3.0 as 3: JSON has one kind of number, and some clients write integers so."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_model(value: object) -> None:
    name = _string("model", value)
    if name != MODEL_ID:
        raise RefusalError(400, f"{name} is not a valid model ID")


def _check_context(body: Mapping[str, object]) -> None:
    for name in ("input_type", "user", "session_id"):
        _string(name, body.get(name, ""))
    if len(cast("str", body.get("session_id", ""))) > _SESSION_CHARACTERS:
        problem = f"must have {_SESSION_CHARACTERS} characters at the most"
        raise arguments.bad_value("session_id", problem, body["session_id"])
    trace = _object("trace", body.get("trace", {}))
    for name in _TRACE_KEYS:
        _string(f"trace.{name}", trace.get(name, ""))


def _encoding(value: object) -> Literal["float", "base64"]:
    text = _string("encoding_format", value)
    if text not in {"float", "base64"}:
        raise arguments.bad_value("encoding_format", "must be float or base64", text)
    return cast('Literal["float", "base64"]', text)


def _provider(body: Mapping[str, object]) -> Mapping[str, object] | None:
    value = body.get("provider")
    return None if value is None else _object("provider", value)


def _check_routing(provider: Mapping[str, object] | None) -> None:
    """Refuse where the preferences leave out the one provider that is here."""
    wanted = provider or {}
    only, order = _names(wanted.get("only")), _names(wanted.get("order"))
    formats = cast("Sequence[str]", wanted.get("quantizations") or ())
    left_out = (
        (only and PROVIDER.lower() not in only)
        or PROVIDER.lower() in _names(wanted.get("ignore"))
        or (wanted.get("allow_fallbacks") is False and order and PROVIDER.lower() not in order)
        or (formats and _QUANTIZATION not in formats)
    )
    if left_out:
        message = f"No endpoints found for {MODEL_ID}: its one provider is {PROVIDER}."
        raise RefusalError(404, message)


def _names(value: object) -> set[str]:
    return {name.lower() for name in cast("Sequence[str]", value or ())}


def _tokens(value: object, model: LocalModel, most: int) -> list[NDArray[np.int32]]:
    if isinstance(value, str):
        return model.tokenize_named([("input", value)])
    if not isinstance(value, list):
        raise arguments.bad_type("input", "text or a list", value)
    items = cast("list[object]", value)
    if not items:
        raise _empty("input")
    if _is_number(items[0]):
        return [_ids("input", items, model)]
    if len(items) > most:
        raise RefusalError(422, f"input has {len(items)} items; at most {most} are allowed.")
    return _many(items, model)


def _many(items: list[object], model: LocalModel) -> list[NDArray[np.int32]]:
    named = [(f"input[{position}]", item) for position, item in enumerate(items)]
    if isinstance(items[0], str):
        return model.tokenize_named(named)
    if isinstance(items[0], list):
        return [_ids(name, item, model) for name, item in named]
    if isinstance(items[0], dict):
        return _contents([_parts(name, item) for name, item in named], model)
    raise arguments.bad_type("input[0]", "text, a number, a list of numbers or an object", items[0])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ids(name: str, value: object, model: LocalModel) -> NDArray[np.int32]:
    if not isinstance(value, list):
        raise arguments.bad_type(name, "a list of token ids", value)
    items = cast("list[object]", value)
    ids = [
        arguments.whole_number(f"{name}[{i}]", _whole(item), least=0, most=model.vocabulary - 1)
        for i, item in enumerate(items)
    ]
    return model.checked_tokens(name, ids)


def _parts(name: str, value: object) -> list[tuple[str, object]]:
    content = _present(f"{name}.", _object(name, value), "content")
    where = f"{name}.content"
    if not isinstance(content, list):
        raise arguments.bad_type(where, "a list", content)
    if not content:
        raise _empty(where)
    return [_part(f"{where}[{i}]", part) for i, part in enumerate(cast("list[object]", content))]


def _empty(argument: str) -> ConfigurationError:
    return ConfigurationError(f"{argument} must not be empty.", argument=argument)


def _part(name: str, value: object) -> tuple[str, object]:
    part = _object(name, value)
    kind = _string(f"{name}.type", _present(f"{name}.", part, "type"))
    if kind == "text":
        return f"{name}.text", _present(f"{name}.", part, "text")
    if kind not in _MEDIA:
        where, known = f"{name}.type", ", ".join(["text", *_MEDIA])
        raise arguments.bad_value(where, f"must be one of {known}", kind)
    what, key = _MEDIA[kind]
    media = _object(f"{name}.{kind}", _present(f"{name}.", part, kind))
    _string(f"{name}.{kind}.{key}", _present(f"{name}.{kind}.", media, key))
    message = f"No endpoints found that support {what} input: {MODEL_ID} embeds text only ({name})."
    raise RefusalError(404, message)


def _contents(inputs: list[list[tuple[str, object]]], model: LocalModel) -> list[NDArray[np.int32]]:
    """Join the tokens of each input's parts, so that nothing is added between them."""
    pieces = iter(model.tokenize_named([part for parts in inputs for part in parts]))
    joined = [np.concatenate([next(pieces) for _ in parts]) for parts in inputs]
    return [model.checked_tokens(f"input[{i}]", ids) for i, ids in enumerate(joined)]
