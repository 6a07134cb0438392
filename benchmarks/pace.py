"""The pace against simulated services: throughput and refused requests, on a virtual clock.

python -m nox -s chaos
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from pace_simulation import simulate

print("| admitted a second | at once | Retry-After | throughput | refused |")
print("|---|---|---|---|---|")
for rate in (2, 10, 50, 200):
    for burst in (1, 5, 20):
        for retry_after in (None, 0.0, 1.0, 2.0):
            throughput, refused = simulate(rate, burst=burst, retry_after=retry_after)
            said = "none" if retry_after is None else f"{retry_after:g} s"
            print(f"| {rate} | {burst} | {said} | {throughput:.3f} | {refused:.3f} |")
