"""A job's timeline.jsonl: what worked on which unit, when; one line per finished unit, appended by every worker."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from emstream.stages import Stage


@dataclass
class Timeline:
    """Times are seconds since the epoch. `engine` holds the times of this process's batches."""

    path: Path
    engine: list[tuple[float, float]] = field(default_factory=list)

    def add(self, stage: Stage, unit: int, start: float, stop: float, **facts: object) -> None:
        """Append one finished unit. One write: lines of several processes do not mix."""
        line = json.dumps({"stage": stage, "unit": unit, "start": start, "stop": stop, **facts}) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def read(self) -> list[dict[str, object]]:
        """Return all units, of earlier runs too; a line cut off by a kill is left out."""
        units = []
        for line in self.path.read_text().splitlines() if self.path.exists() else []:
            try:
                units.append(json.loads(line))
            except ValueError:
                continue
        return units
