"""Jobs that are killed at random moments and in each of their steps, and jobs that are terminated.

    python -m nox -s chaos -- [--seeds 10]

For so many seeds, 1 unless it is said. SIGKILL comes before, after and in the middle of each write,
before and after each rename, flush and deletion of a job that embeds a file, brings an output up to
date, or embeds failed rows again; and at random moments of a larger job. Each time the same command
goes on: the final files must equal those of an uninterrupted run byte for byte, no text whose
vector was kept may be asked for again, and a kill may cost what was in flight at the most. SIGTERM
must end with exit code 143, and nothing is embedded twice. Exits 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import redirect_stderr
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve, frozen

from openrouter_embeddings import cli
from openrouter_embeddings.jobs import _folder, _store
from openrouter_embeddings.jobs._finished import find_output
from openrouter_embeddings.jobs._folder import JobFolder
from openrouter_embeddings.jobs._plan import digests_of
from openrouter_embeddings.jobs._state import kept_of
from openrouter_embeddings.testing import FaultServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

BATCH, IN_FLIGHT = 10, 4
# What is in flight; what has come and is still to be written counts among it.
MOST_AGAIN = BATCH * IN_FLIGHT
BOUNDS = ["--batch-size", str(BATCH), "--in-flight", str(IN_FLIGHT)]
SETTINGS = ["--model", "test/embedding", "--id-column", "id", *BOUNDS]
OUT = "out.parquet"
EMBED = ["embed", "in.parquet", "--out", OUT, *SETTINGS]
SMALL_JOBS: dict[str, tuple[str, list[str], bool]] = {
    "embed": (OUT, EMBED, False),
    "embed --update": (OUT, [*EMBED, "--update"], True),
    "retry-failed": (
        "out.npy",
        ["retry-failed", "out.npy", "--input", "old.parquet", *BOUNDS],
        True,
    ),
}
"""The output, the command, and whether there is an output with failed rows before."""
# Rows of a small job, of which every fifth text is a repetition.
ROWS = 150
POISON = {f"text {number}" for number in range(0, ROWS, 9)}
# Of the many writes of a job: the first three, and so many others.
FIRST, OTHERS = 3, 2
# Of the kills of a job that has an output before, so many are tried.
SAMPLE, KILLS = 32, 150
ENDS = {signal.SIGKILL: 30, signal.SIGTERM: 30}
# Texts of the larger jobs: more than are embedded between so many ends.
MANY = 9_000
DELAY = 0.1

HOW = {
    "write": ("before", "half", "after"),
    "ledger": ("before", "half", "after"),
    "rename": ("before", "after"),
    "delete": ("before", "after"),
    "flush": ("before",),
    "make": ("before", "after"),
    "table": ("before", "after"),
}
"""The steps of a job, and where in them it is killed."""


class Service(FaultServer):
    """A service that may be told anew what it refuses, and how long it takes."""

    def refuse(self, poison: set[str]) -> None:
        """Refuse these texts, and no others."""
        self._rules = evolve(self._rules, poison=frozenset(poison))

    def hurry(self) -> None:
        """Take no time from now on."""
        self._delay = 0.0


class Killer:
    """Kills its own process in one step, or counts the steps.

    Args:
        step: The kind of step, or ``"count"``.
        at: Which of its kind, counted from 1.
        how: Before it, after it, or in the middle of it.
    """

    def __init__(self, step: str, at: int, how: str) -> None:
        self.chosen, self.how = (step, at), how
        self.seen: Counter[str] = Counter()

    def watch(self, owner: object, name: str, step: str, half: Callable[..., object]) -> None:
        """Put a function that may kill in the place of one that does a step."""
        real = getattr(owner, name)

        def replaced(*args: object, **options: object) -> object:
            self.seen[step] += 1
            is_now = self.chosen == (step, self.seen[step])
            if is_now and self.how == "half":
                half(real, *args)
            if is_now and self.how != "after":
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                return real(*args, **options)
            finally:
                if is_now:
                    os.kill(os.getpid(), signal.SIGKILL)

        setattr(owner, name, replaced)


def half_of_vectors(_real: object, file: BinaryIO, at: int, content: NDArray[np.generic]) -> None:
    """Write the first half of what belongs to some places."""
    raw = content.tobytes()
    file.seek(at)
    file.write(raw[: len(raw) // 2])


def half_of_a_line(real: Callable[[int, bytes], int], handle: int, content: bytes) -> None:
    """Write the first half of a line of the ledger."""
    real(handle, bytes(content)[: len(content) // 2])


def nothing(*_: object) -> None:
    """Do nothing: the system does these steps as a whole."""


def run_and_die(step: str, at: str, how: str, *words: str) -> int:
    """Run a command, and be killed in one of its steps; or print how many of each it had."""
    killer = Killer(step, int(at), how)
    killer.watch(_store, "_write_at", "write", half_of_vectors)
    killer.watch(os, "write", "ledger", half_of_a_line)
    killer.watch(pq.ParquetWriter, "write_table", "table", nothing)
    killer.watch(_folder, "_flush_to_disk", "flush", nothing)
    steps = {"rename": ("rename", "replace"), "delete": ("unlink", "rmdir"), "make": ("mkdir",)}
    for kind, names in steps.items():
        for name in names:
            killer.watch(os, name, kind, nothing)
    code = cli.run(list(words))
    if step == "count":
        sys.stdout.write(json.dumps(killer.seen))
    return code


@frozen
class Scenario:
    """A small job.

    Attributes:
        out: Its output.
        words: The command.
        before: A folder with what is there before.
        code: The exit code of an uninterrupted run.
        wanted: The files of an uninterrupted run by their names.
        steps: How many steps of each kind it has.
        texts: How many texts it has to embed.
    """

    out: str
    words: Sequence[str]
    before: Path
    code: int
    wanted: dict[str, bytes]
    steps: dict[str, int]
    texts: int


def command(words: Sequence[str], folder: Path, die: Sequence[str]) -> subprocess.Popen[bytes]:
    """Begin a command in a folder as a process that may be killed in a step."""
    begin = [sys.executable, __file__, "--die", *die] if die else []
    plain = [sys.executable, "-m", "openrouter_embeddings"]
    pipe = subprocess.PIPE
    return subprocess.Popen([*(begin or plain), *words], cwd=folder, stdout=pipe, stderr=pipe)


def go_on(words: Sequence[str], folder: Path) -> int:
    """Run a command in this process; what it says is of no interest."""
    os.chdir(folder)
    with redirect_stderr(io.StringIO()):
        return cli.run(list(words))


def files_of(folder: Path) -> dict[str, bytes]:
    """Read the files of a folder; a folder in it is empty bytes."""
    return {path.name: path.read_bytes() if path.is_file() else b"" for path in folder.iterdir()}


def write_rows(path: Path, numbers: Sequence[int]) -> None:
    """Write an input."""
    texts = [f"text {number - 1 if number % 5 == 4 else number}" for number in numbers]
    pq.write_table(pa.table({"id": list(numbers), "text": texts}), path, row_group_size=40)


def texts_in(path: Path) -> list[str]:
    """Read the different texts of an input."""
    return [str(text) for text in pq.read_table(path)["text"].unique().to_pylist()]


def made(
    server: Service, root: Path, out: str, words: Sequence[str], *, has_output: bool
) -> Scenario:
    """Set a job up, and run it once without an interruption.

    Args:
        server: The service.
        root: Where to work.
        out: Its output.
        words: The command.
        has_output: Whether that of an earlier state of the input is there, with failed rows.
    """
    before = Path(tempfile.mkdtemp(dir=root)) / "before"
    before.mkdir()
    write_rows(before / "old.parquet", range(ROWS))
    write_rows(before / "in.parquet", range(ROWS // 4, 2 * ROWS))
    if has_output:
        server.refuse(POISON)
        go_on(["embed", "old.parquet", "--out", out, *SETTINGS], before)
        server.refuse(set())
    whole = before.with_name("whole")
    shutil.copytree(before, whole)
    embedded = server.inputs_embedded
    process = command(words, whole, ["count", "0", ""])
    counts, said = process.communicate()
    if not counts:
        raise SystemExit(said.decode())
    return Scenario(
        out=out,
        words=words,
        before=before,
        code=process.returncode,
        wanted=files_of(whole),
        steps=json.loads(counts),
        texts=server.inputs_embedded - embedded,
    )


def kept(out: str, folder: Path, texts: list[str]) -> set[str]:
    """Find the texts whose vectors are on the disk, in the job or in its output."""
    digests, found = digests_of(texts), set[int]()
    job = JobFolder.of(str(folder / out))
    manifest = job.look() if job.path.exists() else None
    if manifest is not None:
        found |= set(kept_of(job, manifest, digests).tolist())
    places = {row.tobytes(): place for place, row in enumerate(digests)}
    output = find_output(str(folder / out))
    for piece in output.pieces() if output else ():
        rows = zip(piece.digests, piece.errors, strict=True)
        found |= {places.get(row.tobytes(), -1) for row, error in rows if error is None}
    return {texts[place] for place in found - {-1}}


def asked_for(server: Service, since: int) -> set[str]:
    """Return the texts of all requests since one of them."""
    return set(chain.from_iterable(each.body["input"] for each in server.requests[since:]))


def survived(server: Service, scenario: Scenario, root: Path, die: tuple[str, int, str]) -> str:
    """Kill a small job in a step, go on, and return what does not hold, or nothing."""
    folder = root / "case"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(scenario.before, folder)
    texts = [*texts_in(folder / "in.parquet"), *texts_in(folder / "old.parquet")]
    embedded = server.inputs_embedded
    process = command(scenario.words, folder, [die[0], str(die[1]), die[2]])
    _, said = process.communicate()
    if process.returncode != -signal.SIGKILL:
        return f"it was not killed: {process.returncode} {said.decode()}"
    done, asked = kept(scenario.out, folder, texts), len(server.requests)
    code = go_on(scenario.words, folder)
    again = asked_for(server, asked) & done
    more = server.inputs_embedded - embedded - scenario.texts
    left = {name: content for name, content in files_of(folder).items() if ".trash" not in name}
    problems = {
        f"exit code {code}": code != scenario.code,
        f"{len(again)} texts that were kept are asked for again": bool(again),
        f"{more} texts are paid for twice": not 0 <= more <= MOST_AGAIN,
        "the files differ": left != scenario.wanted,
    }
    return ", ".join(problem for problem, holds in problems.items() if holds)


def deaths(scenario: Scenario, rng: random.Random) -> Iterator[tuple[str, int, str]]:
    """Choose the steps in which a job is killed."""
    for step, ways in HOW.items():
        places = list(range(1, scenario.steps.get(step, 0) + 1))
        if step in {"write", "ledger"} and len(places) > FIRST + OTHERS:
            places = [*places[:FIRST], *rng.sample(places[FIRST:], OTHERS)]
        yield from ((step, at, how) for at in places for how in ways)


def survived_steps(seed: int, root: Path) -> tuple[bool, int]:
    """Kill small jobs in each of their steps, and print a line for each of them."""
    rng, held, kills = random.Random(seed), True, 0
    with Service(dimensions=16) as server:
        use(server)
        for name, (out, words, has_output) in SMALL_JOBS.items():
            scenario = made(server, root, out, words, has_output=has_output)
            chosen = list(deaths(scenario, rng))
            if has_output:
                chosen = sorted(rng.sample(chosen, min(SAMPLE, len(chosen))))
            found = [(die, survived(server, scenario, root, die)) for die in chosen]
            wrong = [f"{' '.join(map(str, die))}: {said}" for die, said in found if said]
            kinds = Counter(step for step, _, _ in chosen)
            told = ", ".join(f"{step} {count}" for step, count in kinds.items())
            print(f"seed {seed}: {name}: {len(chosen)} kills ({told}): {len(wrong)} went wrong")
            print("".join(f"    {line}\n" for line in wrong), end="", flush=True)
            held, kills = held and not wrong, kills + len(chosen)
    return held, kills


def use(server: Service) -> None:
    """Have commands ask a server."""
    os.environ["OPENROUTER_API_KEY"] = server.api_key
    os.environ["OPENROUTER_BASE_URL"] = server.base_url


def ended(
    server: Service, folder: Path, number: signal.Signals, rng: random.Random
) -> tuple[list[int], int]:
    """End a job at random moments after the first request of each run.

    Returns:
        The exit codes, and how many texts were asked for again that were on the disk by then.
    """
    codes, again, texts = list[int](), 0, texts_in(folder / "in.parquet")
    done = set[str]()
    for _ in range(ENDS[number]):
        asked = len(server.requests)
        process = command(EMBED, folder, [])
        while len(server.requests) == asked and process.poll() is None:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 3 * DELAY))
        process.send_signal(number)
        process.communicate()
        codes.append(process.returncode)
        again += len(asked_for(server, asked) & done)
        done = kept(OUT, folder, texts)
        if process.returncode == 0:
            break
    return codes, again


def survived_moments(seed: int, root: Path, number: signal.Signals) -> tuple[bool, int]:
    """End a larger job at random moments, and compare it with one that was not."""
    folder, whole = (Path(tempfile.mkdtemp(dir=root)) for _ in range(2))
    rows = range(MANY * 10 // 9)
    table = pa.table({"id": rows, "text": [f"text {row % MANY}" for row in rows]})
    for place in (folder, whole):
        pq.write_table(table, place / "in.parquet", row_group_size=2_000)
    with Service(dimensions=16, delay=DELAY) as server:
        use(server)
        codes, again = ended(server, folder, number, random.Random(seed))
        server.hurry()
        code, twice = go_on(EMBED, folder), server.inputs_embedded - MANY
        go_on(EMBED, whole)
    same = files_of(folder) == files_of(whole)
    is_kill = number == signal.SIGKILL
    most = len(codes) * MOST_AGAIN if is_kill else 0
    right = codes.count(-number if is_kill else 128 + number)
    print(
        f"seed {seed}: {number.name}: {right} of {ENDS[number]} ended as they should; the files "
        f"are equal: {same}; {twice} texts were paid for twice, at most {most}, {again} of them "
        "after they were kept",
        flush=True,
    )
    held = same and not code and right == ENDS[number] and 0 <= twice <= most and not again
    return held, right if is_kill else 0


def survived_all(seed: int) -> bool:
    """End jobs in every way."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        found = [survived_steps(seed, root)]
        found += [survived_moments(seed, root, number) for number in ENDS]
        os.chdir(Path(__file__).parent)
    kills = sum(count for _, count in found)
    print(f"seed {seed}: {kills} kills, {KILLS} at least", flush=True)
    return all(held for held, _ in found) and kills >= KILLS


def main() -> int:
    """Print some lines for each seed; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, 1 and on")
    held = [survived_all(seed) for seed in range(1, parser.parse_args().seeds + 1)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(run_and_die(*sys.argv[2:]) if sys.argv[1:2] == ["--die"] else main())
