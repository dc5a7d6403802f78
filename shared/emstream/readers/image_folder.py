"""A folder of section images as a stack: PNG, JPEG and one-page TIFF files in natural order of their names.

At opening every header is read and no pixel: sizes and types must agree. Sections are decoded one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from emstream.errors import DamagedFile, EmptyInput, InputUnreadable, MixedSizes, UnsupportedFormat
from emstream.readers.confined import entries
from emstream.readers.formats import ALLOWED, IMAGE_KINDS, IMAGE_SUFFIXES, TIFF, kind_of, known_kind
from emstream.readers.grey import COLOUR_RULE
from emstream.readers.images import ImageHeader, decode_image, read_image_header
from emstream.readers.section_numbers import in_natural_order, listed, natural_key, numbering_warnings
from emstream.readers.stack import Grey, Rows, StackFacts, StackReader
from emstream.volume.voxel_size import VoxelSize, voxel_in_words


class SectionStack(StackReader):
    """Image files, one section each. Largest array: one section (with its channels while it is decoded).

    are_labels: values are numbers, as `open_labels` has them; their types may differ, and the widest is delivered.
    """

    def __init__(self, paths: Sequence[Path], warnings: Sequence[str] = (), are_labels: bool = False) -> None:
        self._paths = tuple(paths)
        self._are_labels = are_labels
        headers = [_read_header(path, are_labels) for path in self._paths]
        if are_labels:
            widest = np.result_type(*{header.dtype for header in headers})
            headers = [replace(header, dtype=widest) for header in headers]
        _check_alike(self._paths, headers)
        self._facts = _facts(self._paths, headers, warnings)

    @property
    def facts(self) -> StackFacts:
        """Return what the files' headers say."""
        return self._facts

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        """Yield one section after the other."""
        for z in range(z_start, z_stop):
            yield Rows(z, 0, self.sample(z)[np.newaxis])

    def sample(self, z: int) -> Grey:
        """Return section z. Raises DamagedFile, also if the file was changed since the stack was opened."""
        path = self._paths[z]
        values = _decode(path, f"{path.name} (section {z + 1})", self._are_labels)
        if self._are_labels:
            values = values.astype(self._facts.dtype, copy=False)
        if values.shape != self._facts.shape_zyx[1:] or values.dtype != self._facts.dtype:
            raise DamagedFile(
                f"{path.name} (section {z + 1}) was changed while the stack was read. Start the job again."
            )
        return values

    def close(self) -> None:
        """Do nothing: files are open only while a section is decoded."""


def find_sections(folder: Path) -> tuple[list[Path], list[str]]:
    """Return a folder's section files in natural order, and a sentence on the skipped ones.

    Sections are files whose name or content is PNG, JPEG or TIFF; hidden files, folders and others are skipped.
    """
    sections: list[Path] = []
    skipped: list[Path] = []
    for path in sorted(entries(folder), key=lambda path: natural_key(path.name)):
        (sections if _is_section(path) else skipped).append(path)
    sections = in_natural_order(sections, lambda path: path.name)
    folders = sorted({path.name.rpartition("\\")[0] for path in sections})
    if len(folders) > 1:
        found = listed([name or "no folder" for name in folders])
        raise UnsupportedFormat(
            f"{folder.name} holds files whose names are paths of Windows ({found}): they are several stacks. "
            "Put the files of each into a folder of its own."
        )
    if not skipped:
        return sections, []
    names = [path.name + ("/" if path.is_dir() else "") for path in skipped]
    return sections, [f"Skipped in {folder.name}, as they are no section images: {listed(names)}."]


def open_sections(
    folder: Path,
    sections: Sequence[Path],
    said: tuple[Sequence[str], Mapping[str, str]],
    are_labels: bool = False,
) -> SectionStack:
    """Return a folder's sections as a stack, with warnings on their numbering. Raises EmptyInput if there are none.

    said: warnings of the search, and the user's names of files, by their names here.
    """
    warnings, names = said
    if not sections:
        found = f" {warnings[0]}" if warnings else ""
        raise EmptyInput(f"{folder.name} holds no {IMAGE_KINDS} sections.{found} Give {ALLOWED}.")
    return SectionStack(
        sections,
        (*warnings, *numbering_warnings([names.get(path.name, path.name) for path in sections])),
        are_labels,
    )


def _is_section(path: Path) -> bool:
    if path.name.startswith(".") or not path.is_file():
        return False
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return True
    kind = kind_of(path)
    return kind is not None and kind.is_image


def _read_header(path: Path, are_labels: bool) -> ImageHeader:
    kind = known_kind(path)
    if kind is TIFF:
        return _read_tiff_header(path, are_labels)
    if kind.is_image:
        return read_image_header(path, are_labels)
    raise UnsupportedFormat(
        f"{path.name} is {kind.kind}, among section images; give such a file by itself, not in a folder."
    )


def _read_tiff_header(path: Path, are_labels: bool) -> ImageHeader:
    from emstream.readers.tiff.reader import TiffStack  # tifffile is loaded only for TIFF

    with TiffStack(path, are_labels=are_labels) as stack:
        depth, height, width = stack.facts.shape_zyx
        if depth != 1:
            raise UnsupportedFormat(
                f"{path.name} is a TIFF stack of {depth} sections in a folder of several files. "
                "Give the stack file itself, or a folder of single sections."
            )
        return ImageHeader((height, width), stack.facts.dtype, stack.is_colour, voxel_size_nm=stack.facts.voxel_size_nm)


def _decode(path: Path, what: str, are_labels: bool) -> Grey:
    try:
        if kind_of(path) is not TIFF:
            return decode_image(path, what, are_labels)
        from emstream.readers.tiff.reader import TiffStack

        with TiffStack(path, are_labels=are_labels) as stack:
            return stack.sample(0)
    except FileNotFoundError as error:
        raise InputUnreadable(f"{what} is no longer there. Put it back and start the job again.") from error


def _check_alike(paths: Sequence[Path], headers: Sequence[ImageHeader]) -> None:
    """Raise MixedSizes or UnsupportedFormat naming the first section and the first one that differs from it."""
    first = headers[0]
    for path, header in zip(paths, headers, strict=True):
        if header.size_yx != first.size_yx:
            raise MixedSizes(
                f"{paths[0].name} has {_size(first)} pixels and {path.name} has {_size(header)}; all sections must "
                "have one size. Crop or pad them, or remove files that are not part of the stack."
            )
        if header.dtype != first.dtype:
            raise UnsupportedFormat(
                f"{paths[0].name} has pixels of type {first.dtype} and {path.name} of type {header.dtype}; "
                "all sections must have one type. Convert them."
            )


def _size(header: ImageHeader) -> str:
    return f"{header.size_yx[1]} x {header.size_yx[0]}"


def _facts(paths: Sequence[Path], headers: Sequence[ImageHeader], warnings: Sequence[str]) -> StackFacts:
    first = headers[0]
    facts = StackFacts(
        shape_zyx=(len(paths), *first.size_yx),
        dtype=first.dtype,
        voxel_size_nm=first.voxel_size_nm,
        names=tuple(path.name for path in paths),
        warnings=tuple(warnings),
        source=f"{len(paths)} section images, {paths[0].name} to {paths[-1].name}, in natural order of their names",
        origin={"format": "sections"},
    )
    if any(header.is_colour for header in headers):
        facts = replace(facts, source=f"{facts.source}; {COLOUR_RULE}")
    if any(header.is_reduced for header in headers):
        sentence = "PNG files with several channels of 16 bits were read with 8 bits; save them as grey to keep 16."
        facts = replace(facts, warnings=(*facts.warnings, sentence))
    return replace(facts, warnings=(*facts.warnings, *_size_warnings(paths, headers)))


def _size_warnings(paths: Sequence[Path], headers: Sequence[ImageHeader]) -> list[str]:
    """Return a warning that names the first section whose voxel size is not that of the first one."""
    first = headers[0].voxel_size_nm
    other = next((i for i, header in enumerate(headers) if not _are_alike(header.voxel_size_nm, first)), None)
    if other is None:
        return []
    return [
        f"sections differ in their voxel size: {paths[0].name} states {voxel_in_words(first)}, {paths[other].name} "
        f"{voxel_in_words(headers[other].voxel_size_nm)}. The first one's is used: check it, or give --pixel-size"
    ]


def _are_alike(one: VoxelSize | None, other: VoxelSize | None) -> bool:
    """Return whether two voxel sizes are the same, but for 1 % of rounding."""
    if one is None or other is None or (one[0] is None) != (other[0] is None):
        return one == other
    return np.allclose([edge or 0 for edge in one], [edge or 0 for edge in other], rtol=0.01)
