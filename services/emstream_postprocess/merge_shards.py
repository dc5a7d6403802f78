"""Shards joined into one job, as one run would make it: files by links, then slabs that no shard could stitch alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from emstream.errors import JobFailed, OutputInUse, UsageError
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import JobRecord, Plan, PlannedJob
from emstream.jobs.shards import Shard, share_of
from emstream.volume.files import write_bytes
from emstream_postprocess.slab_result import make_result


def common_record(shards: Mapping[Shard, JobFolder]) -> PlannedJob:
    """Return the job that all shards are of. Raises UsageError where they differ, JobFailed where one is not done."""
    records = {shard: _planned(shard, folder) for shard, folder in shards.items()}
    first, reference = next(iter(records.items()))
    for shard, record in records.items():
        if record != reference:
            raise UsageError(f"shards {first} and {shard} are of different jobs: {_difference(reference, record)}")
    for shard, folder in shards.items():
        share = share_of(reference.plan.job_shape, shard)
        missing = share.missing(folder.found())
        if missing:
            raise JobFailed(
                f"shard {shard} in {folder.path.parent} is not done: {len(missing)} of its {len(share.packages)} "
                "packages are left. Run its command again: it goes on where it was"
            )
    return reference


def gather(shards: Mapping[Shard, JobFolder], record: PlannedJob, folder: JobFolder) -> None:
    """Bring the shards' files into one job's folder, by links; existing files stay. Raises OutputInUse."""
    there = folder.read()
    if there is not None and there.planned != record:
        raise OutputInUse(f"{folder.path} holds another job: give another output folder, or --restart to drop it")
    for leftover in folder.leftovers():
        leftover.unlink(missing_ok=True)
    folder.write(record)
    for shard in shards.values():
        for kind in ("stack", "result", "objects"):
            for path in sorted((shard.path / kind).glob("[0-9]*.h5")):
                _link(path, folder.path / kind / path.name)
    for shard in shards.values():
        for package in sorted(shard.done_units("probability")):
            if not folder.result(package // record.plan.packages_per_slab).exists():
                _link(shard.probability(package), folder.probability(package))
    lines = [shard.timeline_path.read_bytes() for shard in shards.values() if shard.timeline_path.exists()]
    write_bytes(folder.timeline_path, b"".join(lines))


def stitch_shared(folder: JobFolder, job: PlannedJob) -> None:
    """Stitch the slabs of which several shards made packages."""
    for slab in job.plan.slabs:
        make_result(folder, job, slab.index)


def _planned(shard: Shard, folder: JobFolder) -> PlannedJob:
    record = folder.read_planned()
    if record is None:
        raise JobFailed(f"shard {shard} in {folder.path.parent} has not begun: run its command again")
    return record


def _difference(one: JobRecord, other: JobRecord) -> str:
    """Return what differs first, as a sentence, from what the user chose to what follows from it."""
    if one.request != other.request:
        field = next(f for f in type(one.request).model_fields if getattr(one.request, f) != getattr(other.request, f))
        values = getattr(one.request, field), getattr(other.request, field)
        return f"the setting {field} is {values[0]!r} and {values[1]!r}. Run both with the same settings"
    if one.input_identity != other.input_identity:
        return "the input's files changed in between. Run both on the same files"
    if one.fingerprint != other.fingerprint:
        keys = sorted(one.fingerprint.keys() | other.fingerprint.keys())
        key = next(k for k in keys if one.fingerprint.get(k) != other.fingerprint.get(k))
        values = one.fingerprint.get(key), other.fingerprint.get(key)
        return (
            f"the {key} that predicted is {values[0]!r} and {values[1]!r}. Their bytes would not fit together: "
            "run all shards with one engine, on one kind of processor or GPU"
        )
    return f"{_planned_otherwise(one.plan, other.plan)}. Run both with the same emstream and checkpoints"


def _planned_otherwise(one: Plan | None, other: Plan | None) -> str:
    field = next((f for f in Plan.model_fields if getattr(one, f, None) != getattr(other, f, None)), "owner")
    return f"their plans differ ({field})"


def _link(source: Path, final: Path) -> None:
    """Give a published file a further name: a hard link, or across file systems a symbolic one."""
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        return
    final.unlink(missing_ok=True)  # a symbolic link whose shard was moved
    try:
        os.link(source, final)
    except OSError:
        final.symlink_to(source)
