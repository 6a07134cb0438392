"""What an error may mean, and what follows from it: every judgement over errors, in one table.

`table` says what each refusal may mean. The judgements here look for one meaning each; retry,
division, cutting, numbers in place of base64, and the end of a run follow from these. What the
services say stands in `words`, each with who says it; what is missing there is found out by
dividing, which costs more requests and no vector.

A run asks in this order, with its own evidence beside the meaning:

    the key, the account, the    `is_fatal`: no evidence is needed, it is the end
    model, the way
    the pace                     `is_pushback`. It waits its turn; the end comes if nothing was
                                 admitted in its whole deadline
    the encoding                 `refuses_base64`. Numbers are asked for
    the number of inputs         `named_limit`. It is kept to at once
    the length of an input       `is_too_long`, of one input. It is cut if wanted
    it passes by itself          `is_transient`, `may_pass`. Divided where others are answered and
                                 the same batch fails again; an outage where inputs from elsewhere
                                 fail as well
    the settings                 `may_be_settings`, as long as nothing was answered and nothing
                                 came from the cache. Single inputs tell
    these inputs, or their size  `is_divisible`. Divided until one stands alone

What was probably paid for is not paid for again and again: see `may_have_cost`, `would_drip`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from openrouter_embeddings._request.verdicts.table import TABLE, TRANSIENT_STATUSES, Means
from openrouter_embeddings._request.verdicts.words import number_in, words_about
from openrouter_embeddings.errors import ConfigurationError, DeadlineExceededError, ResponseError

if TYPE_CHECKING:
    from openrouter_embeddings.errors import OpenRouterError

__all__ = ["TRANSIENT_STATUSES"]

_ARGUMENTS = ("encoding_format", "input_type", "dimensions")
_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|[-\w]*\d[-\w]*|\W")


def _meanings(error: OpenRouterError) -> Means:
    found = Means(0)
    for row in TABLE:
        if row.fits(error, found):
            found |= row.means
    return found


def _says(error: OpenRouterError, means: Means) -> bool:
    return bool(means & _meanings(error))


def is_transient(error: OpenRouterError) -> bool:
    """Say whether the same request can succeed later, without anybody doing anything."""
    return _says(error, Means.PASSES)


def named_limit(error: OpenRouterError) -> int | None:
    """Return the most inputs of a request, where a refusal says it in words; at least 1."""
    return number_in(error.message) if _says(error, Means.NUMBER) else None


def is_lost_inside(error: OpenRouterError) -> bool:
    """Say whether no provider answered a request that the service had begun to answer.

    It says so with a 404 inside of a 200, for a blocked host or a passing fault of a provider
    as well as for settings that the model has not.
    """
    return _says(error, Means.LOST_INSIDE)


def is_misdirected(error: OpenRouterError) -> bool:
    """Say whether there is no such endpoint where the request went: base_url is wrong."""
    return _says(error, Means.MISDIRECTED)


def is_throttling(error: OpenRouterError) -> bool:
    """Say whether the service was asked for too much at once: everything should slow down."""
    return _says(error, Means.THROTTLING)


def is_pushback(error: OpenRouterError) -> bool:
    """Say whether the service takes nothing more for the moment, and will take the same later."""
    if isinstance(error, DeadlineExceededError):
        return error.last_error is not None and is_pushback(error.last_error)
    return _says(error, Means.PACE)


def may_have_cost(error: OpenRouterError) -> bool:
    """Say whether the service may have computed what the failed attempt asked for."""
    return _says(error, Means.MAY_HAVE_COST)


def would_drip(error: OpenRouterError) -> bool:
    """Say whether a reply had begun and ran out of time: it would be paid for, and drip, again."""
    return _says(error, Means.DRIPS)


def timed_out(error: OpenRouterError) -> bool:
    """Say whether time ran out before a complete answer came."""
    return _says(error, Means.TIMED_OUT)


def ran_out_of_time(error: OpenRouterError) -> bool:
    """Say whether the work took too long, for this client or for the service itself."""
    return _says(error, Means.RAN_OUT)


def is_aggregated(error: OpenRouterError) -> bool:
    """Say whether one vector came for a whole list, as some models answer any list."""
    return _says(error, Means.AGGREGATED)


def may_pass(error: OpenRouterError) -> bool:
    """Say whether a batch deserves a second round: others go on, so the service is there."""
    return _meanings(error) & (Means.PASSES | Means.DRIPS) == Means.PASSES


def wait_named(error: OpenRouterError) -> float | None:
    """Return the seconds that the service asks to wait, or None where it does not say."""
    return error.retry_after if isinstance(error, ResponseError) else None


def is_fatal(error: OpenRouterError) -> bool:
    """Say whether every other request would end in the same way."""
    return _says(error, Means.FATAL)


def is_divisible(error: OpenRouterError) -> bool:
    """Say whether a smaller request may succeed, or tell which input is to blame."""
    return _says(error, Means.INPUTS)


def is_unexplained(error: OpenRouterError) -> bool:
    """Say whether a refusal has a status of which nobody knows what it is about."""
    return _says(error, Means.UNKNOWN)


def may_be_settings(error: OpenRouterError) -> bool:
    """Say whether a refusal may be about what all requests have in common, not about its inputs."""
    return _says(error, Means.SETTINGS)


def words_of(error: OpenRouterError) -> str:
    """Return the words of a refusal without what tells its inputs apart: numbers, quotes, ids."""
    return _PARTICULAR.sub("", error.message)


def blames_content(error: OpenRouterError) -> bool:
    """Say whether an input of a batch must be to blame, as opposed to their number or chance."""
    return _says(error, Means.CONTENT)


def is_too_long(error: OpenRouterError) -> bool:
    """Say whether a refusal of one input means that it is too long."""
    return _says(error, Means.LONG)


def named_argument(error: OpenRouterError) -> str | None:
    """Return the argument of the call that a refusal speaks of, or None."""
    if not _says(error, Means.ARGUMENT):
        return None
    return next((name for name in _ARGUMENTS if words_about(name).search(error.message)), None)


def refuses_base64(error: OpenRouterError) -> bool:
    """Recognise the ways in which models without base64 answer a request for it."""
    return _says(error, Means.NO_BASE64)


def status_to_tell(error: OpenRouterError) -> int:
    """Return the HTTP status under which an error is passed on to whoever asked for it."""
    if isinstance(error, DeadlineExceededError) and error.last_error is not None:
        return status_to_tell(error.last_error)
    if isinstance(error, ResponseError):
        return error.status_code if 400 <= error.status_code < 600 else 502
    if isinstance(error, ConfigurationError):
        return 402 if error.argument == "max_cost" else 400
    return 504 if timed_out(error) else 502
