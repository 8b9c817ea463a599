"""Ten minutes at saturation: errors, latencies, and the gateway's memory after the first minute and at the end.

    .venv/bin/python tests/bench/saturation.py [--seconds 600] [--connections 64]

Fails if a request failed, if the memory grew by more than a tenth, or if p99 is more than five times p50.
"""

from __future__ import annotations

import argparse
import sys

from generators import find_generator
from plan import tell
from server import serve
from subjects import MANIFEST, MODEL, Subjects

FIRST_SECONDS = 60
MOST_GROWTH = 1.1
MOST_SPREAD = 5.0


def main() -> int:
    """Measure and print; 1 if it does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=600, help="all in all (default: 600)")
    parser.add_argument("--connections", type=int, default=64, help="(default: 64)")
    args = parser.parse_args()
    generator = find_generator()
    with serve(MANIFEST, MODEL) as server:
        subjects = Subjects.of(server)
        first = generator.measure(subjects.gateway, args.connections, FIRST_SECONDS)
        before = server.memory() or 0
        rest = generator.measure(subjects.gateway, args.connections, max(args.seconds - FIRST_SECONDS, 1))
        growth, spread = (server.memory() or 0) / before, rest.p99 / rest.p50
        subjects.check_answers()
    tell(
        f"{args.seconds} s at {args.connections} connections: {rest.requests_per_second:,.0f} requests/s, "
        f"{first.failed + rest.failed} failed, p50 {rest.p50 * 1e3:.1f} ms, p99 {rest.p99 * 1e3:.1f} ms ({spread:.1f} "
        f"times), {before / 2**20:.0f} MiB after {FIRST_SECONDS} s and {growth:.2f} of it at the end"
    )
    return int(first.failed + rest.failed > 0 or growth > MOST_GROWTH or spread > MOST_SPREAD)


if __name__ == "__main__":
    sys.exit(main())
