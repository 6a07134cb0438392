"""Tasks that are let end, and the signal handlers of asyncio."""

from __future__ import annotations

import asyncio
import signal

import pytest

from openrouter_embeddings._base.interrupts.lasting import (
    begin_lasting,
    is_ended_runners,
    is_runners,
    result_of,
    to_its_end,
)


def test_the_end_of_a_loop_waits_for_a_lasting_task():
    """`asyncio.run` cancels what is left; this ends in its time."""
    done, kept = [], []

    async def work(told):
        await told.wait()
        done.append("work")

    async def main():
        told = asyncio.Event()
        task = begin_lasting(work(told))
        task.on_loop_end = told.set
        kept.append(task)

    asyncio.run(main())

    assert done == ["work"]


def test_work_that_ctrl_c_was_raised_in_is_done_anew():
    """The interrupt has left the loop already; what must be done whole is done."""
    done = []

    async def work():
        done.append(len(done))
        if len(done) == 1:
            raise KeyboardInterrupt

    async def main():
        await to_its_end(work)

    loop = asyncio.new_event_loop()
    task = loop.create_task(main())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    loop.run_until_complete(task)
    loop.close()

    assert done == [0, 1]


def test_ctrl_c_that_was_raised_in_a_task_is_not_raised_twice():
    """Who asks for the result sees a cancellation."""

    async def fail():
        raise KeyboardInterrupt

    loop = asyncio.new_event_loop()
    task = loop.create_task(fail())
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(task)
    loop.close()

    with pytest.raises(asyncio.CancelledError):
        result_of(task)


def test_the_handler_of_a_runner_is_known_and_when_it_is_over():
    """It is not to be put back once the main task has ended."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:

        async def look():
            return signal.getsignal(signal.SIGINT)

        handler = asyncio.run(look())
    finally:
        signal.signal(signal.SIGINT, before)

    assert is_runners(handler)
    assert is_ended_runners(handler)
    assert not is_runners(signal.default_int_handler)
    assert not is_ended_runners(signal.default_int_handler)
