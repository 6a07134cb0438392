"""Ways to a peer without a socket: plain, or through TLS, which may stand on one another.

What is to be done is written as generators (`Steps`). They yield bytes that must go out, or None
to be sent what came in; whoever drives them waits, and throws httpx's exceptions into them. So the
same lines serve both clients, and nothing here can block.
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")
Data = bytes | bytearray | memoryview
if TYPE_CHECKING:
    Steps = Generator[Data | None, Data | None, T]

_TLS_WRITE_BYTES = 256 * 1024
"""How much is encrypted before it goes out: the most that is held twice."""


class Channel(Protocol):
    """What an exchange needs of a way to the peer."""

    def write(self, data: Data) -> Steps[None]:
        """Hand bytes over, all of them."""
        ...

    def read(self) -> Steps[Data]:
        """Return what came; nothing means that the peer will send no more."""
        ...

    @property
    def is_clean(self) -> bool:
        """Whether nothing has come that nobody asked for."""
        ...


class Plain:
    """Bytes as they are."""

    is_clean = True

    def write(self, data: Data) -> Steps[None]:
        yield data

    def read(self) -> Steps[Data]:
        return (yield None) or b""


class _Records:
    """Where the records of TLS end. OpenSSL takes a part of one in and shows it to nobody."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    @property
    def is_between(self) -> bool:
        """Whether the last record has come whole."""
        return not self._head and not self._left

    def follow(self, data: Data) -> None:
        """Go through what came: five bytes say how long each record is."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
            else:
                step = min(5 - len(self._head), len(data) - at)
                self._head += bytes(data[at : at + step])
                if len(self._head) == 5:
                    self._left, self._head = int.from_bytes(self._head[3:]), b""
            at += step


class Tls:
    """Bytes through TLS over another channel. It says no farewell: its end is the socket's."""

    def __init__(self, below: Channel, context: ssl.SSLContext, host: str) -> None:
        self._below = below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._records = _Records()
        self._damage: ssl.SSLError | None = None

    @property
    def is_clean(self) -> bool:
        left = self._tls.pending() or self._incoming.pending or not self._records.is_between
        return not left and self._damage is None and self._below.is_clean

    def handshake(self) -> Steps[None]:
        """Agree on keys, and check whom we talk to."""
        yield from self._run(self._tls.do_handshake, httpx.ConnectError)

    def write(self, data: Data) -> Steps[None]:
        with memoryview(data) as view:
            for start in range(0, len(view), _TLS_WRITE_BYTES):
                part = view[start : start + _TLS_WRITE_BYTES]
                yield from self._run(partial(self._tls.write, part), httpx.WriteError)

    def read(self) -> Steps[Data]:
        return (yield from self._run(self._decrypted, httpx.ReadError))

    def _run(self, call: Callable[[], T], failure: type[httpx.TransportError]) -> Steps[T]:
        while True:
            done, result = self._tried(call, failure)
            if self._outgoing.pending:
                yield from self._below.write(self._outgoing.read())
            if done:
                return result  # type: ignore[return-value]  # there is one whenever it is done
            data = yield from self._below.read()
            if data:
                self._records.follow(data)
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def _tried(
        self, call: Callable[[], T], failure: type[httpx.TransportError]
    ) -> tuple[bool, T | None]:
        try:
            return True, call()
        except ssl.SSLWantReadError:
            return False, None
        except ssl.SSLError as exc:
            raise failure(str(exc)) from exc

    def _read_into(self, view: memoryview) -> int:
        # With a buffer it returns a count; its types know the way without one alone.
        return cast("int", self._tls.read(len(view), view))

    def _decrypted(self) -> memoryview:
        """Decrypt all that is there; OpenSSL gives one record of 16 KB at a time.

        What is decrypted is never larger than what came.
        """
        if self._damage is not None:
            raise self._damage
        view = memoryview(bytearray(max(self._incoming.pending + self._tls.pending(), 1)))
        size = 0
        while size < len(view):
            try:
                more = self._read_into(view[size:])
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                break
            except ssl.SSLError as exc:
                if not size:
                    raise
                # What came whole before it is good; the next read says what is wrong.
                self._damage = None if isinstance(exc, ssl.SSLWantReadError) else exc
                break
            if not more:
                break
            size += more
        return view[:size]
