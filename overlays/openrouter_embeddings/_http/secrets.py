"""The key where it must be, and nowhere else: veiled in memory, masked in what comes back.

A key of 12 characters or more is masked wherever it stands, also in base64, by itself or within
more text. A shorter one can be a word, ``local`` or ``test``, which honest replies hold, and any
four letters come up in the base64 of vectors. So it is masked behind ``Bearer``, and in refusals,
headers and errors where it stands by itself and is no field's name. Below 4 characters, or where
the key is a number or another literal of JSON, ``Bearer`` alone tells that it is the key.

All of this holds for text as it stands, and for text that JSON, Python, a URL or HTML has escaped.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from bisect import bisect_right
from itertools import chain
from typing import TYPE_CHECKING, NoReturn

import httpx

from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

_LEAST_CHARACTERS = 4
"""Shorter keys are masked behind ``Bearer`` alone: they are letters, and hide nothing."""

_SAFE_CHARACTERS = 12
"""From here on nothing else looks like a key: not once in 64**12 characters of base64."""

_SMALL_BYTES = 64 * 1024
"""Larger successes are vectors, searched for a long key as it stands and for escapes alone.

Each form in base64 would cost 1 ms for 17 MB, and a short key 5.
"""

_BASE64_BYTES = b"+/=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MOST_MARKS = 200
"""In numbers each second one has a minus sign; 200 of them are looked at in 50 us."""

_MASK = "***"
_JOINED = frozenset("-_/+0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_BASE64 = re.compile("[-_/+0-9A-Za-z]+=*")
_FIELD = re.compile(r'\\*"\s*:')
_ESCAPE = re.compile(
    # More than one backslash: JSON within JSON. From the first of them on, or it takes n**2 steps.
    r"(?<!\\)\\++(?:(?:u00|x)([0-9A-Fa-f]{2})|([nrtbf])|([\"'/]))?"
    r"|%(?:25)*([0-9A-Fa-f]{2})"
    r"|&(?:amp;)*(?:#(\d{1,3})|#[xX]([0-9A-Fa-f]{2})|(quot|amp|apos|lt|gt));"
)
_NAMED = {"quot": '"', "amp": "&", "apos": "'", "lt": "<", "gt": ">"}


class BearerAuth(httpx.Auth):
    """Puts the key into each request, and shows it to nobody.

    Errors keep frames alive, and trackers of errors go through all that these hold. So the key is
    kept under a one-time pad, and stands in plain in a request only while it is under way.
    """

    def __init__(self, api_key: str) -> None:
        plain = "\n".join(_forms_of(api_key)).encode()
        self._size = len(plain)
        self._pad = int.from_bytes(os.urandom(self._size), "big")
        self._veiled = int.from_bytes(plain, "big") ^ self._pad

    def __repr__(self) -> str:
        """Hide the key."""
        return "BearerAuth('***')"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied: the key would be in it."""
        raise bound_to_a_process()

    def _forms(self) -> list[str]:
        """Return the key, and what else it can look like; both clients need them at each reply."""
        return (self._veiled ^ self._pad).to_bytes(self._size, "big").decode().split("\n")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header; httpx calls it for each request."""
        request.headers["Authorization"] = f"Bearer {self._forms()[0]}"
        yield request

    def mask_body(self, body: bytearray, *, is_success: bool) -> bytes | bytearray:
        """Mask the key in the body of a reply: services quote what they were sent."""
        forms, wide = self._forms(), _wide_encoding(body)
        is_refusal = not is_success or _tells_an_error(body, forms[0])
        if wide is None and not is_refusal and not _may_hold(body, forms):
            return body
        encoding = wide or "latin-1"  # in which every byte is a character, whatever it means
        text = body.decode(encoding, "replace")
        masked = _mask(text, forms, words=is_refusal)
        return body if masked == text else masked.encode(encoding)

    def mask_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Mask the key in the headers of a reply; a short key is no name of one."""
        forms, whole = self._forms(), "\n".join(chain(headers, headers.values()))
        if _mask(whole, forms) == whole:
            return {**headers}
        return {_mask(name, forms, words=False): _mask(headers[name], forms) for name in headers}

    def mask(self, text: str) -> str:
        """Mask the key in a text."""
        return _mask(text, self._forms())


def _forms_of(key: str) -> list[str]:
    """List a key, how JSON writes it, and what is found of it in base64."""
    if len(key) >= _SAFE_CHARACTERS:
        return [key, json.dumps(key)[1:-1], *_base64_forms(key)]
    return [key, _base64(key), _base64(f"Bearer {key}")]


def _wide_encoding(body: bytearray) -> str | None:
    """Name the encoding of a body in UTF-16 or UTF-32, which readers of JSON take as well."""
    if body[:1] == b"{" and 0 not in body[1:4]:
        return None  # as nearly all are
    found = json.detect_encoding(bytes(body[:4]))
    return None if found.startswith("utf-8") else found


def _tells_an_error(body: bytearray, key: str) -> bool:
    """Say whether a success is a refusal, as some are; for a long key that is all the same."""
    return len(key) < _SAFE_CHARACTERS and len(body) <= _SMALL_BYTES and b'"error"' in body


def _may_hold(body: bytearray, forms: list[str]) -> bool:
    """Say at little cost whether a success is worth a search."""
    if b"\\" in body or b"%" in body or b"&" in body:  # which each escape begins with
        return True
    is_small, key = len(body) <= _SMALL_BYTES, forms[0]
    if len(key) < _SAFE_CHARACTERS:
        return is_small and f"Bearer {key}".encode() in body
    if is_small:
        return any(form.encode() in body for form in forms)
    return _holds(body, key.encode())


def _holds(body: bytearray, key: bytes) -> bool:
    """Say whether a large body holds a long key.

    By a byte of it that base64 never holds, so that nearly all of the body is passed over at the
    speed of memory: 0.3 ms for 17 MB, where a search for the whole takes 1.1.
    """
    mark = next((place for place, byte in enumerate(key) if byte not in _BASE64_BYTES), None)
    if mark is None:
        return key in body
    at = -1
    for _ in range(_MOST_MARKS):
        at = body.find(key[mark], at + 1)
        if at < 0:
            return False
        if body.startswith(key, max(at - mark, 0)):
            return True
    return body.find(key, max(at - mark, 0)) >= 0


def _mask(text: str, forms: list[str], *, words: bool = True) -> str:
    """Mask a key in a text.

    Args:
        text: Where it may stand.
        forms: What it looks like.
        words: Whether a short one is also masked where nothing but itself tells that it is one.
    """
    is_escaped = "\\" in text or "%" in text or "&" in text
    if not is_escaped and not any(form in text for form in forms):
        return text  # as nearly all are, headers above all
    spans = {*_find(text, forms, words=words)}
    if is_escaped:
        spans |= {*_find_escaped(text, forms, words=words)}
    if not spans:
        return text
    parts, at = list[str](), 0
    for start, end in sorted(spans):
        if start >= at:
            parts += [text[at:start], _MASK]
        at = max(at, end)
    return "".join([*parts, text[at:]])


def _find_escaped(text: str, forms: list[str], *, words: bool) -> Iterator[tuple[int, int]]:
    """Find where a key stands in a text whose escapes mean what they stand for."""
    parts, at, size = list[str](), 0, 0
    ends, shifts = (
        [0],
        [0],
    )  # behind each escape: the place in the plain text, and how far off it is
    for found in _ESCAPE.finditer(text):
        parts += [text[at : found.start()], _meaning(found)]
        size += found.start() - at + 1
        at = found.end()
        ends.append(size)
        shifts.append(at - size)
    plain = "".join([*parts, text[at:]])
    for span in _find(plain, forms, words=words):
        start, end = (place + shifts[bisect_right(ends, place) - 1] for place in span)
        yield start, end


def _meaning(found: re.Match[str]) -> str:
    """Return the one character that an escape stands for; blanks are all the same here."""
    hexadecimal = found[1] or found[4] or found[6]
    if hexadecimal:
        return chr(int(hexadecimal, 16))
    if found[5]:
        return chr(int(found[5]))
    return " " if found[2] else found[3] or _NAMED.get(found[7], "\\")


def _find(text: str, forms: list[str], *, words: bool) -> Iterator[tuple[int, int]]:
    """Find where a key stands, by the rules of this module."""
    key = forms[0]
    if len(key) >= _SAFE_CHARACTERS:
        yield from _find_long(text, forms)
        return
    for _, end in _occurrences(text, f"Bearer {key}"):
        if text[end : end + 1] not in _JOINED:
            yield end - len(key), end
    if words and len(key) >= _LEAST_CHARACTERS and not _is_literal(key):
        for form in forms:
            for start, end in _occurrences(text, form):
                if _stands_alone(text, start, end):
                    yield start, end


def _occurrences(text: str, form: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + len(form))


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Say whether a form is a whole word, and the name of no field."""
    before, after = text[max(start - 1, 0) : start], text[end : end + 1]
    is_field = before == '"' and _FIELD.match(text, end) is not None
    return before not in _JOINED and after not in _JOINED and not is_field


def _is_literal(key: str) -> bool:
    try:
        json.loads(key)
    except ValueError:
        return False
    return True


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode().rstrip("=")


def _base64_forms(key: str) -> set[str]:
    """Write a key as it stands in base64 by itself or within more text, in both alphabets."""
    forms = set[str]()
    for before in range(3):  # characters that share the first group of three
        first, last = -(-before * 8 // 6), (before + len(key)) * 8 // 6
        form = b64encode(bytes(before) + key.encode()).decode()[first:last]
        forms |= {form, form.replace("+", "-").replace("/", "_")}
    return forms


def _find_long(text: str, forms: list[str]) -> Iterator[tuple[int, int]]:
    """Find a long key, and base64 that holds it, from end to end: its edges would show a letter."""
    for form in {*forms[:2]}:
        yield from _occurrences(text, form)
    encoded = [form for form in forms[2:] if form in text]
    for run in _BASE64.finditer(text) if encoded else ():
        if any(form in run[0] for form in encoded):
            yield run.span()


def bound_to_a_process() -> ConfigurationError:
    """Make the error for a copy or a pickle of a part of a client."""
    message = "Connections and keys cannot be copied or pickled by themselves."
    hint = "Copy or pickle the client, OpenRouter or AsyncOpenRouter."
    return ConfigurationError(message, hint=hint)


def forget_key(request: httpx.Request) -> None:
    """Take the key out of a finished request, which exceptions and tracebacks keep alive."""
    request.headers = httpx.Headers()
