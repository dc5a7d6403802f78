"""Opening of a stack, whatever its format: the one entry to all readers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from emstream.errors import DatasetNotFound, InputUnreadable, TooLarge, UnsupportedFormat, UsageError
from emstream.readers.confined import entries
from emstream.readers.formats import ALLOWED, HDF5, JPEG, MRC, PNG, TIFF, kind_of, known_kind
from emstream.readers.image_folder import SectionStack, find_sections, open_sections
from emstream.readers.stack import RegionReader, StackReader

if TYPE_CHECKING:
    from emstream.jobs.record import Request


class Open(Protocol):
    """Opens a file of one format, whose library is loaded only then.

    dataset: of formats that have several. are_labels: values are numbers of classes or objects, not grey values.
    """

    def __call__(self, path: Path, dataset: str | None, are_labels: bool = False) -> StackReader: ...


def _open_image(path: Path, dataset: str | None, are_labels: bool = False) -> StackReader:
    return SectionStack([path], are_labels=are_labels)


def _open_tiff(path: Path, dataset: str | None, are_labels: bool = False) -> StackReader:
    from emstream.readers.tiff.reader import TiffStack

    return TiffStack(path, are_labels=are_labels)


def _open_hdf5(path: Path, dataset: str | None, are_labels: bool = False) -> StackReader:
    from emstream.readers.hdf5.reader import Hdf5Stack

    return Hdf5Stack(path, dataset, are_labels)


def _open_mrc(path: Path, dataset: str | None, are_labels: bool = False) -> StackReader:
    from emstream.readers.mrc import MrcStack

    return MrcStack(path)


OPENERS: dict[str, Open] = {
    PNG.kind: _open_image,
    JPEG.kind: _open_image,
    TIFF.kind: _open_tiff,
    HDF5.kind: _open_hdf5,
    MRC.kind: _open_mrc,
}
"""The function that opens a file, for each format."""


def open_stack(
    path: Path, dataset: str | None = None, max_voxels: int | None = None, names: Mapping[str, str] | None = None
) -> StackReader:
    """Return an open reader for a folder or file, chosen by its content.

    dataset: which dataset of an HDF5 file. max_voxels: the largest stack allowed, in voxels of the whole stack.
    names: the user's names of section files, by their names here (uploads are stored under generated names).
    Raises an InputUnreadable whose sentence names the file, what is allowed, and what to do.
    """
    reader = _open_folder(path, dataset, names or {}) if path.is_dir() else _open_file(path, dataset)
    depth, height, width = reader.facts.shape_zyx
    if max_voxels is not None and depth * height * width > max_voxels:
        reader.close()
        raise TooLarge(
            f"{path.name} has {depth} x {height} x {width} voxels (z, y, x), {depth * height * width} in all; "
            f"at most {max_voxels} are allowed here. Cut the stack into parts."
        )
    return reader


def open_labels(path: Path, dataset: str | None = None) -> StackReader:
    """Return an open reader of labels or masks: values are numbers of classes or objects, and not grey values.

    Values are delivered as stored, whatever shows them: a TIFF's inverting LUT changes nothing, and a pixel of a
    coloured palette is its index. In RGB black is 0 and every other colour has a number of its own. Integers of 64
    bits are read, and an HDF5 file's raw data are never taken for labels. Raises what open_stack raises.
    """
    return _open_folder(path, dataset, {}, True) if path.is_dir() else _open_file(path, dataset, True)


def open_request(
    path: Path, request: Request, max_voxels: int | None = None, names: Mapping[str, str] | None = None
) -> StackReader:
    """Return an open reader of a job's input: the stack at `path`, or the region of it that the request names.

    Raises what open_stack raises, and UsageError for a region that is not inside the stack.
    """
    whole = open_stack(path, request.dataset, max_voxels, names)
    try:
        return whole if request.region is None else RegionReader(whole, request.region)
    except UsageError:
        whole.close()
        raise


def _open_file(path: Path, dataset: str | None, are_labels: bool = False) -> StackReader:
    if not path.exists():
        raise InputUnreadable(f"{path} does not exist; give {ALLOWED}.")
    if not path.is_file():
        raise InputUnreadable(f"{path} is neither a file nor a folder; give {ALLOWED}.")
    kind = known_kind(path)
    if dataset is not None and not kind.has_datasets:
        raise DatasetNotFound(f"{path.name} is {kind.kind}, which has no datasets: leave out --dataset {dataset}.")
    return OPENERS[kind.kind](path, dataset, are_labels)


def _open_folder(folder: Path, dataset: str | None, names: Mapping[str, str], are_labels: bool = False) -> StackReader:
    """Open a folder of sections, or the one stack file that a folder holds."""
    try:
        sections, warnings = find_sections(folder)
    except OSError as error:
        raise InputUnreadable(f"{folder} cannot be listed: {error.strerror}. Check its permissions.") from error
    stacks = [] if sections else _stack_files(folder)
    if len(stacks) > 1:
        found = ", ".join(path.name for path in stacks[:5])
        raise UnsupportedFormat(f"{folder.name} holds {len(stacks)} stack files ({found}); give one of them.")
    if stacks:
        return _open_file(stacks[0], dataset, are_labels)
    if dataset is not None and sections:
        raise DatasetNotFound(f"{folder.name} is a folder of images, which have no datasets: leave out --dataset.")
    if len(sections) == 1 and kind_of(sections[0]) is TIFF:  # it may hold all sections
        from emstream.readers.tiff.reader import TiffStack

        return TiffStack(sections[0], warnings, are_labels)
    return open_sections(folder, sections, (warnings, names), are_labels)


def _stack_files(folder: Path) -> list[Path]:
    files = [path for path in sorted(entries(folder)) if path.is_file() and not path.name.startswith(".")]
    kinds = ((path, kind_of(path)) for path in files)
    return [path for path, kind in kinds if kind is not None and kind.is_stack]
