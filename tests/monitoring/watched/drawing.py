"""A plain drawing of a dashboard with its data, to be looked at: panels in their places, lines, values, legends."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from watched.prometheus import Series

COLUMN, UNIT, GAP = 70, 34, 6
"""Pixels of a column and of a unit of height in Grafana's grid, and between panels."""
COLORS = ("#3274d9", "#e0752d", "#56a64b", "#e02f44", "#8f3bb8", "#c2a000", "#1f9e9e", "#7c7c7c")
FONT = ImageFont.load_default(13)
SMALL = ImageFont.load_default(11)

Named = Sequence[tuple[str, Series]]
"""Series with their names in the legend."""


def draw_dashboard(path: Path, dashboard: Any, answers: Mapping[int, Named]) -> None:
    """Draw all panels with what was answered for each id."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    image = Image.new("RGB", (24 * COLUMN + GAP, height * UNIT + GAP), "#eeeeee")
    draw = ImageDraw.Draw(image)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        x, y = place["x"] * COLUMN + GAP, place["y"] * UNIT + GAP
        right, bottom = x + place["w"] * COLUMN - GAP, y + place["h"] * UNIT - GAP
        if panel["type"] == "row":
            draw.text((x, y + 6), panel["title"], "black", FONT)
            continue
        draw.rectangle((x, y, right, bottom), "white", "#cccccc")
        unit = panel["fieldConfig"]["defaults"]["unit"]
        draw.text((x + 6, y + 4), f"{panel['title']}  [{unit}]", "black", FONT)
        body = (x + 8, y + 26, right - 8, bottom - 6)
        named = answers[panel["id"]]
        if panel["type"] in ("timeseries", "state-timeline"):
            _draw_lines(draw, body, named)
        else:
            _write_values(draw, body, named)
    image.save(path)


def _draw_lines(draw: ImageDraw.ImageDraw, body: tuple[int, int, int, int], named: Named) -> None:
    left, top, right, bottom = body
    bottom -= 34  # the legend's two lines
    points = [point for _, series in named for point in series.points if math.isfinite(point[1])]
    if not points:
        return
    first, last = min(time for time, _ in points), max(time for time, _ in points)
    highest = max(value for _, value in points) or 1
    draw.text((left, top), f"{highest:.3g}", "#777777", SMALL)
    draw.line((left, bottom, right, bottom), "#999999")
    at = left
    for number, (name, series) in enumerate(named):
        color = COLORS[number % len(COLORS)]
        line = [
            (left + (right - left) * (time - first) / ((last - first) or 1), bottom - (bottom - top) * value / highest)
            for time, value in series.points
            if math.isfinite(value)
        ]
        draw.line(line, color, 2)
        if at + 60 < 2 * (right - left) + left:
            row = int(at - left >= right - left)
            draw.text((at - row * (right - left), bottom + 4 + 14 * row), name[:30], color, SMALL)
        at += 8 + int(SMALL.getlength(name[:30]))


def _write_values(draw: ImageDraw.ImageDraw, body: tuple[int, int, int, int], named: Named) -> None:
    left, top, right, bottom = body
    rows = (bottom - top) // 15
    width = (right - left) // math.ceil(len(named) / rows)
    for number, (name, series) in enumerate(named):
        column, row = divmod(number, rows)
        draw.text((left + column * width, top + 15 * row), f"{name}: {series.points[-1][1]:.4g}", "black", SMALL)
