"""MRC files (.mrc, .rec, .st): the header, the sign of bytes, the voxel size, and sections read in place.

Rows are delivered as they are stored, the first one first, so that an index here is an index there. The standard has
the origin at the lower left, and 3dmod, Fiji and ChimeraX show the first row at the bottom: a warning says so.

The header is decoded from its 1024 bytes with mrcfile's definition of the fields and not with `mrcfile.open`, which
would warn where we must refuse or decide: byte order, old files without a mark, truncated data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

from emstream.errors import DamagedFile, UnsupportedFormat
from emstream.readers.confined import held
from emstream.readers.limits import check_claim
from emstream.readers.stack import Grey, Rows, StackFacts, StackReader
from emstream.readers.uncompressed import PlainVoxels
from emstream.volume.voxel_size import VoxelSize, plausible_voxel_size, voxel_in_words

HEADER_BYTES = 1024
MODES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_REFUSED = {3: "complex", 4: "complex", 16: "RGB colour", 101: "4-bit"}
_IMOD_STAMP = 1146047817
_STAMP_AT, _FLAGS_AT = 152, 156
_SIGNED_BYTES = 1  # bit of imodFlags
_SAMPLED_SECTIONS, _SAMPLED_ROWS = 8, 256
_CLEARLY_NARROWER = 0.75
_ANGSTROM_NM = 0.1
ROWS_NOTE = (
    "rows of MRC are used as stored, the first one on top; 3dmod, Fiji and ChimeraX show it at the bottom: turn "
    "masks saved as TIFF or PNG over (Image > Transform > Flip Vertically) to lay them on the picture there"
)


@dataclass(frozen=True, slots=True)
class MrcHeader:
    """The fields of a header that are used. byte_order: "<" or ">"; imod_flags: None without IMOD's stamp."""

    shape_zyx: tuple[int, int, int]
    mode: int
    byte_order: Literal["<", ">"]
    data_offset: int
    voxel_size_nm: VoxelSize | None
    axes: tuple[int, int, int]
    imod_flags: int | None


class MrcStack(StackReader):
    """An MRC file as a stack. Largest array: one section."""

    def __init__(self, path: Path) -> None:
        header = read_mrc_header(path)
        depth, height, width = header.shape_zyx
        stored = np.dtype(MODES[header.mode]).newbyteorder(header.byte_order)
        voxels = PlainVoxels(path, header.data_offset, stored, depth, (height, width))
        check_claim(path.name, width, height, voxels.section_bytes, path.stat().st_size, 2**40)
        voxels.check_length()
        sign, warnings = "", _axis_warnings(path.name, header)
        if header.mode == 0:
            is_signed, sign = _byte_sign(header, voxels)
            voxels = PlainVoxels(
                path, header.data_offset, np.dtype("i1" if is_signed else "u1"), depth, (height, width)
            )
            if header.imod_flags is None:
                warnings = (*warnings, f"{path.name}: {sign}. If the sections look wrong, convert the file to TIFF.")
        self._voxels = voxels
        self._facts = StackFacts(
            shape_zyx=header.shape_zyx,
            dtype=_delivered(voxels.dtype),
            voxel_size_nm=header.voxel_size_nm,
            names=tuple(f"section {z}" for z in range(depth)),
            warnings=(*warnings, ROWS_NOTE),
            source=f"MRC {path.name}, mode {header.mode}" + (f", {sign}" if sign else ""),
            origin={"format": "MRC", "mode": str(header.mode)},
        )

    @property
    def facts(self) -> StackFacts:
        """Return what the header says."""
        return self._facts

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        """Yield one section after the other."""
        for z in range(z_start, z_stop):
            yield Rows(z, 0, self.sample(z)[np.newaxis])

    def sample(self, z: int) -> Grey:
        """Return section z, its rows as stored."""
        return self._voxels.read(z).astype(self._facts.dtype, copy=False)

    def close(self) -> None:
        """Do nothing: the file is open only while a section is read."""


def read_mrc_header(path: Path) -> MrcHeader:
    """Return an MRC file's header. Raises DamagedFile and, for modes that are no grey values, UnsupportedFormat."""
    with held(path) as place, place.open("rb") as file:
        start = file.read(HEADER_BYTES)
    if len(start) < HEADER_BYTES:
        raise DamagedFile(
            f"{path.name} is truncated: an MRC header has {HEADER_BYTES} bytes, the file {len(start)}. Copy it again."
        )
    byte_order = _byte_order(start)
    fields = np.frombuffer(start, HEADER_DTYPE.newbyteorder(byte_order))[0]
    mode = int(fields["mode"])
    shape = (int(fields["nz"]), int(fields["ny"]), int(fields["nx"]))
    if mode in _REFUSED:
        raise UnsupportedFormat(
            f"{path.name} is MRC of mode {mode} ({_REFUSED[mode]}); grey modes 0, 1, 2, 6 and 12 are read. Convert it."
        )
    if mode not in MODES or min(shape) < 1 or int(fields["nsymbt"]) < 0:
        raise DamagedFile(f"{path.name} has no sound MRC header (mode {mode}, shape {shape}). Export it again.")
    stamp, flags = (_integer(start, at, byte_order) for at in (_STAMP_AT, _FLAGS_AT))
    axes = int(fields["mapc"]), int(fields["mapr"]), int(fields["maps"])
    return MrcHeader(
        shape_zyx=shape,
        mode=mode,
        byte_order=byte_order,
        data_offset=HEADER_BYTES + int(fields["nsymbt"]),
        voxel_size_nm=_voxel_size(fields, axes),
        axes=axes,
        imod_flags=flags if stamp == _IMOD_STAMP else None,
    )


def _byte_order(start: bytes) -> Literal["<", ">"]:
    """Return the order by the machine stamp, or, as many files have a wrong one, the one that makes the mode valid."""
    little, big = (_integer(start, 12, order) in (*MODES, *_REFUSED) for order in "<>")
    if little == big:  # mode 0 reads the same in both, and so does nonsense
        return ">" if start[212] == 0x11 else "<"
    return "<" if little else ">"


def _integer(start: bytes, at: int, byte_order: str) -> int:
    return int.from_bytes(start[at : at + 4], "little" if byte_order == "<" else "big", signed=True)


def _voxel_size(fields: np.void, axes: tuple[int, int, int]) -> VoxelSize | None:
    """Return the cell divided by the grid, Å to nm, of sections, rows and columns.

    axes: the cell's axis (1, 2, 3 for X, Y, Z) along columns, rows, and sections. 1 Å is what programs write for "not
    known": all round, or of the sections alone.
    """
    sizes = [
        float(fields["cella"][axis]) / int(fields[grid]) if int(fields[grid]) > 0 else 0.0
        for axis, grid in (("x", "mx"), ("y", "my"), ("z", "mz"))
    ]
    x, y, z = (sizes[axis - 1] for axis in (axes if sorted(axes) == [1, 2, 3] else (1, 2, 3)))
    is_default = [math.isclose(size, 1.0, rel_tol=1e-4) for size in (z, y, x)]
    if all(is_default):
        return None
    return plausible_voxel_size((None if is_default[0] else z * _ANGSTROM_NM, y * _ANGSTROM_NM, x * _ANGSTROM_NM))


def _axis_warnings(name: str, header: MrcHeader) -> tuple[str, ...]:
    if header.axes in ((1, 2, 3), (0, 0, 0)):
        return ()
    if sorted(header.axes) != [1, 2, 3]:
        return (
            f"{name} names axes that do not exist, {header.axes}: columns, rows and sections were read as x, y and z.",
        )
    columns, rows, sections = ("XYZ"[axis - 1] for axis in header.axes)
    return (
        f"{name} has its columns along {columns}, its rows along {rows} and its sections along {sections}: the "
        "sections are read as they are stored, with the voxel size of these axes "
        f"({voxel_in_words(header.voxel_size_nm)}).",
    )


def _byte_sign(header: MrcHeader, voxels: PlainVoxels) -> tuple[bool, str]:
    """Return whether mode 0 means signed bytes, and the sentence that says why."""
    if header.imod_flags is not None:
        is_signed = bool(header.imod_flags & _SIGNED_BYTES)
        return is_signed, f"{'signed' if is_signed else 'unsigned'} bytes by IMOD's flags"
    is_signed = looks_signed(_byte_counts(voxels))
    return is_signed, f"bytes taken as {'signed' if is_signed else 'unsigned'} by their histogram, as no stamp says it"


def _byte_counts(voxels: PlainVoxels) -> NDArray[np.int64]:
    """Return the counts (256,) of the byte values in a band of rows of a few sections."""
    counts = np.zeros(256, np.int64)
    rows = min(_SAMPLED_ROWS, voxels.section_shape[0])
    first = (voxels.section_shape[0] - rows) // 2
    for z in np.unique(np.linspace(0, voxels.sections - 1, _SAMPLED_SECTIONS).astype(int)):
        counts += np.bincount(voxels.read(int(z), first, first + rows).view(np.uint8).reshape(-1), minlength=256)
    return counts


def looks_signed(counts: NDArray[np.int64]) -> bool:
    """Return whether bytes with these counts (256,), by unsigned value, make sense only as signed numbers.

    Read with the wrong sign, a distribution is cut in the middle and its halves go to both ends: it becomes much wider.
    The four end values are left out, since clipped data pile up there. Unsigned, which IMOD writes, wins if in doubt.
    """
    inner = counts.astype(np.float64)
    inner[[0, 127, 128, 255]] = 0
    if inner.sum() == 0:
        return False
    unsigned = np.arange(256)
    signed = np.where(unsigned < 128, unsigned, unsigned - 256)
    return _width(signed, inner) < _CLEARLY_NARROWER * _width(unsigned, inner)


def _width(values: NDArray[np.int64], counts: NDArray[np.float64]) -> float:
    mean = np.average(values, weights=counts)
    return math.sqrt(float(np.average((values - mean) ** 2, weights=counts)))


def _delivered(stored: np.dtype[np.generic]) -> np.dtype[np.generic]:
    return np.dtype(np.float32) if stored.itemsize == 2 and stored.kind == "f" else stored.newbyteorder("=")
