"""Provenance in every export: settings, checkpoints with hashes, fingerprint, version, the command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from emstream.jobs.export_order import ExportOrder
from emstream.jobs.record import JobRecord, Voxel
from emstream.version import __version__
from emstream_postprocess.report import Wanted, checkpoints_of, command_line


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of an export: the same bytes for the same order of the same job. voxel_size_nm, offset_nm: (z, y, x)."""

    facts: dict[str, object]
    voxel_size_nm: Voxel | None
    offset_nm: Voxel | None

    @property
    def text(self) -> str:
        """Facts as JSON."""
        return json.dumps(self.facts, indent=1)

    @property
    def voxel_size_um(self) -> Voxel | None:
        """Voxel size (z, y, x) in micrometres."""
        if self.voxel_size_nm is None:
            return None
        z, y, x = (edge / 1000 for edge in self.voxel_size_nm)
        return z, y, x

    def caption(self) -> str:
        """Return the voxel size in words."""
        if self.voxel_size_nm is None:
            return "voxel size not known"
        return f"voxel size {' x '.join(f'{edge:g}' for edge in self.voxel_size_nm)} nm (z, y, x)"


def provenance_of(record: JobRecord, order: ExportOrder, job: str) -> Provenance:
    """Return the provenance of an export. job: the job's id or folder on the command line."""
    plan = record.plan
    assert plan is not None
    facts: dict[str, object] = {
        "emstream": __version__,
        "job": record.id,
        "name": record.name,
        "input": plan.source,
        "content": order.content,
        "format": order.format,
        "combined": order.combined,
        "sections": list(order.z),
        "shape_zyx": [order.z[1] - order.z[0], *plan.shape_zyx[1:]],
        "thresholds": order.thresholds,
        "voxel_size_nm": plan.voxel_size_nm,
        "voxel_size_source": plan.voxel_size_source,
        "settings": record.request.model_dump(mode="json", exclude={"input"}),
        "checkpoints": checkpoints_of(plan),
        "fingerprint": record.fingerprint,
        "command": order.command(job),
        "from_the_input": f"{_predicted(record)} --keep && {order.command('OUT')}",
    }
    return Provenance(facts, plan.voxel_size_nm, _offset(record, order))


def _predicted(record: JobRecord) -> str:
    """Return the command that makes the job's result again. A job of the service knows its input by name only."""
    request = record.request.model_copy(update={"input": record.name or record.request.input})
    return command_line(request, Wanted(), Path("OUT"))


def _offset(record: JobRecord, order: ExportOrder) -> Voxel | None:
    plan = record.plan
    assert plan is not None
    if plan.voxel_size_nm is None:
        return None
    first = (plan.offset_zyx[0] + order.z[0], *plan.offset_zyx[1:])
    z, y, x = (start * edge for start, edge in zip(first, plan.voxel_size_nm, strict=True))
    return z, y, x
