"""Inspection of a stack before its job starts: its plan, or a sentence on what is wrong; and pictures of sections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from emstream.errors import InputUnreadable, UsageError, WrongVoxelSize
from emstream.jobs.inspection import MOST_SECTIONS, DatasetFacts, Inspection
from emstream.jobs.record import Plan, Request
from emstream.models.recipes import Choice
from emstream.readers.confined import held
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
        plan, doubt = _planned(reader, request, choices)
    except (InputUnreadable, UsageError) as error:
        return Inspection(datasets=datasets, problem=str(error))
    return Inspection(
        shape_zyx=plan.shape_zyx,
        dtype=plan.dtype,
        dataset=chosen,
        datasets=datasets,
        voxel_size_nm=reader.facts.voxel_size_nm if doubt else plan.voxel_size_nm,
        voxel_size_source="read from the input" if doubt else plan.voxel_size_source,
        voxel_size_doubt=doubt,
        sections=tuple(reader.facts.names[:MOST_SECTIONS]),
        source=plan.source,
        warnings=plan.warnings,
    )


def _planned(reader: StackReader, request: Request, choices: Sequence[Choice]) -> tuple[Plan, str | None]:
    """Return the plan, and what is wrong with the voxel size: the user can still correct it."""
    try:
        return make_plan(reader, request, choices), None
    except WrongVoxelSize as error:
        return make_plan(reader, request, choices, is_sized=False), str(error)


def _datasets(path: Path, wanted: str | None) -> tuple[tuple[DatasetFacts, ...], str | None]:
    """Return the data sets that may be the stack in the HDF5 file, or folder, `path`, and the chosen one."""
    files = sorted(p for p in path.glob("*") if p.is_file()) if path.is_dir() else [path]
    if len(files) != 1 or not files[0].is_file() or kind_of(files[0]) is not HDF5:
        return (), None
    try:
        with held(files[0]) as place, h5py.File(place, "r", locking=False) as file:
            found, _ = find_candidates(file)
            facts = tuple(DatasetFacts(name=c.path, shape=c.shape, dtype=str(c.dtype)) for c in found)
            try:
                return facts, choose_dataset(file, path.name, wanted)[0].path
            except InputUnreadable:
                return facts, None
    except OSError:
        return (), None  # the reader says what is wrong with the file


MOST_SIDE = 640
STRETCH_PERCENTILES = (0.5, 99.5)
"""The picture is for finding one's way: other grey values than the network's are no harm, pale stacks would be."""


def draw_section(reader: StackReader, z_index: int) -> bytes:
    """Return section `z_index` as an 8-bit grey PNG whose longer side is at most 640, each pixel the mean of a square.

    Largest array: the rows that the reader gives at once. Raises what reading raises.
    """
    _, height, width = reader.facts.shape_zyx
    step = -(-max(height, width) // MOST_SIDE)
    sums = np.zeros((-(-height // step), -(-width // step)), np.float32)
    for rows in reader.blocks(z_index, z_index + 1):
        across = np.add.reduceat(rows.values[0], np.arange(0, width, step), axis=1, dtype=np.float32)
        np.add.at(sums, (rows.y + np.arange(len(across))) // step, across)
    counts = np.outer(_counts(height, step), _counts(width, step))
    return bytes(imagecodecs.png_encode(_stretched(np.nan_to_num(sums / counts)), level=6))


def _counts(length: int, step: int) -> NDArray[np.float32]:
    """Return how many pixels of a side fall into each step; the last one may have fewer."""
    return np.minimum(step, length - np.arange(0, length, step)).astype(np.float32)


def _stretched(means: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = np.percentile(means, STRETCH_PERCENTILES)
    scaled = (means - low) * (255 / max(float(high - low), 1e-6))
    return np.asarray(np.clip(scaled, 0, 255), np.uint8)
