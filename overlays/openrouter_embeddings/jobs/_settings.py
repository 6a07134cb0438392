"""What a job is, so that a later run can tell whether it is the same one; and its requests."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from attrs import asdict, field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings._base.sources import canonical_source
from openrouter_embeddings._bulk.options import write_template
from openrouter_embeddings.errors import ConfigurationError
from openrouter_embeddings.inputs import checked_prefix
from openrouter_embeddings.provider import checked_provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_embeddings.client import OpenRouter
    from openrouter_embeddings.jobs._columns import Columns

FORMAT = 2


@frozen
class JobSettings:
    """What the output of a job depends on, beside the texts.

    Attributes:
        url: Where requests go, or the name of what is there.
        model: The model's id.
        dimensions: The width that is asked for, or None.
        input_type: What the texts are for, or None.
        prefix: What is put before each text, or None.
        provider: Which providers may serve the requests, or None.
        extra_body: More fields of each body, or None.
        on_long: What becomes of texts that are too long: ``"error"`` or ``"truncate"``.
        pin_provider: Whether one provider must give all vectors.
        reading: How a file of text is read, see `ReadOptions`.
        column: The column with the texts.
        id_column: The column with the ids, or None.
        keep_columns: Other columns that go along.
        keep_text: Whether the texts go along.
        query_prefix: What goes before a query in a search of the output, or None where that was not
            said.
    """

    url: str
    model: str
    dimensions: int | None
    input_type: str | None
    prefix: str | None
    provider: Mapping[str, object] | None
    extra_body: Mapping[str, object] | None
    on_long: str
    pin_provider: bool
    reading: Mapping[str, object]
    column: str
    id_column: str | None
    keep_columns: tuple[str, ...]
    keep_text: bool
    query_prefix: str | None = None

    @property
    def plain(self) -> dict[str, Any]:
        """The same as JSON has it."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self), ensure_ascii=False))
        return plain


DECISIVE = (
    *("url", "model", "dimensions", "input_type", "prefix", "provider", "extra_body"),
    *("on_long", "pin_provider"),
)
"""What decides a vector; the rest is about the output."""


@frozen
class Request:
    """What each request of a job carries, and how the run goes about it.

    Attributes:
        url: Where requests go, or the name of what is there.
        model: The model's id.
        each: What each request carries.
        run: Other options of the run.
    """

    url: str
    model: str
    each: Mapping[str, Any] = field(repr=False)
    run: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(
        cls, client: OpenRouter, model: object, each: Mapping[str, Any], run: Mapping[str, Any]
    ) -> Request:
        """Check what each request is to carry.

        Raises:
            ConfigurationError: Something cannot be used.
        """
        checked = dict(each)
        checked["provider"] = checked_provider(each.get("provider"))
        checked["prefix"] = checked_prefix(each.get("prefix")) or None
        write_template(model, checked)
        if each.get("extra_body") is not None:
            checked["extra_body"] = arguments.json_mapping("extra_body", each["extra_body"])
        client.with_options(
            **{name: run[name] for name in ("timeout", "deadline", "retries") if name in run}
        )
        url = canonical_source(client.base_url)
        return cls(url, arguments.text("model", model), checked, run)

    def settings(
        self,
        columns: Columns,
        reading: Mapping[str, object],
        *,
        keep_text: bool,
        query_prefix: str | None = None,
    ) -> JobSettings:
        """Say what the job is.

        Raises:
            ConfigurationError: What goes before a query is no text.
        """
        return JobSettings(
            url=self.url,
            model=self.model,
            dimensions=self.each.get("dimensions"),
            input_type=self.each.get("input_type"),
            prefix=self.each["prefix"],
            provider=self.each["provider"],
            extra_body=self.each.get("extra_body"),
            on_long=self.run.get("on_long", "error"),
            pin_provider=self.run.get("pin_provider", False),
            reading=reading,
            column=columns.text,
            id_column=columns.id,
            keep_columns=columns.keep,
            keep_text=keep_text,
            query_prefix=_known(query_prefix),
        )

    def options(self, providers: tuple[str, ...]) -> dict[str, Any]:
        """Return the options of a run; a pinned job goes on with its first provider."""
        options = {**self.each, **self.run}
        if self.run.get("pin_provider") and providers:
            given = self.each["provider"] or {}
            options["provider"] = {**given, "only": [providers[0]], "allow_fallbacks": False}
        return options


def _known(query_prefix: object) -> str | None:
    """Check what goes before a query; that it is nothing is known, and not the same as None."""
    return None if query_prefix is None else checked_prefix(query_prefix, "query_prefix")


@frozen
class First:
    """What the first reply of a job said of all its vectors.

    Attributes:
        width: How many numbers a vector has.
        model: The model as its provider calls it, or None.
        provider: Who gave it, or None.
    """

    width: int
    model: str | None
    provider: str | None


def check_same(
    begun: Mapping[str, object], settings: JobSettings, where: str, names: tuple[str, ...] = ()
) -> None:
    """Check that a job goes on as it was begun.

    Args:
        begun: The settings as they were written down.
        settings: The settings now.
        where: What was begun, for the message.
        names: Which of them count; none for all.

    Raises:
        ConfigurationError: They differ; the message has both values.
    """
    now = settings.plain
    for name in names or now:
        if begun.get(name) != now[name]:
            message = (
                f"{where} was begun with {name} = {begun.get(name)!r}, now it is {now[name]!r}."
            )
            hint = "Go on with the same settings, choose another --out, or add --overwrite."
            raise ConfigurationError(message, argument=name, hint=hint)


def most_failures(bound: str | int | None, rows: int) -> int | None:
    """Read how many rows may fail: a number, or a share such as ``"0.1%"``.

    Args:
        bound: What was asked for, or None for no bound.
        rows: How many rows there are.

    Returns:
        The number of rows, a share rounded down; or None for no bound.

    Raises:
        ConfigurationError: It is neither.
    """
    if bound is None:
        return None
    text = str(bound).strip()
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = math.nan
    is_share = text.endswith("%")
    if not value >= 0 or value > (100 if is_share else math.inf) or value == math.inf:
        raise arguments.bad_value("max_failures", "must be a number or a share like '0.1%'", bound)
    if not is_share and value != int(value):
        raise arguments.bad_value("max_failures", "must be a whole number, or end in %", bound)
    return math.floor(rows * value / 100 + 1e-9) if is_share else int(value)
