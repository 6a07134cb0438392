"""What services say in their refusals, each word in one place, with who says it."""

from __future__ import annotations

import re
from functools import cache

from attrs import frozen


@frozen
class Word:
    """Something that services say.

    Attributes:
        about: What they speak of.
        pattern: The words, in any case.
        source: Who says so.
    """

    about: str
    pattern: str
    source: str


_THINGS = (
    r"(?:inputs?|items?|texts?|documents?|elements?|entries|requests?|instances?|prompts?|strings?"
    r"|sentences|chunks|embeddings)\b(?!\s+(?:tokens?|characters?|bytes|length|per|an?|every)\b)"
)
_MOST = r"(?:at most|up to|more than|larger than|greater than|exceed\w*|max\w*|limit\w*|<=|≤)"
_NUMBER = r"(\d{1,7})(?!\d|,\d| ?tokens)"

WORDS = (
    # Where these stand, neither a length nor a number is meant by what stands beside them.
    Word(
        "pace", r"per (?:second|minute|hour|day)|a (?:second|minute|day)\b", "OpenAI, Groq, Cohere"
    ),
    Word("pace", r"\b[RT]PM\b", "OpenAI, Groq"),
    Word("pace", r"rate[ _-]?limit|too many requests", "OpenAI, Cloudflare"),
    Word("pace", r"request rate", "Azure: request rate is too large"),
    # A quota that does not come back for hours.
    Word("lasts", r"per day|a day\b|daily|per month|a month\b|/ ?month|monthly", "OpenAI, Cohere"),
    Word("lasts", r"insufficient_quota", "OpenAI: no credits"),
    Word("lasts, in the body", r"PerDay", "Gemini: the ids of its quotas"),
    Word("lasts, in the body", r"insufficient_quota", "OpenAI: the code"),
    # What no other input changes, though a 400 says it.
    Word("account", r"not a valid model", "OpenRouter"),
    Word("account", r"(?:invalid|unknown) model(?:$|:| id| name)", "Mistral"),
    Word("account", r"model_not_found", "OpenAI"),
    Word("account", r"model \S+ is not (?:supported|available)", "Voyage"),
    Word("account", r"model \S+ (?:does not exist|was not found)", "vLLM"),
    Word("account", r"api[ _-]?key (?:is )?(?:not valid|invalid|expired|not found)", "Gemini"),
    Word("account", r"good standing|arrearage", "DashScope: an account without money"),
    Word(
        "long",
        r"(?<!took )(?<!taking )(?<!waited )(?<!array )(?<!list )(?<!batch )too long",
        "Cohere, Mistral, and whoever writes an error by hand",
    ),
    Word(
        "long",
        r"(?:input|text|prompt|document|string|content|sequence)\w*\W+(?:\S+ ){0,4}too large",
        "llama.cpp, of one input, with its tokens in parentheses",
    ),
    Word("long", r"too many (?:input )?tokens", "Cohere, Mistral (in batch, overall), Bedrock"),
    Word("long", r"context[ _](?:length|window|size)", "OpenAI, OpenRouter, vLLM, llama.cpp"),
    Word("long", r"maximum (?:model|input|sequence) length|max_model_len", "vLLM, OpenAI"),
    Word(
        "long",
        r"(?:maximum|max)[ _](?:number of |allowed |input |prompt )?tokens?\b",
        "Gemini, Azure; Voyage adds allowed, NVIDIA has allowed token size",
    ),
    Word("long", r"less than \d+ tokens", "text-embeddings-inference"),
    Word(
        "long",
        r"(?:exceeds?|more than|over|limit of|limited to)[^.;]{0,40} \d+ (?:input )?tokens",
        "Jina",
    ),
    Word("long", r"token[ _](?:count|limit)", "Gemini, Fireworks"),
    Word(
        "long",
        r"input[ _]length (?:\S+ )?(?:exceed|should)",
        "DashScope: Range of input length should be",
    ),
    Word(
        "long", r"at most \d+ characters|string_(?:above_max_length|too_long)", "pydantic, OpenAI"
    ),
    Word("long", r"maxLength: \d+|expected max length", "Bedrock"),
    Word(
        "number",
        rf"{_MOST}(?: of| is| to|:)? (\d{{1,7}}) {_THINGS}",
        "Gemini: at most 100 requests can be in one batch; pydantic: at most 512 items",
    ),
    Word(
        "number",
        rf"batch[ _-]?size\b[^.;]{{0,60}}?(?:{_MOST}|must be|>)\D{{0,40}}?{_NUMBER}",
        "DashScope: should not be larger than 10; Voyage: limit is 128; Triton: must be <= 64; "
        "text-embeddings-inference, SiliconFlow: batch size 136 > maximum allowed batch size 64",
    ),
    Word("number", rf"max(?:imum)?(?: allowed)? batch[ _-]?size\D{{0,15}}{_NUMBER}", "SiliconFlow"),
    Word(
        "number",
        rf"max(?:imum)? number of {_THINGS}\D{{0,15}}{_NUMBER}",
        "Azure: max number of inputs is 16",
    ),
    Word(
        "number",
        rf"(?:number of|too many) {_THINGS}[^.;\d]{{0,40}}?{_MOST}\D{{0,30}}{_NUMBER}",
        "Cohere: total number of texts must be at most 96",
    ),
    Word("number", rf"too many {_THINGS}\D{{0,10}}\d{{1,7}} > {_NUMBER}", "servers of one's own"),
    Word("number", rf"array with maximum length {_NUMBER}", "OpenAI"),
    Word("number", rf"largest allowed size {_NUMBER}", "Jina"),
    Word("number", rf"maximum item count:? {_NUMBER}", "Bedrock"),
    Word("number", rf"{_NUMBER} instance\(s\) (?:is|are) allowed", "Vertex AI"),
    # The arguments of a call.
    Word("encoding_format", r"encoding[ _]?format", "FastAPI servers name the field"),
    Word("encoding_format", r"base64", "vLLM (vllm#6174): base64 encoding is not supported"),
    Word("input_type", r"input_type|search_(?:query|document)", "NVIDIA, Voyage, Cohere"),
    Word("input_type", r"task_type|\btask\b", "Gemini, Jina"),
    Word("dimensions", r"dimension", "OpenAI, Voyage"),
    Word("dimensions", r"matryoshka", "vLLM"),
    Word("nobody answered", r"no successful provider", "OpenRouter, in a 404 inside of a 200"),
    # A path that is not served.
    Word("page", r"\A\s*<(?:!doctype\s+html|html|head|body|title)\b", "networks, firewalls"),
    Word(
        "nowhere",
        r"\A404: (?:404:? )?(?:page )?"
        r"(?:not found|no reason given|the reply has no body|cannot (?:post|get) .*)\W*\Z",
        "FastAPI, Go and Express among frameworks",
    ),
)
"""What services say, each in one place."""


@cache
def words_about(about: str) -> re.Pattern[str]:
    """Return what matches any of the words about a matter."""
    return re.compile("|".join(w.pattern for w in WORDS if w.about == about), re.IGNORECASE)


def number_in(message: str) -> int | None:
    """Return the most inputs that a message names, or None; nobody takes none."""
    found = words_about("number").search(message)
    return None if found is None else int(next(filter(None, found.groups()))) or None
