"""Which files on this machine make which job: decided before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emstream.errors import EmptyInput, InputUnreadable
from emstream.readers.suffixes import CLUTTER, STACKS, TIFF


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to send. size: at the time of planning; it must not change until it is sent."""

    path: Path
    size: int

    @property
    def name(self) -> str:
        """How the service is to call it."""
        return self.path.name


@dataclass(frozen=True, slots=True)
class Sample:
    """The files of one job."""

    name: str
    files: tuple[LocalFile, ...]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(file.size for file in self.files)


def plan_samples(paths: Iterable[Path]) -> list[Sample]:
    """Return the samples that the paths mean.

    1. A folder with files is one sample, as for `emstream predict`; what lies deeper is left out.
    2. A folder with folders only is as many samples as those are.
    3. HDF5 and MRC files are a sample each, in folders too if there is nothing else; so are TIFF files given by name.
    4. Other files given by name are one sample together.
    Raises InputUnreadable for a path that is not there, EmptyInput if there is nothing to send.
    """
    samples: list[Sample] = []
    loose: list[Path] = []
    for path in paths:
        if path.is_dir():
            samples += _of_folder(path.absolute(), path.absolute().name)
        elif not path.is_file():
            raise InputUnreadable(f"{path} does not exist, or is neither a file nor a folder: give one that is")
        elif path.suffix.lower() in STACKS | {*TIFF}:
            samples.append(_sample(path.stem, [path]))
        else:
            loose.append(path)
    if loose:
        samples.append(_sample(loose[0].absolute().parent.name, loose))
    if not samples:
        raise EmptyInput("there is nothing to send: give folders of sections, or TIFF, HDF5 or MRC files")
    return samples


def _of_folder(folder: Path, name: str) -> Iterator[Sample]:
    entries = sorted(entry for entry in _listed(folder) if not _is_clutter(entry))
    files = [entry for entry in entries if entry.is_file()]
    if not files:
        samples = [sample for entry in entries if entry.is_dir() for sample in _of_folder(entry, entry.name)]
        if not samples:
            raise EmptyInput(f"{folder} holds no files: give a folder of sections")
        yield from samples
    elif len(files) > 1 and all(file.suffix.lower() in STACKS for file in files):
        yield from (_sample(file.stem, [file]) for file in files)
    else:
        yield _sample(name, files)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise InputUnreadable(f"{folder} cannot be listed: {error.strerror}. Check its permissions") from error


def _sample(name: str, paths: list[Path]) -> Sample:
    return Sample(name, tuple(LocalFile(path.absolute(), path.stat().st_size) for path in paths))


def _is_clutter(path: Path) -> bool:
    return path.name.startswith(".") or path.name.casefold() in CLUTTER
