"""One exchange in HTTP/1.1 as steps over a channel; h11 knows the protocol.

A `Connection` is asked for the head of a reply and then for the parts of its body. When the reply
is complete it says whether another exchange may follow on it. In doubt it may not: bytes that lie
behind the end of a reply would be taken as the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import h11
import httpx
from attrs import frozen

if TYPE_CHECKING:
    from openrouter_embeddings._http.channels import Channel, Data, Steps

_MOST_HEAD_BYTES = 100 * 1024
"""A longer head is refused; the longest of the service's are a few KB."""

_JOINED_BYTES = 64 * 1024
"""A body up to this size goes out with the head in one piece: copying it is less than a call."""

_Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]


@frozen
class Asked:
    """A request as it goes out.

    Attributes:
        method: The method.
        target: The path with its query.
        headers: The headers, the key among them, so never shown.
        body: The body, which can be sent again.
    """

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def __repr__(self) -> str:
        """Hide the headers."""
        return f"Asked({self.method!r}, {self.target!r})"


@frozen
class Head:
    """What stands before the body of a reply."""

    status: int
    headers: list[tuple[bytes, bytes]]
    reason: bytes


class Connection:
    """A connection that is asked for one reply after the other.

    Attributes:
        written: Whether the request of this exchange was handed over whole.
        is_reusable: Whether its reply ended where it should, with nothing behind it.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD_BYTES)
        self._ended_unanswered = self._began = False
        self.written = self.is_reusable = False

    @property
    def is_clean(self) -> bool:
        """Whether nothing has come that nobody asked for."""
        return self._channel.is_clean

    @property
    def was_closed(self) -> bool:
        """Whether the peer closed it before the first byte of a reply."""
        return self._ended_unanswered and not self._began

    def ask(self, asked: Asked) -> Steps[Head]:
        """Send a request, and return the head of its reply."""
        self._ended_unanswered = self._began = self.written = self.is_reusable = False
        refused = yield from self._send(asked)
        try:
            return (yield from self._head())
        except (httpx.NetworkError, httpx.RemoteProtocolError) as exc:
            if refused is None or self._began:
                raise
            raise refused from exc

    def part(self) -> Steps[Data | None]:
        """Return the next part of the body; None when the reply is complete."""
        event = yield from self._event()
        if isinstance(event, h11.Data):
            return event.data
        if not isinstance(event, h11.EndOfMessage):
            message = f"{type(event).__name__} came in place of a body"
            raise httpx.RemoteProtocolError(message)
        self._finish()
        return None

    def _finish(self) -> None:
        ended = self._h11.our_state is self._h11.their_state is h11.DONE
        behind, _ = self._h11.trailing_data
        self.is_reusable = ended and self.written and not behind and self.is_clean
        if self.is_reusable:
            self._h11.start_next_cycle()

    def _send(self, asked: Asked) -> Steps[httpx.NetworkError | None]:
        """Send a request; where the peer takes no more, return that: it may have said why."""
        pieces = self._encoded(asked)
        try:
            for piece in pieces:
                yield from self._channel.write(piece)
        except httpx.WriteError as exc:
            self._ended_unanswered = isinstance(exc.__cause__, ConnectionError)
            return exc
        self.written = True
        return None

    def _encoded(self, asked: Asked) -> list[bytes]:
        try:
            head = self._h11.send(
                h11.Request(method=asked.method, target=asked.target, headers=asked.headers)
            )
            body = self._h11.send(h11.Data(data=asked.body)) if asked.body else b""
            end = self._h11.send(h11.EndOfMessage())
        except h11.LocalProtocolError as exc:
            raise httpx.LocalProtocolError(str(exc)) from exc
        pieces = [head, body + end]
        return [b"".join(pieces)] if len(pieces[1]) <= _JOINED_BYTES else pieces

    def _head(self) -> Steps[Head]:
        while True:
            event = yield from self._event()
            if isinstance(event, h11.Response):
                return Head(event.status_code, event.headers.raw_items(), event.reason)
            if not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                message = f"{type(event).__name__} came in place of a reply"
                raise httpx.RemoteProtocolError(message)

    def _event(self) -> Steps[_Event]:
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as exc:
                raise httpx.RemoteProtocolError(str(exc)) from exc
            if event is not h11.NEED_DATA:
                return event
            yield from self._receive()

    def _receive(self) -> Steps[None]:
        try:
            data = yield from self._channel.read()
        except httpx.ReadError as exc:
            # Damage is no close: the request may have been answered.
            self._ended_unanswered = isinstance(exc.__cause__, ConnectionError)
            raise
        if data:
            self._began = True
        elif self._h11.their_state is h11.SEND_RESPONSE:
            self._ended_unanswered = True
            message = "The server closed the connection without a reply."
            raise httpx.RemoteProtocolError(message)
        self._h11.receive_data(cast("bytes", data))  # it adds any of them to its bytearray
