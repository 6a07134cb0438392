"""Which columns of an input are taken, and under which names they go out. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

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
