"""A unit of postprocess: a slab's result, the pieces of its objects, and its packages gone."""

from __future__ import annotations

from emstream.jobs.folder import JobFolder
from emstream.jobs.record import PlannedJob
from emstream.volume.files import Check
from emstream_postprocess.objects.steps import find_in_slab
from emstream_postprocess.stitch import drop_packages, write_result


def make_result(folder: JobFolder, job: PlannedJob, index: int, check: Check = lambda: None) -> None:
    """Publish result/<index>.h5 and the slab's pieces of objects, unless they are there; then delete its packages.

    check: called before each step; what it raises ends the unit. Raises VolumeDamaged, DiskFull.
    """
    slab = job.plan.slabs[index]
    if not folder.result(index).exists():
        write_result(folder, job.plan, slab, job.request.spread, check)
    find_in_slab(folder, job.plan, job.request, slab, check)
    drop_packages(folder, job.plan, slab)
