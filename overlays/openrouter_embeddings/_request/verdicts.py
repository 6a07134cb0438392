"""What an error may mean, and what follows from it: every judgement over errors, in one place.

What an error may be about, in the order in which a run asks, with the evidence beside it:

    the key, the account, the    401, 402, 404, 405, 407, limits of a key; a 429 that lasts for a
    model, the way               day; a certificate, a proxy, a name nobody knows: `is_fatal`
    the pace                     429, 529, a 402 for credits in flight: `is_pushback`. It waits its
                                 turn; the end comes if nothing was admitted in its whole deadline
    the encoding                 words and empty answers: `refuses_base64`. Numbers are asked for
    the number of inputs         words: `named_limit`. It is kept to at once
    the length of an input       words, and a 413 for one input: `is_too_long`. It is cut if wanted
    it passes by itself          no answer, `TRANSIENT_STATUSES`, a reply that breaks the contract:
                                 `is_transient`, `may_pass`. Divided where others are answered and
                                 the same batch fails again; an outage where nothing is
    the settings                 400, 403, 422: `may_be_settings`, as long as nothing was answered
                                 and nothing came from the cache. Single inputs tell
    these inputs, or their size  400, 403, 413, 422: `is_divisible`. Divided until one stands alone

What was probably paid for is not paid for again and again: see `may_have_cost`, `would_drip`.
"""

from __future__ import annotations

import re

from openrouter_embeddings.errors import (
    BadRequestResponseError,
    ConfigurationError,
    DeadlineExceededError,
    ForbiddenResponseError,
    InternalServerResponseError,
    NoResponseError,
    NotFoundResponseError,
    OpenRouterError,
    PayloadTooLargeResponseError,
    PaymentRequiredResponseError,
    ResponseError,
    ResponseValidationError,
    UnauthorizedResponseError,
    UnprocessableEntityResponseError,
    VectorError,
)

TRANSIENT_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, *range(520, 525), 529})
"""The statuses that can pass by themselves; so can a 402 that requests in flight caused."""

_FATAL = (UnauthorizedResponseError, PaymentRequiredResponseError, ConfigurationError)
_DIVISIBLE = (
    BadRequestResponseError,
    PayloadTooLargeResponseError,
    UnprocessableEntityResponseError,
)
_TOO_LONG_TYPES = {
    "context_length_exceeded",
    "max_tokens_exceeded",
    "token_limit_exceeded",
    "string_too_long",
}


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# The words of services, each with who says it. What is missing here is found out by dividing, which
# costs more requests and no vector.

_OF_THE_PACE = _any_of(
    r"per (?:second|minute|hour|day)|a (?:second|minute|day)\b|\b[RT]PM\b",  # OpenAI, Groq, Cohere
    r"rate[ _-]?limit|too many requests|request rate",  # Azure has "request rate is too large"
)
"""Where these stand, neither a length nor a number is meant by what stands beside them."""

_LASTS = _any_of(
    r"per day|a day\b|daily|per month|a month\b|/ ?month|monthly",  # OpenAI, Groq, Cohere
    r"insufficient_quota",  # OpenAI: no credits
)
_LASTS_IN_BODY = _any_of(r"PerDay|insufficient_quota")  # Gemini's quota ids; OpenAI's code

_ACCOUNT = _any_of(
    r"not a valid model|(?:invalid|unknown) model(?:$|:| id| name)",  # OpenRouter, Mistral
    r"model_not_found",  # OpenAI
    r"model \S+ (?:is not supported|is not available|does not exist|was not found)",  # Voyage, vLLM
    r"api[ _-]?key (?:is )?(?:not valid|invalid|expired|not found)",  # Gemini says 400
    r"good standing|arrearage",  # DashScope says 400 of an account without money
)
"""What no other input changes, though a 400 says it."""

_TOO_LONG = _any_of(
    # Cohere, Mistral, and whoever writes an error by hand
    r"(?<!took )(?<!taking )(?<!waited )(?<!array )(?<!list )(?<!batch )too long",
    # llama.cpp says so of one input, with its tokens in parentheses
    r"(?:input|text|prompt|document|string|content|sequence)\w*\W+(?:\S+ ){0,4}too large",
    r"too many (?:input )?tokens",  # Cohere, Mistral ("in batch", "overall"), Bedrock
    r"context[ _](?:length|window|size)",  # OpenAI, OpenRouter, vLLM, llama.cpp
    r"maximum (?:model|input|sequence) length|max_model_len",  # vLLM, OpenAI
    # Gemini, Azure; Voyage adds "allowed", NVIDIA has "allowed token size"
    r"(?:maximum|max)[ _](?:number of |allowed |input |prompt )?tokens?\b",
    r"less than \d+ tokens",  # text-embeddings-inference
    r"(?:exceeds?|more than|over|limit of|limited to)[^.;]{0,40} \d+ (?:input )?tokens",  # Jina
    r"token[ _](?:count|limit)",  # Gemini, Fireworks
    r"input[ _]length (?:\S+ )?(?:exceed|should)",  # DashScope: "Range of input length should be"
    r"at most \d+ characters|string_(?:above_max_length|too_long)",  # pydantic, OpenAI
    r"maxLength: \d+|expected max length",  # Bedrock
)

_THINGS = (
    r"(?:inputs?|items?|texts?|documents?|elements?|entries|requests?|instances?|prompts?|strings?"
    r"|sentences|chunks|embeddings)\b(?!\s+(?:tokens?|characters?|bytes|length|per|an?|every)\b)"
)
_MOST = r"(?:at most|up to|more than|larger than|greater than|exceed\w*|max\w*|limit\w*|<=|≤)"
_NUMBER = r"(\d{1,7})(?!\d|,\d| ?tokens)"
_LIMIT = _any_of(
    # Gemini has "at most 100 requests can be in one batch", pydantic "at most 512 items"
    rf"{_MOST}(?: of| is| to|:)? (\d{{1,7}}) {_THINGS}",
    # DashScope has "should not be larger than 10", Voyage "limit is 128", Triton "must be <= 64",
    # text-embeddings-inference and SiliconFlow "batch size 136 > maximum allowed batch size 64"
    rf"batch[ _-]?size\b[^.;]{{0,60}}?(?:{_MOST}|must be|>)\D{{0,40}}?{_NUMBER}",
    rf"max(?:imum)?(?: allowed)? batch[ _-]?size\D{{0,15}}{_NUMBER}",
    # Cohere has "total number of texts must be at most 96", Azure "max number of inputs is 16"
    rf"max(?:imum)? number of {_THINGS}\D{{0,15}}{_NUMBER}",
    rf"(?:number of|too many) {_THINGS}[^.;\d]{{0,40}}?{_MOST}\D{{0,30}}{_NUMBER}",
    rf"too many {_THINGS}\D{{0,10}}\d{{1,7}} > {_NUMBER}",
    # OpenAI; Jina; Bedrock; Vertex AI
    rf"array with maximum length {_NUMBER}|largest allowed size {_NUMBER}",
    rf"maximum item count:? {_NUMBER}|{_NUMBER} instance\(s\) (?:is|are) allowed",
)

_PARTICULAR = _any_of(r"'[^']*'|\"[^\"]*\"|`[^`]*`|[-\w]*\d[-\w]*|\W")

_ARGUMENTS = {
    "encoding_format": _any_of(r"base64|encoding[ _]?format"),
    # so NVIDIA, Voyage and Cohere; with Jina and Gemini it is a task
    "input_type": _any_of(r"input_type|task_type|\btask\b|search_(?:query|document)"),
    # so OpenAI and Voyage; vLLM speaks of matryoshka representations
    "dimensions": _any_of(r"dimension|matryoshka"),
}
"""The arguments of a call, and the words that refusals have for them."""

_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html|head|body|title)\b", re.IGNORECASE)
_NOWHERE = re.compile(
    r"404: (?:404:? )?(?:page )?"
    r"(?:not found|no reason given|the reply has no body|cannot (?:post|get) .*)\W*",
    re.IGNORECASE,
)
"""What frameworks say of a path that they do not serve, FastAPI, Go and Express among them."""

_REFUSING_STATUSES = {400, 404, 415, 422, 500, 501}
"""422: TEI and FastAPI servers; 501: gateways; 500: what a server says that fell over it."""


def is_transient(error: OpenRouterError) -> bool:
    """Say whether the same request can succeed later, without anybody doing anything."""
    if isinstance(error, NoResponseError):
        return error.obstacle is None
    if isinstance(error, ResponseValidationError):
        return not is_misdirected(error)
    return isinstance(error, ResponseError) and _passes(error)


def _passes(error: ResponseError) -> bool:
    if error.status_code == 404:
        return is_lost_inside(error)
    if error.status_code == 402:
        return error.metadata.get("limit_source") == "openrouter_in_flight_budget"
    passes = error.status_code in TRANSIENT_STATUSES
    return passes and not _lasts(error) and not _is_about_inputs(error)


def _lasts(error: ResponseError) -> bool:
    """Say whether a quota is used up that does not come back for hours, whatever else it says.

    Where the words alone say so and a wait is named, the wait is what counts.
    """
    if error.status_code != 429:
        return False
    if error.metadata.get("limit_source") == "openrouter_free_tier_daily":
        return True
    words = error.retry_after is None and _LASTS.search(error.message) is not None
    return words or _LASTS_IN_BODY.search(error.body) is not None


def _is_about_inputs(error: OpenRouterError) -> bool:
    """Say whether a server fell over inputs that are too long or too many, and says so."""
    failed = isinstance(error, ResponseError) and error.status_code >= 500
    return failed and (named_limit(error) is not None or is_too_long(error))


def named_limit(error: OpenRouterError) -> int | None:
    """Return the most inputs of a request, where a refusal says it in words; at least 1."""
    if not isinstance(error, ResponseError):
        return None
    if error.status_code not in {400, 413, 422} and not 500 <= error.status_code < 529:
        return None
    found = _LIMIT.search(error.message)
    if found is None or _OF_THE_PACE.search(error.message):
        return None
    return int(next(filter(None, found.groups()))) or None


def is_lost_inside(error: OpenRouterError) -> bool:
    """Say whether no provider answered a request that the service had begun to answer.

    It says so with a 404 inside of a 200, for a blocked host or a passing fault of a provider
    as well as for settings that the model has not.
    """
    return isinstance(error, NotFoundResponseError) and error.http_status == 200


def is_misdirected(error: OpenRouterError) -> bool:
    """Say whether there is no such endpoint where the request went: base_url is wrong.

    A 404 that speaks of a model is another matter; so is a page under a status that says that the
    network in front of the service is down.
    """
    if isinstance(error, ResponseValidationError):
        return _PAGE.match(error.body) is not None
    if not isinstance(error, ResponseError) or error.http_status not in {404, 405}:
        return False
    nowhere = _PAGE.match(error.body) or _NOWHERE.fullmatch(error.message)
    return error.http_status == 405 or nowhere is not None


def is_throttling(error: OpenRouterError) -> bool:
    """Say whether the service was asked for too much at once: everything should slow down."""
    if isinstance(error, NoResponseError):
        return error.timed_out
    return (
        isinstance(error, ResponseError)
        and error.status_code in {402, 408, 429, 529}
        and is_transient(error)
    )


def is_pushback(error: OpenRouterError) -> bool:
    """Say whether the service takes nothing more for the moment, and will take the same later.

    A 408 is none: the work had begun, and may be charged for.
    """
    if isinstance(error, DeadlineExceededError):
        return error.last_error is not None and is_pushback(error.last_error)
    return (
        isinstance(error, ResponseError)
        and error.status_code in {402, 429, 529}
        and is_transient(error)
    )


def may_have_cost(error: OpenRouterError) -> bool:
    """Say whether the service may have computed what the failed attempt asked for.

    It did where it began a success; and it may have where it took the whole request and gave no
    status, or says itself that time ran out. Every other refusal is free.
    """
    if isinstance(error, NoResponseError):
        return error.sent
    if isinstance(error, ResponseError):
        return error.status_code in {408, 504, 524}
    return isinstance(error, ResponseValidationError)


def would_drip(error: OpenRouterError) -> bool:
    """Say whether a reply had begun and ran out of time: it would be paid for, and drip, again."""
    return isinstance(error, NoResponseError) and error.begun and error.timed_out


def timed_out(error: OpenRouterError) -> bool:
    """Say whether time ran out before a complete answer came."""
    return isinstance(error, NoResponseError) and error.timed_out


def ran_out_of_time(error: OpenRouterError) -> bool:
    """Say whether the work took too long, for this client or for the service itself."""
    slow = isinstance(error, ResponseError) and error.status_code in {408, 504, 524}
    return slow or timed_out(error)


def is_aggregated(error: OpenRouterError) -> bool:
    """Say whether one vector came for a whole list, as some models answer any list."""
    return isinstance(error, VectorError) and error.vectors == 1


def may_pass(error: OpenRouterError) -> bool:
    """Say whether a batch deserves a second round: others go on, so the service is there."""
    return is_transient(error) and not would_drip(error)


def wait_named(error: OpenRouterError) -> float | None:
    """Return the seconds that the service asks to wait, or None where it does not say."""
    return error.retry_after if isinstance(error, ResponseError) else None


def is_fatal(error: OpenRouterError) -> bool:
    """Say whether every other request would end in the same way."""
    if isinstance(error, ForbiddenResponseError):
        # A limit of the key, as opposed to moderation, or to a firewall that dislikes a text.
        return not _is_flagged(error) and not _PAGE.match(error.body)
    if isinstance(error, BadRequestResponseError) and _ACCOUNT.search(error.message):
        return True
    if isinstance(error, ResponseError) and error.status_code in {404, 405, 407}:
        return not is_transient(error)
    if isinstance(error, NoResponseError) and error.obstacle is not None:
        return True
    lasts = isinstance(error, ResponseError) and _lasts(error)
    return lasts or (isinstance(error, _FATAL) and not is_transient(error))


def is_divisible(error: OpenRouterError) -> bool:
    """Say whether a smaller request may succeed, or tell which input is to blame."""
    if _is_about_inputs(error):
        return True
    return isinstance(error, (*_DIVISIBLE, ForbiddenResponseError)) and not is_fatal(error)


def _is_flagged(error: ResponseError) -> bool:
    return not {"reasons", "flagged_input", "patterns"}.isdisjoint(error.metadata)


def may_be_settings(error: OpenRouterError) -> bool:
    """Say whether a refusal may be about what all requests have in common, not about its inputs."""
    if not isinstance(error, ResponseError) or error.status_code not in {400, 403, 422}:
        return False
    about_inputs = is_too_long(error) or named_limit(error) is not None or _is_flagged(error)
    return is_divisible(error) and not about_inputs


def words_of(error: OpenRouterError) -> str:
    """Return the words of a refusal without what tells its inputs apart: numbers, quotes, ids."""
    return _PARTICULAR.sub("", error.message)


def blames_content(error: OpenRouterError) -> bool:
    """Say whether an input of a batch must be to blame, as opposed to their number or chance."""
    return isinstance(error, BadRequestResponseError | ForbiddenResponseError)


def is_too_long(error: OpenRouterError) -> bool:
    """Say whether a refusal of one input means that it is too long."""
    if not isinstance(error, (*_DIVISIBLE, InternalServerResponseError)):
        return False
    if error.metadata.get("error_type") in _TOO_LONG_TYPES:
        return True
    if _OF_THE_PACE.search(error.message) or _LIMIT.search(error.message):
        return False
    known = _TOO_LONG.search(error.message) is not None
    return known or isinstance(error, PayloadTooLargeResponseError)


def named_argument(error: OpenRouterError) -> str | None:
    """Return the argument of the call that a refusal speaks of, or None."""
    if not isinstance(error, ResponseError) or error.status_code not in {400, 422, 501}:
        return None
    if is_fatal(error) or is_too_long(error) or named_limit(error) is not None:
        return None
    return next((name for name, words in _ARGUMENTS.items() if words.search(error.message)), None)


def refuses_base64(error: OpenRouterError) -> bool:
    """Recognise the ways in which models without base64 answer a request for it."""
    if isinstance(error, VectorError):
        return error.vectors == 0 or error.undecodable
    if not isinstance(error, ResponseError):
        return False
    if is_lost_inside(error):
        return "no successful provider" in error.message.lower()
    # FastAPI servers name the field; vLLM says that base64 encoding is not supported (vllm#6174).
    words = _ARGUMENTS["encoding_format"]
    named = words.search(f"{error.message} {error.body}") is not None
    return error.status_code in _REFUSING_STATUSES and named
