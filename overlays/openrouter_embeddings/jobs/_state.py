"""One job on the disk, open: what is known of each of its texts, and what it has spent."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from openrouter_embeddings.errors import ConfigurationError, OpenRouterError, VectorError
from openrouter_embeddings.jobs._folder import disk_error
from openrouter_embeddings.jobs._ledger import LEDGER, Ledger
from openrouter_embeddings.jobs._plan import Finder, State, compact, fill_places, find_places
from openrouter_embeddings.jobs._settings import First
from openrouter_embeddings.jobs._store import RECORD, Entries, VectorStore, make_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from openrouter_embeddings._base.types import Vectors
    from openrouter_embeddings.jobs._finished import Output
    from openrouter_embeddings.jobs._folder import JobFolder, Manifest
    from openrouter_embeddings.jobs._ledger import Spent
    from openrouter_embeddings.jobs._plan import Places, Words


_SEALED = ["kept", "sum"]
_SEAL = np.dtype([(name, "<u4") for name in _SEALED])


def _ignore(_width: int) -> None:
    """Do nothing."""


@define(eq=False)
class JobState:
    """What is kept of a job.

    Attributes:
        folder: Its folder.
        manifest: What the job is.
        store: Its vectors.
        ledger: What it spends.
        digests: The digests of its texts, shape ``(texts, 2)``.
        places: Where the vector of each text stands.
        states: What is known of each text.
        seals: How many characters of it were embedded, 0 for all, and the checksum of its record.
        failures: Why texts have no vector, by place.
        failure: What keeps the job from going on, or None.
        on_width: Is told the width of the vectors once it is known; what it raises ends the job.
        is_given_up: Whether nothing of it is worth keeping.
    """

    folder: JobFolder
    manifest: Manifest
    store: VectorStore
    ledger: Ledger
    digests: Words
    places: Places = field(init=False)
    states: NDArray[np.uint8] = field(init=False)
    seals: NDArray[np.void] = field(init=False)
    failures: dict[int, str] = field(init=False)
    failure: OpenRouterError | None = field(init=False, default=None)
    on_width: Callable[[int], None] = field(init=False, default=_ignore)
    is_given_up: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        """Find what is done of the texts, and give the others places."""
        records = self.store.load()
        self.failures = dict(self.before.failures)
        unsaid = [
            place
            for place in np.flatnonzero(records["state"] == State.FAILED).tolist()
            if place not in self.failures
        ]
        records[unsaid] = np.zeros(1, RECORD)
        kept = records["digest"]
        places = fill_places(find_places(self.digests, kept), kept)
        self.places = compact(places, int(places.max(initial=0)))
        self.states = np.zeros(len(places), np.uint8)
        here = places < len(records)
        self.states[here] = records["state"][places[here]]
        self.seals = np.zeros(len(places), _SEAL)
        self.seals[here] = records[_SEALED][places[here]]

    @property
    def before(self) -> Spent:
        """What the job had spent when this run began."""
        return self.ledger.before

    @property
    def is_new(self) -> bool:
        """Say whether nothing was paid for before, and nothing is kept."""
        before = self.before
        paid = before.requests or before.unsaid or before.damaged
        return not paid and not (self.states == State.DONE).any()

    @property
    def width(self) -> int:
        """How many numbers a vector has; 0 as long as nobody knows."""
        return self.store.width

    def meet(self, width: int, model: str | None, provider: str | None) -> None:
        """Take note of the first vectors.

        Raises:
            VectorError: They are of another width than the others.
        """
        if not self.width:
            self.manifest = self.folder.complete(self.manifest, First(width, model, provider))
            self.store.width = width
            try:
                self.on_width(width)
            except ConfigurationError as error:
                self.stop(error)
        if width != self.width:
            message = f"The vectors were {self.width} wide before, now they are {width}."
            raise VectorError(message, hint="Name the dimensions, or pin the provider.")

    def keep(self, texts: Places, vectors: Vectors, kept: Sequence[int | None] = ()) -> None:
        """Keep vectors of some texts, and how much of each was embedded; nothing for all of it."""
        self._write(State.DONE, texts, vectors, kept)

    def fail(self, why: Mapping[int, str]) -> None:
        """Note why texts have no vector: in the ledger first, which has the words."""
        if not why:
            return
        texts = np.array(list(why), np.int64)
        places = self.places[texts].tolist()
        words = dict(zip(places, why.values(), strict=True))
        self.ledger.append({"failed": words})
        self.failures |= words
        self._write(State.FAILED, texts, None, ())

    def _write(
        self, state: State, texts: Places, vectors: Vectors | None, kept: Sequence[int | None]
    ) -> None:
        places = self.places[texts]
        if (np.diff(places) < 0).any():
            order = np.argsort(places, kind="stable")
            texts, places = texts[order], places[order]
            kept = [kept[place] for place in order] if kept else ()
            vectors = None if vectors is None else vectors[order]
        records = make_records(state, self.digests[texts], kept)
        entries = Entries(places, records, vectors)
        try:
            self.store.write(entries)
        except OSError as exc:
            self.stop(disk_error(self.folder.path, exc))
            return
        self.states[texts] = state
        self.seals[texts] = records[_SEALED]

    def stop(self, error: OpenRouterError) -> OpenRouterError:
        """Note what keeps the job from going on, and return it; the first of all."""
        self.failure = self.failure or error
        return self.failure

    def take_over(self, output: Output, *, failures: bool) -> int:
        """Take what an earlier output has of the texts that are to be done.

        Args:
            output: The output.
            failures: Whether what failed there stays failed.

        Returns:
            How many texts have their vectors from it.
        """
        finder, taken = Finder.of(self.digests), 0
        for piece in output.pieces():
            texts = finder.find(piece.digests)
            texts[(texts >= 0) & (self.states[texts] != State.WANTED)] = -1
            rows = _first_of_each(texts)
            has = np.array([piece.errors[row] is None for row in rows], bool)
            done, rest = rows[has], rows[~has]
            if len(done):
                self.meet(piece.vectors.shape[1], None, None)
                kept = [piece.kept[row] for row in done]
                self.keep(texts[done], piece.vectors[done], kept)
                taken += len(done)
            if failures:
                self.fail({int(texts[row]): str(piece.errors[row]) for row in rest})
        return taken

    def read(self, texts: Places) -> Vectors:
        """Read the vectors of texts that are done.

        Raises:
            OpenRouterError: One is not what was written.
        """
        if (np.diff(self.places[texts]) >= 0).all():
            return self._read(texts)
        order = np.argsort(self.places[texts], kind="stable")
        vectors = self._read(texts[order])
        found = np.empty_like(vectors)
        found[order] = vectors
        return found

    def _read(self, texts: Places) -> Vectors:
        places = self.places[texts]
        records = make_records(State.DONE, self.digests[texts], ())
        records[_SEALED] = self.seals[texts]
        vectors = self.store.read(places)
        if not self.store.verify(Entries(places, records, vectors)).all():
            message = f"A vector in {self.folder.path} was damaged while the job ran."
            raise OpenRouterError(message)
        return vectors


def _first_of_each(texts: Places) -> Places:
    """Return the first row of each text among these."""
    rows = np.flatnonzero(texts >= 0)
    _, first = np.unique(texts[rows], return_index=True)
    chosen: Places = np.sort(rows[first])
    return chosen


@contextmanager
def opened(folder: JobFolder, manifest: Manifest, digests: Words) -> Iterator[JobState]:
    """Open what is kept of a job, or make it."""
    width = manifest.first.width if manifest.first else 0
    with (
        closing(VectorStore.open(folder.path, manifest.id, width)) as store,
        closing(Ledger(folder.path / LEDGER, manifest.id)) as ledger,
    ):
        if store.is_empty and ledger.is_empty:
            ledger.begin()
        ledger.read()
        state = JobState(folder, manifest, store, ledger, digests)
        ledger.on_failure = lambda exc: state.stop(disk_error(folder.path, exc))
        try:
            yield state
        finally:
            if state.is_given_up:
                folder.clear()


def kept_of(folder: JobFolder, manifest: Manifest, digests: Words) -> Places:
    """Find which texts a job has vectors of, and change nothing."""
    width = manifest.first.width if manifest.first else 0
    try:
        with closing(VectorStore.open(folder.path, manifest.id, width, writable=False)) as store:
            records = store.load()
    except OSError:
        return np.empty(0, np.int64)
    done = records["digest"].copy()
    done[records["state"] != State.DONE] = 0
    kept: Places = np.flatnonzero(find_places(digests, done) >= 0)
    return kept
