"""Memory of large replies: what one of them needed serves the next.

A reply of 100 vectors takes a few megabytes on its way to a matrix, and gives them back. glibc
hands them to the system at once and asks for fresh pages with the next reply; on virtual machines
these pages cost as much time as everything else that is done with the reply.

glibc decides by two thresholds that it adjusts itself: when a large block is freed that was mapped
on its own, blocks up to that size come from the heap from then on, and twice as much free memory
stays there (mallopt(3), ``M_MMAP_THRESHOLD``). One block of the largest size that counts, which is
never written to, makes it do so at once. The price is that up to 64 MiB of free memory stay with
the process. Whoever sets ``MALLOC_TRIM_THRESHOLD_`` or ``MALLOC_MMAP_THRESHOLD_`` in the
environment has decided otherwise: the adjustment is off then. Other allocators do not care.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

import numpy as np

_LARGEST_ADJUSTMENT = 32 * 2**20
_BESIDE_A_BLOCK = 64 * 2**10


def keep_freed_memory() -> None:
    """Let freed memory stay for the next reply, see above; it takes microseconds."""
    np.empty(_LARGEST_ADJUSTMENT - _BESIDE_A_BLOCK, dtype=np.uint8)


def release_freed_memory() -> None:
    """Give free memory back to the system, wherever it lies; it takes milliseconds.

    Threads have heaps of their own, each of which keeps what is said above. Only glibc is asked
    (malloc_trim(3)); other allocators do so themselves.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
