"""What `stream` returns: batches as they are done, with counters that stay after the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING

from attrs import define

from openrouter_embeddings.values import EmbeddedBatch, RunStats

if TYPE_CHECKING:
    from types import TracebackType

    from openrouter_embeddings._bulk.run import BulkRun

    Error = type[BaseException] | BaseException

__all__ = ["AsyncBatchStream", "BatchStream"]


@define(eq=False)
class Course:
    """A run, once it has begun, for whoever counts what it did.

    Attributes:
        run: The run; None before its first batch is asked for.
    """

    run: BulkRun | None = None

    @property
    def stats(self) -> RunStats:
        """What the run has done so far; after its end, with what came in after the last batch."""
        return RunStats() if self.run is None else self.run.current_stats()

    @property
    def providers(self) -> tuple[str, ...]:
        """Who has answered so far."""
        return () if self.run is None else self.run.space.providers


@define(eq=False)
class BatchStream(Generator[EmbeddedBatch, None, None]):
    """The batches of a run, in the order of the inputs; closing it ends the run.

    Attributes:
        course: What the run has done, to be read at any time.
    """

    _batches: Generator[EmbeddedBatch, None, None]
    course: Course

    @property
    def stats(self) -> RunStats:
        """What the run has done; final once the stream has ended or was closed."""
        return self.course.stats

    def send(self, value: None) -> EmbeddedBatch:
        """Return the next batch."""
        return self._batches.send(value)

    def throw(
        self,
        typ: Error,
        val: object = None,
        tb: TracebackType | None = None,  # noqa: ARG002 - the signature of generators
    ) -> EmbeddedBatch:
        """Raise an exception where the run stands."""
        return self._batches.throw(_error(typ, val))

    def close(self) -> None:
        """End the run: wait for what is in flight, and keep it."""
        self._batches.close()


@define(eq=False)
class AsyncBatchStream(AsyncGenerator[EmbeddedBatch, None]):
    """The batches of an asynchronous run; see `BatchStream`.

    Attributes:
        course: What the run has done, to be read at any time.
    """

    _batches: AsyncGenerator[EmbeddedBatch, None]
    course: Course

    @property
    def stats(self) -> RunStats:
        """What the run has done; final once the stream has ended or was closed."""
        return self.course.stats

    async def asend(self, value: None) -> EmbeddedBatch:
        """Return the next batch."""
        return await self._batches.asend(value)

    async def athrow(
        self,
        typ: Error,
        val: object = None,
        tb: TracebackType | None = None,  # noqa: ARG002 - the signature of generators
    ) -> EmbeddedBatch:
        """Raise an exception where the run stands."""
        return await self._batches.athrow(_error(typ, val))

    async def aclose(self) -> None:
        """End the run: wait for what is in flight, and keep it."""
        await self._batches.aclose()


def _error(typ: Error, val: object) -> Error:
    """Name what is thrown in one argument: three of them are deprecated since Python 3.12."""
    return val if isinstance(val, BaseException) else typ
