"""OME-Zarr 0.5 (Zarr version 3), zipped: metadata and chunks are written without a library.

A volume is a multiscale group with the levels of its pyramid; several volumes are groups of one store. Chunks are
(1, 1024, 1024), zstd; a chunk of zeros is left out and reads as the fill value 0. In colour, axes are (c, z, y, x).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import imagecodecs
import numpy as np

from emstream.volume.geometry import pyramid_levels
from emstream.volume.parallel import mapped
from emstream_postprocess.exports.archive import Archive, archive
from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.slab_reader import level_size
from emstream_postprocess.exports.volumes import Advance, ExportedVolume, Rows

CHUNK = 1024
"""Side of a chunk in pixels."""
LEVEL = 3
"""Compression level of zstd."""
_COLOURS = 3


def write(part: Path, volumes: Sequence[ExportedVolume], provenance: Provenance, advance: Advance) -> None:
    """Write a ZIP that is the store. Largest arrays held: a few bands of 1024 rows."""
    with archive(part) as made:
        if len(volumes) > 1:
            _add_json(made, "", {"attributes": {"emstream": provenance.facts}, **_GROUP})
        for volume in volumes:
            _write_volume(made, f"{volume.name}/" if len(volumes) > 1 else "", volume, provenance, advance)


def _write_volume(made: Archive, prefix: str, volume: ExportedVolume, provenance: Provenance, advance: Advance) -> None:
    for parent in itertools.accumulate(prefix.split("/")[:-2], lambda above, name: f"{above}/{name}"):
        _add_json(made, f"{parent}/", {"attributes": {}, **_GROUP})
    levels = range(pyramid_levels((volume.shape[1], volume.shape[2])))
    attributes = {
        "ome": _multiscale(volume, provenance, len(levels)),
        "emstream": provenance.facts,
        "meaning": volume.meaning,
    }
    _add_json(made, prefix, {"attributes": attributes, **_GROUP})
    for level in levels:
        _add_json(made, f"{prefix}{level}/", _array(volume, level))
        bands = _bands(volume, level, advance if level == 0 else lambda: None)
        for chunks in mapped(_encoded, bands):
            for name, content in chunks:
                made.add(f"{prefix}{level}/c/{name}", content)


_GROUP = {"zarr_format": 3, "node_type": "group"}


def _add_json(made: Archive, folder: str, content: object) -> None:
    made.add(f"{folder}zarr.json", json.dumps(content, indent=1).encode())


def _multiscale(volume: ExportedVolume, provenance: Provenance, levels: int) -> dict[str, object]:
    known = [edge is not None for edge in provenance.voxel_size_nm or (None, None, None)]
    space = [
        {"name": axis, "type": "space"} | ({"unit": "nanometer"} if is_known else {})
        for axis, is_known in zip("zyx", known, strict=True)
    ]
    axes = [*[{"name": "c", "type": "channel"}] * volume.is_colour, *space]
    datasets = [
        {"path": str(level), "coordinateTransformations": _transformations(volume, provenance, level)}
        for level in range(levels)
    ]
    return {"version": "0.5", "multiscales": [{"name": volume.name, "axes": axes, "datasets": datasets}]}


def _transformations(volume: ExportedVolume, provenance: Provenance, level: int) -> list[dict[str, object]]:
    """Return scale and translation: a pixel of a level is at the middle of the pixels that it is made of."""
    thickness, y, x = provenance.voxel_size_nm or (1.0, 1.0, 1.0)
    z = 1.0 if thickness is None else thickness  # a scale must be a number: without a unit it counts sections
    factor = 1 << level
    places = provenance.first_zyx if provenance.voxel_size_nm else (0, 0, 0)
    first = [place * edge for place, edge in zip(places, (z, y, x), strict=True)]
    shift = (factor - 1) / 2
    scale = [*[1.0] * volume.is_colour, z, y * factor, x * factor]
    translation = [*[0.0] * volume.is_colour, first[0], first[1] + y * shift, first[2] + x * shift]
    return [{"type": "scale", "scale": scale}, {"type": "translation", "translation": translation}]


def _array(volume: ExportedVolume, level: int) -> dict[str, object]:
    shape = [*[_COLOURS] * volume.is_colour, len(volume.sections), *level_size(volume.plan, level)]
    chunks = [*[1] * volume.is_colour, 1, CHUNK, CHUNK]
    names = [*["c"] * volume.is_colour, "z", "y", "x"]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": volume.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}}
            if volume.dtype.itemsize > 1
            else {"name": "bytes"},
            {"name": "zstd", "configuration": {"level": LEVEL, "checksum": False}},
        ],
        "dimension_names": names,
        "attributes": {},
    }


def _bands(volume: ExportedVolume, level: int, advance: Advance) -> Iterator[tuple[int, int, Rows]]:
    """Yield (section, row of chunks, rows), each band as high as a chunk or up to the lower edge."""
    for index, z in enumerate(volume.sections):
        gathered: list[Rows] = []
        for y, rows in volume.strips(z, level):
            advance()
            gathered.append(rows)
            if (y + len(rows)) % CHUNK == 0:
                yield index, y // CHUNK, np.concatenate(gathered)
                gathered = []
        if gathered:
            yield index, level_size(volume.plan, level)[0] // CHUNK, np.concatenate(gathered)


def _encoded(band: tuple[int, int, Rows]) -> list[tuple[str, bytes]]:
    index, row, rows = band
    planes = [(f"{c}/", rows[:, :, c]) for c in range(_COLOURS)] if rows.ndim == _COLOURS else [("", rows)]
    found = []
    for channel, plane in planes:
        for column, x in enumerate(range(0, plane.shape[1], CHUNK)):
            values = plane[:, x : x + CHUNK]
            if values.any():
                chunk = np.zeros((CHUNK, CHUNK), rows.dtype)
                chunk[: values.shape[0], : values.shape[1]] = values
                content = bytes(imagecodecs.zstd_encode(chunk.tobytes(), level=LEVEL))
                found.append((f"{channel}{index}/{row}/{column}", content))
    return found
