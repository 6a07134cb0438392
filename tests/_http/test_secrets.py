"""What of a key is masked in what comes back, and what is left alone."""

from __future__ import annotations

import base64
import gzip
import html
import json
import urllib.parse

import httpx
import pytest

from openrouter_embeddings import OpenRouter, OpenRouterError
from openrouter_embeddings._http.secrets import BearerAuth

LONG = "sk-or-v1-5e+c/r=3t~key"
SHORT = "sk-12345"


def encode(text):
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "plain": lambda text: text,
    "json": json.dumps,
    "every character by its number": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "in capitals": lambda text: "".join(f"\\u{ord(c):04X}" for c in text),
    "every second": lambda text: "".join(
        f"\\u{ord(c):04x}" if at % 2 else c for at, c in enumerate(text)
    ),
    "json in json": lambda text: json.dumps("".join(f"\\u{ord(c):04x}" for c in text)),
    "slashes escaped": lambda text: text.replace("/", "\\/"),
    "a line before": lambda text: json.dumps(f"\n{text}\n"),
    "bytes of Python": lambda text: "".join(f"\\x{ord(c):02x}" for c in text),
    "url": lambda text: urllib.parse.quote(f"key: {text}", safe=""),
    "every character in a url": lambda text: "".join(f"%{ord(c):02x}" for c in text),
    "url in url": lambda text: urllib.parse.quote(urllib.parse.quote(f" {text}", safe="")),
    "html": lambda text: html.escape(f"<{text}>"),
    "html by numbers": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "html by hexadecimal numbers": lambda text: "".join(f"&#x{ord(c):x};" for c in text),
    "base64": encode,
    "base64 of the header": lambda text: encode(f"Bearer {text}"),
    "base64 without padding": lambda text: encode(f"Bearer {text}").rstrip("="),
    "base64 for urls": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
}


def bodies(text, key):
    """Mask a text as itself, as a header's value, and as the body of a refusal."""
    auth = BearerAuth(key)
    yield auth.mask(text)
    yield auth.mask_headers({"x-echo": text})["x-echo"]
    yield auth.mask_body(bytearray(text.encode()), is_success=False).decode()


@pytest.mark.parametrize("key", [LONG, SHORT, "p'<\\&\"8/w"])
@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_masked_however_it_is_written(form, key):
    """What stands around it stays."""
    written = FORMS[form](key)

    for masked in bodies(f"Key ({written}) is wrong; {written}.", key):
        assert "***" in masked
        assert masked.startswith("Key (")
        assert masked.endswith(".")
        assert " is wrong; " in masked
        for one in (key, written, key[:-1], FORMS[form](key[:-1])[2:-2]):
            assert one not in masked


@pytest.mark.parametrize("before", ["", "u", "me", "you", "user:", "Basic"])
@pytest.mark.parametrize("after", ["", "a", "bc", ":x"])
def test_a_long_key_is_masked_within_base64(before, after):
    """Wherever it begins in it, and to the ends of it, which show a character or two of it."""
    written = encode(before + LONG + after)

    for masked in bodies(f"<{written}>", LONG):
        assert masked == "<***>"


@pytest.mark.parametrize(
    "text",
    [
        '{"object": "list", "model": "test-model", "usage": {"total_tokens": 1234}}',
        "attest that tests are untested",
        "org/test and test/org",
        "test_key, test-key and key-test",
        '{"test": 1}',
        json.dumps({"raw": json.dumps({"test": 1})}),
        encode("latest tests"),
    ],
)
def test_a_short_key_within_words_is_none(text):
    """And neither is it the name of a field."""
    assert [*bodies(text, "test")] == [text] * 3


def test_a_short_key_by_itself_is_masked():
    """As services quote it: behind a colon, in quotes, at the end of a sentence."""
    for text in ("key: {}", 'key "{}" is wrong', "key={}", "No key {}.", "{}", '{{"k": "{}"}}'):
        for masked in bodies(text.format("test"), "test"):
            assert masked == text.format("***")


@pytest.mark.parametrize("key", ["a", "abc", "2026", "null", "1e-07", "true"])
def test_letters_and_literals_are_keys_behind_bearer_alone(key):
    """They come up in every reply, where they are numbers and words."""
    text = f'{{"id": "{key}", "n": {key}}}, Bearer {key}s'

    assert [*bodies(text, key)] == [text] * 3
    assert [*bodies(f"{text}, Bearer {key}.", key)] == [f"{text}, Bearer ***."] * 3


@pytest.mark.parametrize("key", ["local", SHORT])
def test_a_success_is_no_place_for_words(key):
    """The model can have the name of the key, and vectors hold any four letters."""
    body = {"model": key, "data": [{"embedding": f"AAAA{key[:4]}"}], "note": 'a "%" & more'}
    text = bytearray(json.dumps(body).encode())

    assert BearerAuth(key).mask_body(text, is_success=True) == text
    echoed = bytearray(json.dumps(body | {"echo": f"Bearer {key}"}).encode())
    masked = BearerAuth(key).mask_body(echoed, is_success=True)
    assert json.loads(masked) == body | {"echo": "Bearer ***"}


def test_an_error_under_a_success_is_a_refusal():
    """The service sends some of them with status 200."""
    body = bytearray(json.dumps({"error": {"message": f"Bad key {SHORT}"}}).encode())

    masked = BearerAuth(SHORT).mask_body(body, is_success=True)
    assert json.loads(masked) == {"error": {"message": "Bad key ***"}}


@pytest.mark.parametrize("key", [LONG, SHORT])
def test_a_body_without_the_key_is_the_same_object(key):
    """A reply of vectors is not copied."""
    body = bytearray(json.dumps({"data": [{"embedding": "AAAA" * 2048}]}).encode())

    assert BearerAuth(key).mask_body(body, is_success=True) is body


@pytest.mark.parametrize("form", ["plain", "every character by its number", "base64 of the header"])
def test_a_long_key_is_masked_in_a_success(form):
    """What cannot be read is quoted in errors, and ids are shown."""
    body = bytearray(f'{{"id": "{FORMS[form](LONG)}"}}'.encode())

    assert BearerAuth(LONG).mask_body(body, is_success=True) == b'{"id": "***"}'


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("is_success", [True, False])
def test_a_key_is_masked_in_wide_encodings(encoding, is_success):
    """JSON may come in them, and is read."""
    body = bytearray(
        json.dumps({"error": {"message": f"Key {LONG} is wrong, \u00e9"}}).encode(encoding)
    )

    masked = BearerAuth(LONG).mask_body(body, is_success=is_success)
    assert json.loads(masked) == {"error": {"message": "Key *** is wrong, \u00e9"}}


@pytest.mark.parametrize("text", ["\\" * 300_000, "%25" * 100_000, "&amp;" * 60_000, "A" * 300_000])
def test_a_long_row_of_signs_is_gone_through_once(text):
    """Steps that grow with the square of its length would let a peer hold the client up."""
    assert [*bodies(text, LONG)] == [text] * 3


def answer(request):
    sent = request.headers["authorization"].removeprefix("Bearer ")
    written = "".join(f"\\u{ord(letter):04x}" for letter in sent)
    content = f'{{"error": {{"code": 401, "message": "Key {written} or {encode(sent)}"}}}}'
    return httpx.Response(401, headers={"X-Echo": sent, "Content-Encoding": sent}, content=content)


def readable_answer(request):
    found = answer(request)
    del found.headers["content-encoding"]
    return found


def broken(request):
    raise httpx.ReadError(request.headers["authorization"].split()[1], request=request)


def test_a_key_that_is_the_name_of_an_encoding_is_no_obstacle():
    """Replies are unpacked by what their headers say, and not by what is shown of them."""
    packed = gzip.compress(b'{"error": {"code": 500, "message": "No gzip today"}}')

    def respond(_request):
        return httpx.Response(500, headers={"Content-Encoding": "gzip"}, stream=Packed(packed))

    with (
        httpx.Client(transport=httpx.MockTransport(respond)) as own,
        OpenRouter("gzip", http_client=own, retries=None) as client,
        pytest.raises(OpenRouterError, match=r"No \*\*\* today"),
    ):
        client.embeddings.list_models()


class Packed(httpx.SyncByteStream):
    """A body that httpx hands on as it is."""

    def __init__(self, content):
        self.content = content

    def __iter__(self):
        yield self.content


@pytest.mark.parametrize("key", [LONG, SHORT])
@pytest.mark.parametrize("respond", [answer, readable_answer, broken])
def test_no_error_event_or_log_shows_it(respond, key, caplog):
    """Whatever its length, and however a peer writes it, in body, header or in place of a reply."""
    caplog.set_level("DEBUG")
    events = []
    with (
        httpx.Client(transport=httpx.MockTransport(respond)) as own,
        OpenRouter(key, http_client=own, retries=None, on_event=events.append) as client,
        pytest.raises(OpenRouterError) as caught,
    ):
        client.embeddings.generate(input="a", model="m")

    error = caught.value
    shown = f"{error} {error!r} {vars(error)!r} {events!r} {caplog.text}"
    assert "***" in shown
    for one in (key, key[:7], encode(key), f"\\u{ord(key[0]):04x}\\u{ord(key[1]):04x}"):
        assert one not in shown


@pytest.mark.parametrize("key", [LONG, "Z" * 40, "0123456789-"])
@pytest.mark.parametrize("marks", [0, 1, 199, 200, 201, 5000])
@pytest.mark.parametrize("place", ["first", "behind the marks", "last"])
def test_a_large_success_is_searched_to_its_end(key, marks, place):
    """Behind however many bytes that look like a part of the key, and where there is none."""
    key = key if len(key) >= 12 else key + key
    parts = [b"", b"-" * marks, b"QUJD" * 20_000, b""]
    parts[{"first": 0, "behind the marks": 2, "last": 3}[place]] += key.encode()
    whole = b"".join(parts)
    auth = BearerAuth(key)

    masked = auth.mask_body(bytearray(whole), is_success=True)

    assert masked == whole.replace(key.encode(), b"***")
    honest = bytearray(whole.replace(key.encode(), key[:-1].encode() + b"!"))
    assert auth.mask_body(honest, is_success=True) is honest
