"""The measurements with pictures, as a section of the page."""

from __future__ import annotations

from collections.abc import Sequence

from pictures import FACTOR, FORMATS, MODEL_SIZE, SIZE
from race import BARE_LOOP, REDUCED_LOOP, Race
from tables import memory_table, milliseconds, share, spread, table, whole


def build_section(race: Race) -> str:
    """Return Markdown."""
    count = len(next(iter(race.rounds.values())))
    return f"""## Pictures

One request is a JPEG of {SIZE[0]} x {SIZE[1]} pixels, {race.base64_bytes / 1000:.0f} kB in base64, to a classifier that
takes {MODEL_SIZE[0]} x {MODEL_SIZE[1]} pixels in uint8 and is as cheap as one can be. Beside it stands what a picture
costs at least: a bare loop in Python, in processes of its own, that makes the model's pixels of the same text:

```python
picture = Image.open(io.BytesIO(base64.b64decode(text)))
np.asarray(picture.resize(({MODEL_SIZE[0]}, {MODEL_SIZE[1]}), Image.Resampling.BILINEAR))
```

It reads no JSON, answers nobody and asks no model. There is one loop for each connection, at most one for each core.
The bare loop decodes the whole JPEG; the gateway decodes it at 1/{FACTOR} of its size, as
[it does](guides/pictures.md#large-jpeg-files) where enough is left. So the reduced loop is shown too, which decodes as
small: what the gateway lacks of that one is what a picture costs beside decoding and scaling. All take turns; each
figure is the median of {count} rounds of {race.seconds:g} s, with the smallest and largest round behind it.

{table(_throughput(race))}

With one connection the parts of a request follow one another on the way through the load generator, the gateway and
Triton, and the other cores are idle.

CPU time of a picture, in the gateway and Triton together. The rates above are by the clock, and the load generator
takes its share of the cores; it takes none of a core's rate, pictures per second of CPU time:

{table(_cpu(race))}

The same as a part of the bare loop's rate of a core:

{table(_per_core(race))}

{table(_latency(race))}

Memory of the gateway:

{memory_table(race.memory)}
"""


def _throughput(race: Race) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [
        (
            "Connections",
            "Format",
            "Gateway, pictures/s",
            "Bare loop",
            "Reduced loop",
            "Gateway / bare loop",
            "Gateway / reduced loop",
            "Failed",
        )
    ]
    for connections, rounds in race.rounds.items():
        loops = {
            name: spread([each[name].pictures_per_second for each in rounds], whole)
            for name in (BARE_LOOP, REDUCED_LOOP)
        }
        for name in FORMATS:
            laps = [each[name] for each in rounds]
            rows.append(
                (
                    str(connections),
                    name,
                    spread([lap.pictures_per_second for lap in laps], whole),
                    *loops.values(),
                    *(spread(race.ratios(connections, name, loop), share) for loop in loops),
                    str(sum(lap.failed for lap in laps)),
                )
            )
    return rows


def _cpu(race: Race) -> list[Sequence[str]]:
    names = (BARE_LOOP, REDUCED_LOOP, *FORMATS)
    return [
        ("Connections", *names),
        *(
            (str(connections), *(spread([each[name].cpu_seconds for each in rounds], milliseconds) for name in names))
            for connections, rounds in race.rounds.items()
        ),
    ]


def _per_core(race: Race) -> list[Sequence[str]]:
    return [
        ("Connections", *FORMATS),
        *(
            (str(connections), *(spread(race.ratios_per_core(connections, name), share) for name in FORMATS))
            for connections in race.rounds
        ),
    ]


def _latency(race: Race) -> list[Sequence[str]]:
    return [
        ("Connections", *(f"{name} {of}" for name in FORMATS for of in ("p50", "p99"))),
        *(
            (
                str(connections),
                *(
                    spread([getattr(each[name], of) for each in rounds], milliseconds)
                    for name in FORMATS
                    for of in ("p50", "p99")
                ),
            )
            for connections, rounds in race.rounds.items()
        ),
    ]
