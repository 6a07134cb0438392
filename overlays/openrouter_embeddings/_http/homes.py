"""Connections with their owner: those of one process, or of one event loop in it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import httpx
from attrs import define

from openrouter_embeddings._http.connecting import Resolver
from openrouter_embeddings._http.places import PLACE, NewPlace, Places, Waiter
from openrouter_embeddings._http.sockets import AsyncStream, Stream
from openrouter_embeddings._http.transports import closed_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openrouter_embeddings._http.http11 import Connection

S = TypeVar("S", Stream, AsyncStream)


@define(eq=False)
class Line(Generic[S]):
    """A socket and what is spoken over it."""

    stream: S
    connection: Connection
    idle_since: float = 0.0

    @property
    def is_usable(self) -> bool:
        return self.connection.is_clean and self.stream.is_quiet

    def close(self) -> None:
        self.stream.close()

    def interrupt(self) -> None:
        self.stream.interrupt()

    def is_worth_a_repeat(self, exc: Exception) -> bool:
        """Say whether it was closed while it was kept, so that a new one will do better."""
        return self.connection.was_closed and not isinstance(exc, httpx.TimeoutException)


def drop(homes: list[Any] | dict[Any, Any]) -> None:
    """Close what a pool that nobody closed has left: nobody waits for it any more."""
    for home in list(homes.values() if isinstance(homes, dict) else homes):
        for line in list(home.places.connections):
            line.close()


class Home(Generic[S]):
    """The connections of one process, or of one event loop in it."""

    def __init__(self) -> None:
        self.places: Places[Line[S]] = Places()
        self.lock = threading.Lock()
        self.resolver = Resolver()

    def take(self, waiter: Waiter[Line[S]]) -> Line[S] | NewPlace | None:
        """Take a connection or a place, or stand in the queue."""
        with self.lock:
            if self.places.is_closed:
                raise closed_error()
            found = self.places.take(time.monotonic())
            if found is None:
                self.places.wait(waiter)
            return found

    def leave(self, waiter: Waiter[Line[S]]) -> None:
        with self.lock:
            self.places.leave(waiter, time.monotonic())

    def add(self, line: Line[S]) -> None:
        """Note a new connection."""
        with self.lock:
            self.places.connections.add(line)
            if self.places.is_closed:
                raise closed_error()

    def release(self, line: Line[S]) -> None:
        """Keep a connection whose exchange is over, if another may follow on it."""
        if not line.connection.is_reusable:
            self.give_up(line)
            return
        with self.lock:
            self.places.give(line, time.monotonic())

    def give_up(self, line: Line[S] | None) -> None:
        """Close a connection whose exchange ended early, and hand its place on."""
        self.close_line(line)
        with self.lock:
            self.places.give(PLACE, time.monotonic())

    def close_line(self, line: Line[S] | None) -> None:
        """Close a connection, and hold its place."""
        if line is not None:
            line.close()
            with self.lock:
                self.places.connections.discard(line)

    def close(self) -> None:
        with self.lock:
            self.places.close()


def renew_locks(homes: Iterable[Home[S]]) -> None:
    """Let the replies that were begun before a fork end: threads that do not exist hold no lock."""
    for home in homes:
        home.lock = threading.Lock()
