"""What holds for each request: what a call says otherwise, and who is told of events."""

from __future__ import annotations


def test_a_listener_that_fails_loses_nothing(server, connect, caplog):
    """A reply that was paid for comes back, and the log says what happened."""

    def broken(_event):
        message = "the listener is broken"
        raise RuntimeError(message)

    response = connect(on_event=broken).generate("a")

    assert len(response) == 1
    assert "the listener failed on AttemptFinished" in caplog.text
