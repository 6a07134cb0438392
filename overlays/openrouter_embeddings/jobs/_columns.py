"""Which columns of an input are taken, under which names they go out, and as what in JSON. Pure."""

from __future__ import annotations

import json
import math
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from attrs import frozen

from openrouter_embeddings._base.printable import one_line
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_COLUMN = "text"
TEXT, EMBEDDING, ERROR, KEPT = "text", "embedding", "error", "kept_characters"
DIGEST = "text_digest"
RESERVED = (TEXT, EMBEDDING, ERROR, KEPT, DIGEST)
_MOST_NAMED = 20


@frozen
class Columns:
    """Which columns of the input are taken.

    Attributes:
        text: The column with the texts.
        id: The column with the ids, or None.
        keep: Other columns that go along.
    """

    text: str
    id: str | None = None
    keep: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """The columns beside the text, ids first."""
        return self.keep if self.id is None else (self.id, *self.keep)

    @property
    def all(self) -> tuple[str, ...]:
        """All columns that are taken, the text first."""
        return (self.text, *self.others)


def columns_of(
    names: Sequence[str], text: str | None, id_column: str | None, keep: Sequence[str]
) -> Columns:
    """Choose columns by what was asked for; ``*`` keeps all.

    Raises:
        ConfigurationError: There is no such column, or two would have one name in the output.
    """
    chosen = _text_column(names, text)
    for argument, name in (("id_column", id_column), *(("keep_columns", name) for name in keep)):
        if name is not None and name != "*" and name not in names:
            raise _no_column(argument, name, names)
    kept = [name for name in names if name not in {chosen, id_column}] if "*" in keep else keep
    found = Columns(chosen, id_column, tuple(kept if "*" in keep else dict.fromkeys(kept)))
    _check_names(found, names)
    return found


def _text_column(names: Sequence[str], wanted: str | None) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    column = wanted or DEFAULT_COLUMN
    if column not in names:
        raise _no_column("column", column, names)
    return column


def _no_column(argument: str, name: str, names: Sequence[str]) -> ConfigurationError:
    message = f"There is no column {name!r}."
    option = argument.replace("_", "-")
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    shown = ", ".join(map(one_line, names[:_MOST_NAMED])) or "the file has none"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    guess = f"Did you mean {near[0]!r}? " if near else ""
    hint = f"{guess}Name one with --{option}: {shown}{more}."
    return ConfigurationError(message, argument=argument, hint=hint)


def _check_names(columns: Columns, names: Sequence[str]) -> None:
    for name in columns.all:
        if names.count(name) > 1:
            message = f"The column {name!r} stands in the input {names.count(name)} times."
            hint = "Rename all but one of them, or leave them out."
            raise ConfigurationError(message, argument="keep_columns", hint=hint)
    for name in columns.others:
        if name in RESERVED or columns.others.count(name) > 1 or name == columns.text:
            message = f"The column {name!r} would be in the output twice."
            hint = f"{', '.join(RESERVED)} are columns of the output; rename it in the input."
            raise ConfigurationError(message, argument="keep_columns", hint=hint)


def json_line(row: object) -> str:
    """Write a row as JSON; numbers that it does not have (RFC 8259, section 6) as text."""
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False, default=str)
    except ValueError:
        return json.dumps(_spelt(row), ensure_ascii=False, default=str)


def said(value: object) -> str:
    """Write a value as a line of JSON has it, a text as it is: what equal values have in common."""
    line = json_line(value)
    return str(json.loads(line)) if line.startswith('"') else line


def _spelt(value: Any) -> Any:  # noqa: ANN401 - whatever a row holds
    """Spell out what is no finite number, as `json` itself does: NaN, Infinity, -Infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    if isinstance(value, dict):
        return {name: _spelt(inner) for name, inner in value.items()}
    return list(map(_spelt, value)) if isinstance(value, list | tuple) else value


def json_schema(schema: pa.Schema) -> pa.Schema:
    """Choose what each column is written as: dates and times as text, all else as itself.

    Python's own dates end with the year 9999, and its times have no nanoseconds.

    Raises:
        ConfigurationError: A column holds what JSON cannot say.
    """
    ours = {EMBEDDING, DIGEST}
    return pa.schema([one if one.name in ours else _written(one, one.name) for one in schema])


def _written(field: pa.Field[Any], column: str) -> pa.Field[Any]:
    return field.with_type(_json_type(field.type, column))


def _json_type(kind: Any, column: str) -> Any:  # noqa: ANN401 - pyarrow has no types of its own
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name != _UUID:
            _json_type(kind.storage_type, column)
        return kind
    if any(holds(kind) for holds in _UNSPEAKABLE):
        raise _refused(column, f"holds {kind}, which JSON has no form for")
    if pa.types.is_temporal(kind):
        _try_text(kind, column)
        return pa.string()
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _json_type(kind.value_type, column)
    return _nested_type(kind, column)


def _nested_type(kind: Any, column: str) -> Any:  # noqa: ANN401 - as above
    """Look into structs and lists, and change as little of them as possible."""
    if not pa.types.is_nested(kind):
        return kind
    fields = [kind.field(place) for place in range(kind.num_fields)]
    names = [one.name for one in fields]
    if pa.types.is_struct(kind):
        if len(set(names)) < len(names):
            raise _refused(column, "has two fields of one name in its objects")
        return pa.struct([_written(one, column) for one in fields])
    inner = [_json_type(one.type, column) for one in fields]
    return kind if inner == [one.type for one in fields] else _container(kind, inner)


def _container(kind: Any, inner: list[Any]) -> Any:  # noqa: ANN401 - as above
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, inner[0].field(1).type)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(inner[0], kind.list_size)
    return pa.large_list(inner[0]) if pa.types.is_large_list(kind) else pa.list_(inner[0])


def _try_text(kind: Any, column: str) -> None:  # noqa: ANN401 - as above
    """Find out whether times can be written: their zone may be none that is known here."""
    try:
        pa.array([0], pa.int64()).cast(_number_under(kind)).cast(kind).cast(pa.string())
    except pa.ArrowException as exc:
        raise _refused(column, f"holds {kind}, which cannot be written ({exc})") from exc


def _number_under(kind: Any) -> Any:  # noqa: ANN401 - as above
    return pa.int64() if kind.bit_width == _WIDE else pa.int32()


def _refused(column: str, why: str) -> ConfigurationError:
    hint = "Leave that column out, or write .parquet, which keeps it as it is."
    return ConfigurationError(f"The column {column!r} {why}.", argument="keep_columns", hint=hint)


_WIDE = 64
_UUID = "arrow.uuid"
_UNSPEAKABLE = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
    pa.types.is_duration,
    pa.types.is_interval,
)
