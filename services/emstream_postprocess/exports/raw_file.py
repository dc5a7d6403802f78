"""RAW: bare voxels, with two files that describe them: JSON, and NRRD's detached header."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from emstream_postprocess.exports.archive import archive, file_name
from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.volumes import Advance, ExportedVolume


def write(part: Path, volumes: Sequence[ExportedVolume], provenance: Provenance, advance: Advance) -> None:
    """Write a ZIP of <volume>.raw, .json and .nhdr. Largest array held: a strip."""
    with archive(part, provenance) as made:
        for volume in volumes:
            name = file_name(volume)
            with made.entry(f"{name}.raw") as entry:
                for z in volume.sections:
                    for _, rows in volume.strips(z):
                        advance()
                        entry.write(rows.astype(volume.dtype.newbyteorder("<"), copy=False).tobytes())
            made.add(f"{name}.json", _sidecar(volume, provenance).encode())
            made.add(f"{name}.nhdr", nrrd_header(volume, provenance, f"{name}.raw").encode())


def _sidecar(volume: ExportedVolume, provenance: Provenance) -> str:
    facts = {
        "file": f"{file_name(volume)}.raw",
        "shape": list(volume.shape),
        "axes": "zyxc" if volume.is_colour else "zyx",
        "dtype": str(volume.dtype),
        "byte_order": "little",
        "meaning": volume.meaning,
        "voxel_size_nm": provenance.voxel_size_nm,
        "emstream": provenance.facts,
    }
    return json.dumps(facts, indent=1)


def nrrd_header(volume: ExportedVolume, provenance: Provenance, data_file: str) -> str:
    """Return a detached NRRD header; its axes run from the fastest to the slowest, so colour, x, y, z."""
    sizes = list(reversed(volume.shape))
    lines = [
        "NRRD0004",
        "# made by emstream",
        f"type: {volume.dtype.name}",
        f"dimension: {len(sizes)}",
        f"sizes: {' '.join(map(str, sizes))}",
        f"kinds: {'RGB-color ' * volume.is_colour}domain domain domain",
    ]
    if provenance.voxel_size_nm is not None:
        edges = provenance.voxel_size_nm[::-1]
        spacings = [*["nan"] * volume.is_colour, *("nan" if edge is None else f"{edge:g}" for edge in edges)]
        units = [*['""'] * volume.is_colour, *('""' if edge is None else '"nm"' for edge in edges)]
        lines += [f"spacings: {' '.join(spacings)}", f"units: {' '.join(units)}"]
    lines += ["encoding: raw", "endian: little", f"data file: {data_file}"]
    lines += [f"meaning:={volume.meaning}", f"emstream:={json.dumps(provenance.facts)}", ""]
    return "\n".join(lines)
