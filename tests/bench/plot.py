"""A bar for each ratio, as SVG: drawn here, since it is rectangles and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

ROW, LABEL, WIDTH, END = 22, 220, 420, 70
"""Pixels: height of a bar's row, and widths of the labels, of the bars and of the numbers behind them."""


def bars(title: str, ratios: Mapping[str, Sequence[float]]) -> str:
    """Draw the medians of ratios as bars with the smallest and largest round, and a line at 1.

    Args:
        title: what the bars are.
        ratios: the label of each bar and its rounds, in order.
    """
    middle = {label: sorted(rounds)[len(rounds) // 2] for label, rounds in ratios.items()}
    scale = WIDTH / max(1.0, *(max(rounds) for rounds in ratios.values()))
    height = ROW * (len(ratios) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABEL + WIDTH + END}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="{ROW - 6}" font-weight="bold">{escape(title)}</text>',
    ]
    for row, (label, rounds) in enumerate(ratios.items(), start=1):
        top, least, most = row * ROW, min(rounds) * scale, max(rounds) * scale
        parts += [
            f'<text x="{LABEL - 8}" y="{top + 15}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="{LABEL}" y="{top + 3}" width="{middle[label] * scale:.1f}" height="{ROW - 6}" fill="#3b78b5"/>',
            f'<line x1="{LABEL + least:.1f}" x2="{LABEL + most:.1f}" y1="{top + 11}" y2="{top + 11}" stroke="#123"/>',
            f'<text x="{LABEL + most + 6:.1f}" y="{top + 15}">{middle[label]:.2f}</text>',
        ]
    one = LABEL + scale
    parts.append(f'<line x1="{one:.1f}" x2="{one:.1f}" y1="{ROW}" y2="{height - ROW}" stroke="#c33" stroke-width="2"/>')
    return "\n".join([*parts, "</svg>", ""])
