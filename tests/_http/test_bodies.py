"""Replies as they come over the wire: packed, damaged, too large, quoting the key."""

from __future__ import annotations

import gzip
import json
import zlib

import httpx
import pytest

from openrouter_embeddings import (
    AsyncOpenRouter,
    NotFoundResponseError,
    OpenRouter,
    ResponseValidationError,
)
from openrouter_embeddings._http.bodies import PackedBodyError, Unpacker
from openrouter_embeddings_api.api.embeddings import list_embeddings_models

KEY = "sk-or-secret-0123456789"
LISTING = json.dumps({"data": [{"id": "a/b"}]}).encode()
BOMB = gzip.compress(bytes(64 * 1024 * 1024), mtime=0)


@pytest.fixture(params=["sync", "async"])
def answered(request):
    """List models of a service that answers with one reply, whatever is asked."""

    async def asynchronously(answer):
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(answer)) as own,
            AsyncOpenRouter(KEY, http_client=own, retries=None) as client,
        ):
            return await client.embeddings.list_models()

    def synchronously(answer):
        with (
            httpx.Client(transport=httpx.MockTransport(answer)) as own,
            OpenRouter(KEY, http_client=own, retries=None) as client,
        ):
            return client.embeddings.list_models()

    async def ask(status, encoding, body):
        headers = {"Content-Encoding": encoding} if encoding else {}
        seen = []

        def answer(sent):
            seen.append(sent.headers["accept-encoding"])
            return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

        whole = synchronously if request.param == "sync" else asynchronously
        try:
            found = whole(answer)
            return found if request.param == "sync" else await found
        finally:
            assert seen == ["gzip, deflate"]

    return ask


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", LISTING),
        ("gzip", gzip.compress(LISTING, mtime=0)),
        ("x-gzip", gzip.compress(LISTING[:9], mtime=0) + gzip.compress(LISTING[9:], mtime=0)),
        ("deflate", zlib.compress(LISTING)),
    ],
)
async def test_what_was_asked_for_is_read(encoding, body, answered):
    """And nothing else is asked for."""
    assert [model.id for model in await answered(200, encoding, body)] == ["a/b"]


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("br", LISTING, "the body is packed as 'br', which was not asked for"),
        ("gzip", LISTING, "the body is no gzip"),
        ("gzip", gzip.compress(LISTING, mtime=0)[:-1], "ends in the middle"),
        ("gzip", BOMB, "grows to more than 100 times its size"),
    ],
)
async def test_what_cannot_be_unpacked_is_a_success_that_cannot_be_read(
    encoding, body, words, answered
):
    """It was probably paid for, so it counts as such."""
    with pytest.raises(ResponseValidationError, match=words):
        await answered(200, encoding, body)


async def test_a_refusal_that_cannot_be_unpacked_keeps_its_status(answered):
    """The status says what to do."""
    with pytest.raises(NotFoundResponseError, match="404: the body grows to more than"):
        await answered(404, "gzip", BOMB)


async def test_the_generated_client_unpacks_no_bomb_either():
    """Its functions read through the same connections."""

    def answer(_request):
        headers = {"Content-Encoding": "gzip"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(BOMB))

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as own,
        OpenRouter(KEY, http_client=own) as client,
        pytest.raises(httpx.DecodingError, match="100 times"),
    ):
        list_embeddings_models.sync_detailed(client=client.api)
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as own,
        AsyncOpenRouter(KEY, http_client=own) as client,
    ):
        with pytest.raises(httpx.DecodingError, match="100 times"):
            await list_embeddings_models.asyncio_detailed(client=client.api)


def test_the_generated_client_reads_what_is_packed():
    """As it did before."""

    def answer(_request):
        packed = gzip.compress(LISTING, mtime=0)
        return httpx.Response(
            200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(packed)
        )

    with (
        httpx.Client(transport=httpx.MockTransport(answer)) as own,
        OpenRouter(KEY, http_client=own) as client,
    ):
        reply = list_embeddings_models.sync_detailed(client=client.api)

    assert reply.content == LISTING


WORDS = b'{"data": "' + bytes(range(32, 127)) * 50 + b'"}'
ZEROS = bytes(1024 * 1024)


def raw_deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def unpacked(encoding, body, step):
    unpacker = Unpacker(encoding)
    parts = [body[at : at + step] for at in range(0, len(body), step)]
    found = b"".join(piece for part in parts for piece in unpacker.unpack(part))
    unpacker.finish()
    return found


@pytest.mark.parametrize("step", [1, 7, 10_000_000])
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(WORDS, mtime=0)),
        ("x-gzip", gzip.compress(WORDS, mtime=0)),
        ("GZip", gzip.compress(WORDS, mtime=0)),
        ("gzip, identity", gzip.compress(WORDS, mtime=0)),
        ("gzip", gzip.compress(WORDS[:99], mtime=0) + gzip.compress(WORDS[99:], mtime=0)),
        ("gzip", gzip.compress(WORDS, mtime=0) + bytes(20)),
        ("deflate", zlib.compress(WORDS)),
        ("deflate", raw_deflate(WORDS)),
        ("deflate, gzip", gzip.compress(zlib.compress(WORDS), mtime=0)),
        ("gzip, gzip", gzip.compress(gzip.compress(WORDS, mtime=0), mtime=0)),
        ("identity", WORDS),
        ("", WORDS),
    ],
)
def test_what_was_asked_for_is_unpacked_whole(encoding, body, step):
    """In parts of any size, of several members, in either form of deflate."""
    assert unpacked(encoding, body, step) == WORDS


@pytest.mark.parametrize("size", [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 600_000])
def test_nothing_is_lost_where_a_piece_is_full(size):
    """What was taken in can give more than one piece."""
    body = WORDS[1:97] * (size // 96 + 1)

    assert unpacked("gzip", gzip.compress(body[:size], mtime=0), 1 << 20) == body[:size]


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("br", "'br', which was not asked for"),
        ("zstd", "not asked for"),
        ("compress", "not asked for"),
        ("gzip, br", "not asked for"),
        ("\x1b[2J", "not asked for"),
        ("gzip, gzip, gzip", "packed 3 times"),
    ],
)
def test_other_encodings_are_refused(encoding, words):
    """Whatever their bodies hold."""
    with pytest.raises(PackedBodyError, match=words):
        Unpacker(encoding)


@pytest.mark.parametrize(
    ("encoding", "body", "words"),
    [
        ("gzip", WORDS, "is no gzip"),
        ("gzip", gzip.compress(WORDS, mtime=0)[:-1], "ends in the middle"),
        ("gzip", b"\x1f", "ends in the middle"),
        ("gzip", gzip.compress(WORDS, mtime=0) + b"junk", "is no gzip"),
        ("gzip", gzip.compress(WORDS, mtime=0)[:-8] + bytes(8), "is no gzip"),
        ("gzip", gzip.compress(b"", mtime=0) * 10_001, "more than 10,000 members"),
        ("deflate", zlib.compress(WORDS)[:-5], "ends in the middle"),
        ("deflate", zlib.compress(WORDS) + b"junk", "goes on behind the end"),
        ("deflate", b"\xff" * 100, "is no deflate"),
        ("gzip, gzip", gzip.compress(gzip.compress(WORDS)[:-9], mtime=0), "ends in the middle"),
    ],
)
def test_damage_is_said(encoding, body, words):
    """Half a body is no body."""
    with pytest.raises(PackedBodyError, match=words):
        unpacked(encoding, body, 1000)


def test_an_empty_body_is_packed_in_nothing():
    """Refusals often have none, and name an encoding all the same."""
    assert unpacked("gzip", b"", 1) == b""


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(ZEROS * 64, mtime=0)),
        ("gzip", gzip.compress(ZEROS, mtime=0) * 64),
        ("deflate", zlib.compress(ZEROS * 64)),
        ("deflate", raw_deflate(ZEROS * 64)),
        ("gzip, gzip", gzip.compress(gzip.compress(ZEROS * 64, mtime=0), mtime=0)),
        ("deflate, gzip", gzip.compress(zlib.compress(ZEROS * 64), mtime=0)),
    ],
    ids=["gzip", "members", "deflate", "bare deflate", "twice", "mixed"],
)
def test_a_bomb_is_known_by_how_it_grows(encoding, body):
    """Long before it is large, in each of its layers."""
    unpacker, size = Unpacker(encoding), 0

    def unpack():
        nonlocal size
        for piece in unpacker.unpack(body):
            assert len(piece) <= 256 * 1024
            size += len(piece)

    with pytest.raises(PackedBodyError, match="100 times its size"):
        unpack()

    assert size <= 16 * 1024 * 1024
