"""The measurements beside other Python model servers, as a section of the page."""

from __future__ import annotations

from collections.abc import Sequence

from peers_duel import GATEWAY, TRITON, Comparison
from peers_run import NUMBERS, PEERS, PICTURES, ROWS
from pictures import MODEL_SIZE, SIZE
from tables import milliseconds, spread, table, whole

TITLES = {
    NUMBERS: "three values through half_plus_two, as JSON",
    ROWS: f"{MODEL_SIZE[0]} x {MODEL_SIZE[1]} x 3 whole numbers as JSON to the classifier of pictures",
    PICTURES: f"a JPEG of {SIZE[0]} x {SIZE[1]} pixels in base64 to the same classifier",
}


def build_section(comparisons: Sequence[Comparison]) -> str:
    """Return Markdown."""
    tunings = "\n".join(f"- **{peer.package} {peer.version}**: {peer.tuning}" for peer in PEERS)
    jobs = "\n".join(map(_job, comparisons))
    return f"""## Other Python model servers

The same jobs by four model servers from PyPI, in the versions of `requirements/peers-*.txt`, each in an environment of
its own and by a short script in `tests/bench/peers`. All run the same ONNX file by the same onnxruntime with as many
threads, and each has given the gateway's answer before anything is timed. They are measured in turns, and whose turn
it is not is stopped; each figure is the median of the rounds, with the smallest and largest behind it. A peer reads a
picture as its users do, by Pillow's `open` and `resize`; the gateway decodes [large JPEG
files](guides/pictures.md#large-jpeg-files) smaller. Only the gateway asks for a key.

How each is set up:

- **modelport**: a process of the gateway a core (`--workers`).
{tunings}

{jobs}"""


def _job(comparison: Comparison) -> str:
    count = len(next(iter(comparison.rounds.values())))
    failed = ", ".join(f"{name} {number}" for name, number in comparison.failed.items() if number)
    return f"""### {comparison.job.capitalize()}: {TITLES[comparison.job]}

Requests/s, {count} rounds of {comparison.seconds:g} s:

{table(_rates(comparison))}

How many times the best of the peers the gateway does:

{table(_ratios(comparison))}

Median latency of a request:

{table(_latencies(comparison))}

Requests that failed: {failed or "none"}.
"""


def _rates(comparison: Comparison) -> list[Sequence[str]]:
    return [
        ("Connections", *comparison.names),
        *(
            (str(connections), *(spread(comparison.rates(connections, name), whole) for name in comparison.names))
            for connections in comparison.rounds
        ),
    ]


def _ratios(comparison: Comparison) -> list[Sequence[str]]:
    others = [TRITON] if TRITON in comparison.names else []
    rows: list[Sequence[str]] = [
        ("Connections", "Best peer", f"{GATEWAY} / best peer", *(f"{GATEWAY} / {o}" for o in others))
    ]
    for connections in comparison.rounds:
        best = comparison.best_peer(connections)
        ratios = (f"{comparison.ratio(connections, name):.2f}" for name in (best, *others))
        rows.append((str(connections), best, *ratios))
    return rows


def _latencies(comparison: Comparison) -> list[Sequence[str]]:
    return [
        ("Connections", *comparison.names),
        *(
            (
                str(connections),
                *(spread([each[name].p50 for each in rounds], milliseconds) for name in comparison.names),
            )
            for connections, rounds in comparison.rounds.items()
        ),
    ]
