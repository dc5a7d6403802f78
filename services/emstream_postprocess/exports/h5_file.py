"""HDF5: a data set per volume, gzip, with voxel sizes as the programs of ilastik's and CREMI's families read them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from emstream.volume.files import created
from emstream.volume.parallel import mapped
from emstream.volume.planes import CHUNK
from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.volumes import Advance, ExportedVolume, Rows
from emstream_postprocess.result_files import size_attributes

_Chunks = list[tuple[tuple[int, ...], bytes]]


def write(part: Path, volumes: Sequence[ExportedVolume], provenance: Provenance, advance: Advance) -> None:
    """Write the file. Largest arrays held: a few strips."""
    with created(part) as file:
        file.attrs["emstream"] = provenance.text
        for volume in volumes:
            dataset = _create(file, volume)
            _describe(dataset, volume, provenance)
            for chunks in mapped(partial(_encoded, dataset.chunks), _strips(volume, advance)):
                for corner, content in chunks:
                    dataset.id.write_direct_chunk(corner, content)


def _create(file: h5py.File, volume: ExportedVolume) -> h5py.Dataset:
    _, height, width, *colours = volume.shape
    chunks = (1, min(CHUNK, height), min(CHUNK, width), *colours)
    return file.create_dataset(
        volume.name,
        volume.shape,
        volume.dtype,
        chunks=chunks,
        compression="gzip",
        compression_opts=1,
        track_times=False,
    )


def _describe(dataset: h5py.Dataset, volume: ExportedVolume, provenance: Provenance) -> None:
    dataset.attrs["axes"] = "zyxc" if volume.is_colour else "zyx"
    dataset.attrs["meaning"] = volume.meaning
    dataset.attrs.update(size_attributes(provenance.voxel_size_nm, provenance.first_zyx))


def _strips(volume: ExportedVolume, advance: Advance) -> Iterator[tuple[int, int, Rows]]:
    for index, z in enumerate(volume.sections):
        for y, rows in volume.strips(z):
            advance()
            yield index, y, rows


def _encoded(chunk_shape: tuple[int, ...], strip: tuple[int, int, Rows]) -> _Chunks:
    index, y, rows = strip
    width, rest = chunk_shape[2], [0] * (rows.ndim - 2)
    found: _Chunks = []
    for x in range(0, rows.shape[1], width):
        values = rows[:, x : x + width]
        if not values.any():
            continue  # an absent chunk reads as 0
        chunk = np.zeros(chunk_shape[1:], rows.dtype)
        chunk[: values.shape[0], : values.shape[1]] = values
        found.append(((index, y, x, *rest), zlib.compress(chunk.tobytes(), 1)))
    return found
