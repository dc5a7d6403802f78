"""TIFF exports: one stack, or a ZIP of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emstream_postprocess.exports.archive import archive, file_name
from emstream_postprocess.exports.provenance import Provenance
from emstream_postprocess.exports.tiff_stack import TiffStack, write_tiff_stack
from emstream_postprocess.exports.volumes import Advance, ExportedVolume, Rows


def write(part: Path, volumes: Sequence[ExportedVolume], provenance: Provenance, advance: Advance) -> None:
    """Write one TIFF, or a ZIP of several, each through a file of its own: TIFF's writer goes back and forth.

    Largest arrays held: a few strips.
    """
    if len(volumes) == 1:
        _write_volume(part, volumes[0], provenance, advance)
        return
    one = part.with_name(f"{part.name.removesuffix('.part')}.one.part")
    try:
        with archive(part, provenance) as made:
            for volume in volumes:
                _write_volume(one, volume, provenance, advance)
                made.add_file(f"{file_name(volume)}.tif", one)
    finally:
        one.unlink(missing_ok=True)


def _write_volume(part: Path, volume: ExportedVolume, provenance: Provenance, advance: Advance) -> None:
    stack = TiffStack(volume.shape, volume.dtype, provenance.voxel_size_um, provenance.text, volume.name)
    write_tiff_stack(part, stack, _strips(volume, advance))


def _strips(volume: ExportedVolume, advance: Advance) -> Iterator[Rows]:
    for z in volume.sections:
        for _, rows in volume.strips(z):
            advance()
            yield rows
