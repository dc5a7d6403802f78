"""Inspection of a stack before its job is started: the plan that it would have, or a sentence on what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import h5py

from emstream.errors import InputUnreadable, UsageError
from emstream.jobs.inspection import MOST_SECTIONS, DatasetFacts, Inspection
from emstream.jobs.record import Request
from emstream.models.recipes import Choice
from emstream.readers.formats import HDF5, kind_of
from emstream.readers.hdf5.choice import choose_dataset, find_candidates
from emstream.readers.stack import StackReader
from emstream_preprocess.plan import make_plan


def inspect(
    path: Path, open_reader: Callable[[], StackReader], request: Request, choices: Sequence[Choice]
) -> Inspection:
    """Return what planning finds in the stack at `path`; `problem` says why it is refused."""
    datasets, chosen = _datasets(path, request.dataset)
    try:
        reader = open_reader()
        plan = make_plan(reader, request, choices)
    except (InputUnreadable, UsageError) as error:
        return Inspection(datasets=datasets, problem=str(error))
    return Inspection(
        shape_zyx=plan.shape_zyx,
        dtype=plan.dtype,
        dataset=chosen,
        datasets=datasets,
        voxel_size_nm=plan.voxel_size_nm,
        voxel_size_source=plan.voxel_size_source,
        sections=tuple(reader.facts.names[:MOST_SECTIONS]),
        source=plan.source,
        warnings=plan.warnings,
    )


def _datasets(path: Path, wanted: str | None) -> tuple[tuple[DatasetFacts, ...], str | None]:
    """Return the data sets that may be the stack in the HDF5 file, or folder, `path`, and the chosen one."""
    files = sorted(p for p in path.glob("*") if p.is_file()) if path.is_dir() else [path]
    if len(files) != 1 or not files[0].is_file() or kind_of(files[0]) is not HDF5:
        return (), None
    try:
        with h5py.File(files[0], "r", locking=False) as file:
            found, _ = find_candidates(file)
            facts = tuple(DatasetFacts(name=c.path, shape=c.shape, dtype=str(c.dtype)) for c in found)
            try:
                return facts, choose_dataset(file, path.name, wanted).path
            except InputUnreadable:
                return facts, None
    except OSError:
        return (), None  # the reader says what is wrong with the file
