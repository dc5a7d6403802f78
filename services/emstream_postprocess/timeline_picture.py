"""The timeline of a run as a picture: one lane per stage, and the engine's batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

Interval = tuple[str, float, float]
"""Lane, start and stop in seconds."""
WIDTH, LANE, LEFT = 1600, 44, 110
COLOURS = ("#2962ff", "#00a152", "#ff6d00", "#6d4c41", "#8e24aa")
ROWS = 3
"""Units of a lane that overlap in time are drawn on this many rows in turn."""


def draw_timeline(intervals: Sequence[Interval], final: Path) -> None:
    """Draw the intervals, lanes in order of appearance, time to the right, and save a PNG."""
    lanes = list(dict.fromkeys(lane for lane, _, _ in intervals))
    first = min(start for _, start, _ in intervals)
    span = max(stop for _, _, stop in intervals) - first or 1.0
    image = Image.new("RGB", (WIDTH, LANE * len(lanes) + 40), "white")
    draw = ImageDraw.Draw(image)
    scale = (WIDTH - LEFT - 20) / span
    drawn = dict.fromkeys(lanes, 0)
    for lane, start, stop in intervals:
        row = drawn[lane] % ROWS
        drawn[lane] += 1
        top = 10 + lanes.index(lane) * LANE + row * (LANE - 10) // ROWS
        left = LEFT + (start - first) * scale
        right = max(LEFT + (stop - first) * scale, left + 1)
        draw.rectangle((left, top, right, top + (LANE - 14) // ROWS), fill=COLOURS[lanes.index(lane) % len(COLOURS)])
    for index, lane in enumerate(lanes):
        draw.text((10, 16 + index * LANE), lane, fill="black")
    bottom = 14 + LANE * len(lanes)
    for tick in range(6):
        x = LEFT + (WIDTH - LEFT - 20) * tick / 5
        draw.line((x, bottom - 4, x, bottom), fill="black")
        draw.text((x - 10, bottom + 2), f"{span * tick / 5:.1f} s", fill="black")
    image.save(final)
