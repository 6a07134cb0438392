"""The pace against simulated services: throughput, refusals, time taken, on a virtual clock.

python -m nox -s chaos
"""

from __future__ import annotations

import sys
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from pace_simulation import HiddenWindow, deliver, simulate

from openrouter_embeddings._bulk.pace import Pace

print("| admitted a second | at once | Retry-After | throughput | refused |")
print("|---|---|---|---|---|")
for rate in (2, 10, 50, 200):
    for burst in (1, 5, 20):
        for retry_after in (None, 0.0, 1.0, 2.0):
            throughput, refused = simulate(rate, burst=burst, retry_after=retry_after)
            said = "none" if retry_after is None else f"{retry_after:g} s"
            print(f"| {rate} | {burst} | {said} | {throughput:.3f} | {refused:.3f} |")

print()
print("| window, not named | begins | of the ideal time | refused in each |")
print("|---|---|---|---|")
for count, seconds in ((20, 60), (5, 20), (1, 30)):
    for phase in (None, 0.0, 0.3, 0.7):
        service = HiddenWindow(count, seconds, phase)
        took = deliver(Pace(max_in_flight=16), service.admits, 10 * count)
        begins = "slides" if phase is None else f"at {phase:.0%} of it"
        share, refused = took / service.ideal(10 * count), service.refusals_by_window()[1:]
        print(f"| {count} in {seconds} s | {begins} | {share:.2f} | {refused} |")

print()
print("| refused by chance | of the ideal time |")
print("|---|---|")
for every in (6, 12, 20, 40):
    admits = cycle([True] * (every - 1) + [False])
    # Sixteen at a time, each for about 50 ms.
    took = deliver(Pace(max_in_flight=16), lambda _, of=admits: next(of), 2_000, latency=0.05)
    print(f"| every {every}th | {took / (2_000 / 16 * 0.05):.2f} |")
