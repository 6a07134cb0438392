"""What errors keep alive: the frames that they went through, with all that these hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def forget_frames(error: BaseException) -> None:
    """Let go of the frames of an error and of those behind it, which may hold the key.

    What each of them says stays, and so does which one came of which.
    """
    for one in errors_behind(error):
        one.__traceback__ = None


def errors_behind(error: BaseException) -> Iterator[BaseException]:
    """Go through an error and all that it came of, the members of groups included."""
    seen, left = set[int](), [error]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        behind = (one.__cause__, one.__context__, *getattr(one, "exceptions", ()))
        left += [other for other in behind if other is not None]
