"""Signals that are held back while something is done."""

from __future__ import annotations

import signal
import threading
from contextlib import closing

import pytest

from openrouter_embeddings._base.interrupts.signals import HeldSignals, SharedHold, find_interrupt

HANDLED = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def raising_handlers():
    """Let both signals raise, as programs have it, and put back what was there."""
    before = {number: signal.getsignal(number) for number in HANDLED}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, raise_exit)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def raise_exit(number, frame):
    raise SystemExit(number)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_what_a_handler_raises_is_raised_on_leaving(number, error):
    """All of the work is done; whoever waits is woken, and the handlers are back."""
    handlers, done = [signal.getsignal(each) for each in HANDLED], []

    def work():
        with HeldSignals(lambda: done.append("woken")):
            signal.raise_signal(number)
            signal.raise_signal(number)
            done.append("work")

    with pytest.raises(error):
        work()

    assert done == ["woken", "woken", "work"]
    assert [signal.getsignal(each) for each in HANDLED] == handlers


def test_a_handler_that_raises_nothing_runs_at_once():
    """A program that only notes the signal goes on."""
    seen = []
    signal.signal(signal.SIGTERM, lambda *_: seen.append("signal"))
    with HeldSignals() as held:
        signal.raise_signal(signal.SIGTERM)
        assert seen == ["signal"]

    assert held.raised is None


def test_one_within_another_leaves_it_to_the_outer_one():
    """Nothing is raised in between."""
    done = []

    def work():
        with HeldSignals():
            with HeldSignals():
                signal.raise_signal(signal.SIGINT)
            done.append("between")

    with pytest.raises(KeyboardInterrupt):
        work()

    assert done == ["between"]


def test_what_is_forgotten_is_not_raised():
    """Something else is on its way."""
    with HeldSignals() as held:
        signal.raise_signal(signal.SIGINT)
        held.forget()

    assert held.raised is None


def test_in_another_thread_nothing_is_touched():
    """Handlers run in the main thread alone, and only that may set them."""
    seen = []

    def work():
        with HeldSignals():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [signal.default_int_handler]


def test_an_interrupt_is_found_behind_the_end_of_a_generator():
    """Closing a generator while Ctrl-C goes up shows it GeneratorExit alone."""
    seen = []

    def generate():
        try:
            yield
        except GeneratorExit as exc:
            seen.append(find_interrupt(exc))
            raise

    parts = generate()
    next(parts)
    with pytest.raises(KeyboardInterrupt) as caught, closing(parts):
        raise KeyboardInterrupt

    assert seen == [caught.value]
    assert find_interrupt(None) is find_interrupt(GeneratorExit()) is None
    assert find_interrupt(ValueError("no interrupt")) is None


def test_a_shared_hold_ends_with_the_last_of_its_users():
    """They end in any order; each is woken, and one of them takes what was raised."""
    hold, woken = SharedHold(), []
    first = hold.share(lambda: woken.append("first"))
    second = hold.share(lambda: woken.append("second"))
    first.__enter__()
    second.__enter__()
    signal.raise_signal(signal.SIGINT)
    first.__exit__(None, None, None)
    signal.raise_signal(signal.SIGINT)
    taken = hold.take()
    second.__exit__(None, None, None)

    assert isinstance(taken, KeyboardInterrupt)
    assert woken == ["first", "second", "second"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_nobody_takes_is_forgotten():
    """The first interrupt is on its way then."""
    hold = SharedHold()
    with hold.share(list):
        signal.raise_signal(signal.SIGINT)
        assert isinstance(hold.raised, KeyboardInterrupt)

    assert hold.raised is None


def test_a_hold_whose_users_are_gone_raises_at_once():
    """An event loop that was closed for good wakes nobody."""
    hold = SharedHold()

    def gone():
        raise RuntimeError

    left = hold.share(gone)
    left.__enter__()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    left.__exit__(None, None, None)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_that_is_over_is_not_put_back():
    """Python's own comes in its place."""

    def over(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, over)
    with SharedHold(lambda handler: handler is over).share(list):
        pass

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_holds_nothing():
    """Handlers run in the main thread, and cannot be set elsewhere."""
    hold, seen = SharedHold(), []

    def work():
        with hold.share(list):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert seen == [signal.default_int_handler]
