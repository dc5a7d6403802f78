"""Provenance in every export: settings, checkpoints with hashes, fingerprint, version, the command."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from emstream.jobs.export_order import ExportOrder
from emstream.jobs.record import JobRecord, Plan, Voxel
from emstream.version import __version__
from emstream.volume.voxel_size import in_micrometres, voxel_in_words
from emstream_postprocess.report import Wanted, checkpoints_of, command_line


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of an export: the same bytes for the same order of the same job. voxel_size_nm: (z, y, x).

    first_zyx: the place of its first voxel in the stack as delivered.
    """

    facts: dict[str, object]
    voxel_size_nm: Voxel | None
    first_zyx: tuple[int, int, int]

    @property
    def text(self) -> str:
        """Facts as JSON."""
        return json.dumps(self.facts, indent=1)

    @property
    def voxel_size_um(self) -> Voxel | None:
        """Voxel size (z, y, x) in micrometres."""
        return in_micrometres(self.voxel_size_nm)

    def caption(self) -> str:
        """Return the voxel size in words."""
        return voxel_in_words(self.voxel_size_nm)


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
    return Provenance(facts, plan.voxel_size_nm, _first(plan, order))


def _predicted(record: JobRecord) -> str:
    """Return the command that makes the job's result again. A job of the service knows its input by name only."""
    request = record.request.model_copy(update={"input": record.name or record.request.input})
    return command_line(request, Wanted(), Path("OUT"))


def _first(plan: Plan, order: ExportOrder) -> tuple[int, int, int]:
    z, y, x = plan.offset_zyx
    return z + order.z[0], y, x
