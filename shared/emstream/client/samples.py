"""Files of this machine by the jobs that they make: decided before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emstream.errors import EmptyInput, InputUnreadable
from emstream.readers.formats import FORMATS, IMAGE_KINDS, STACK_KINDS, kind_of, known_kind, suffixes_of
from emstream.readers.samples import is_clutter, is_stack, sample_of


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
    """Return the samples that the paths mean, by the rule of `emstream.readers.samples`.

    A folder with files is used as it is, and what is deeper is left out; of a folder with folders only, each of those.
    Files given by name count as files without a folder. Raises InputUnreadable for a path that is not there,
    UnsupportedFormat for files that are no sections or stacks, EmptyInput if there is nothing to send.
    """
    samples: list[Sample] = []
    loose: list[Path] = []
    for path in paths:
        if path.is_dir():
            samples += _of_folder(path.absolute(), path.absolute().name)
        elif not path.is_file():
            raise InputUnreadable(f"{path} does not exist, or is neither a file nor a folder: give one that is")
        elif is_stack(path.name):
            samples.append(_sample(path.stem, [path]))
        else:
            loose.append(path)
    _check_known(loose, all)
    if loose:
        samples.append(_sample(loose[0].absolute().parent.name, loose))
    if not samples:
        raise EmptyInput(f"there is nothing to send: give folders of {IMAGE_KINDS} sections, or {STACK_KINDS} files")
    return samples


def _of_folder(folder: Path, name: str) -> Iterator[Sample]:
    entries = sorted(entry for entry in _listed(folder) if not is_clutter(entry.name))
    files = [entry for entry in entries if entry.is_file()]
    if not files:
        samples = [sample for entry in entries if entry.is_dir() for sample in _of_folder(entry, entry.name)]
        if not samples:
            raise EmptyInput(f"{folder} holds no files: give a folder of sections")
        yield from samples
        return
    _check_known(files, any)
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(sample_of(f"{name}/{file.name}"), []).append(file)
    for key, group in groups.items():
        yield _sample(group[0].stem if is_stack(key) else PurePosixPath(key).name, group)


def _check_known(files: list[Path], enough: Callable[[Iterable[bool]], bool]) -> None:
    """Raise UnsupportedFormat, as readers do, if neither name nor content of a file is of a format that is read."""
    suffixes = suffixes_of(FORMATS)
    are_known = [file.suffix.lower() in suffixes or kind_of(file) is not None for file in files]
    if not enough(are_known) and False in are_known:
        known_kind(files[are_known.index(False)])


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise InputUnreadable(f"{folder} cannot be listed: {error.strerror}. Check its permissions") from error


def _sample(name: str, paths: list[Path]) -> Sample:
    return Sample(name, tuple(LocalFile(path.absolute(), path.stat().st_size) for path in paths))
