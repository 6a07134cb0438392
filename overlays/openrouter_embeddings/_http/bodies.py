"""The body of one reply as it comes: unpacked piece by piece, bounded, put together.

Only what was asked for is unpacked: gzip and deflate, also one in the other. A bomb is known by how
much more comes out than went in, long before it is large.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ACCEPTED = "gzip, deflate"
"""What is asked for, as the value of ``Accept-Encoding``."""

_PIECE_BYTES = 256 * 1024  # unpacked at once; each layer holds one of them
_MOST_LAYERS = 2
_MOST_RATIO = 100
"""Vectors shrink to a third at best, and white space that keeps a connection alive is short."""
_FREE_BYTES = 16 * 1024 * 1024
"""So much may come of any number of bytes: an error page of blanks is no attack."""

_MOST_MEMBERS = 10_000  # empty ones cost time and give nothing

_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
_NAMES = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}


class PackedBodyError(Exception):
    """A body that cannot be unpacked, or must not; its text goes on behind "the body"."""


class Unpacker:
    """Unpacks one body.

    Attributes:
        is_plain: Whether the body comes as it is.
    """

    def __init__(self, content_encoding: str) -> None:
        """Prepare for the encodings that a reply names, the innermost first.

        Raises:
            PackedBodyError: One was not asked for, or there are too many of them.
        """
        names = [name.strip().lower() for name in content_encoding.split(",")]
        names = [name for name in names if name not in {"", "identity"}]
        for name in names:
            if name not in _NAMES:
                message = f"is packed as {name[:20]!r}, which was not asked for"
                raise PackedBodyError(message)
        if len(names) > _MOST_LAYERS:
            message = f"is packed {len(names)} times"
            raise PackedBodyError(message)
        self.is_plain = not names
        self._layers = [_Layer(_NAMES[name]) for name in reversed(names)]
        self._came = 0

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Unpack the next part of the body.

        Yields:
            Pieces of bounded size.

        Raises:
            PackedBodyError: It is damaged, or more comes out than any honest reply holds.
        """
        self._came += len(data)
        most = max(_FREE_BYTES, _MOST_RATIO * self._came)
        pieces: Iterable[bytes] = [data]
        for layer in self._layers:
            pieces = layer.unpack(pieces, most)
        yield from pieces

    def finish(self) -> None:
        """Check that the body has come to its end.

        Raises:
            PackedBodyError: It has not.
        """
        if self._came and not all(layer.is_complete for layer in self._layers):
            message = "ends in the middle of what is packed"
            raise PackedBodyError(message)


class _Layer:
    """One encoding of a body; gzip may consist of several members, one after the other."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._head = b""
        self._inflater: zlib._Decompress | None = None
        self._members = self._made = 0

    @property
    def is_complete(self) -> bool:
        """Whether a member has ended, and nothing stands behind it."""
        return self._members > 0 and self._inflater is None and not self._head

    def unpack(self, pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
        for piece in pieces:
            for unpacked in self._unpack(piece):
                self._made += len(unpacked)
                if self._made > most:
                    raise _too_much()
                yield unpacked

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        more = True
        while data or more:
            if self._inflater is None:
                data = self._begin(data)
                if self._inflater is None:
                    return
            inflater = self._inflater
            piece = self._inflate(inflater, data)
            # What was taken in can give more than one piece.
            data, more = inflater.unconsumed_tail, len(piece) == _PIECE_BYTES
            if inflater.eof:
                data, more, self._inflater = inflater.unused_data, False, None
                self._members += 1
            if piece:
                yield piece

    def _inflate(self, inflater: zlib._Decompress, data: bytes) -> bytes:
        try:
            return inflater.decompress(data, _PIECE_BYTES)
        except zlib.error as exc:
            message = f"is no {self._name} ({exc})"
            raise PackedBodyError(message) from exc

    def _begin(self, data: bytes) -> bytes:
        """Begin a member as soon as it is known how; zeros may fill up the end of a file."""
        if self._members:
            data = data.lstrip(b"\0")
        self._head += data
        if self._members >= _MOST_MEMBERS:
            message = f"has more than {_MOST_MEMBERS:,} members"
            raise PackedBodyError(message)
        if self._members and self._head and self._name != "gzip":
            message = "goes on behind the end of what is packed"
            raise PackedBodyError(message)
        if len(self._head) < 2:
            return b""
        data, self._head = self._head, b""
        self._inflater = zlib.decompressobj(_GZIP if self._name == "gzip" else _deflate_bits(data))
        return data


def _too_much() -> PackedBodyError:
    message = f"grows to more than {_MOST_RATIO} times its size when it is unpacked"
    return PackedBodyError(f"{message}, and was not unpacked further")


def _deflate_bits(head: bytes) -> int:
    """Tell deflate in zlib's frame, as the standard has it, from the bare one that some send."""
    framed = head[0] & 15 == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return _ZLIB if framed else _RAW


MOST_BODY_BYTES = 512 * 1024 * 1024
"""A larger reply is refused: 2,048 vectors of 4,096 numbers take 180 MB even as JSON numbers."""

_MOST_ROOM_BYTES = 32 * 1024 * 1024
_MOST_DIGITS = 20  # of an announced length; more are no length


class Body:
    """Takes the parts of a body.

    Attributes:
        size: How many bytes there are so far, unpacked.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Prepare for what the headers of a reply announce, names in lower case.

        Raises:
            PackedBodyError: It is packed in a way that was not asked for.
        """
        self._unpacker = Unpacker(headers.get("content-encoding", ""))
        self._whole = bytearray(self._room(headers.get("content-length", "")))
        self.size = 0

    def _room(self, announced: str) -> int:
        """Make room for as much as is announced, so that it is not moved while it grows."""
        known = self._unpacker.is_plain and announced.isdecimal() and len(announced) < _MOST_DIGITS
        return min(int(announced), _MOST_ROOM_BYTES) if known else 0

    def take(self, chunk: bytes) -> None:
        """Take the next part, as it came.

        Raises:
            PackedBodyError: It cannot be unpacked, or the body is too large.
        """
        if self._unpacker.is_plain:
            self._add(chunk)
            return
        for piece in self._unpacker.unpack(chunk):
            self._add(piece)

    def _add(self, piece: bytes) -> None:
        start, self.size = self.size, self.size + len(piece)
        if self.size > MOST_BODY_BYTES:
            message = f"is larger than {MOST_BODY_BYTES:,} bytes, and was not read further"
            raise PackedBodyError(message)
        self._whole[start : self.size] = piece

    def finish(self) -> bytearray:
        """Return the whole of it.

        Raises:
            PackedBodyError: It ends in the middle of what is packed.
        """
        self._unpacker.finish()
        del self._whole[self.size :]
        return self._whole
