"""One layer of a labelled stack (its images, its labels, or its pixels to ignore) as open files.

Files are opened by the library's readers, so that training reads what prediction reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emstream.errors import DatasetNotFound, MixedSizes, TrainingDataUnusable
from emstream.readers.formats import IMAGE_SUFFIXES
from emstream.readers.open_stack import open_stack
from emstream.readers.section_numbers import natural_key
from emstream.readers.stack import StackReader
from emstream.volume.intensity import Grey, check_finite, sampled_sections, thinned
from emstream_training.data.sources import Source

UINT8 = NDArray[np.uint8]
Convert = Callable[[Grey], UINT8]
"""Converts a reader's values of any shape to uint8."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One open stack, or one per section where sections are independent of each other."""

    path: Path
    readers: Sequence[StackReader]

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Return (rows, columns) of each section."""
        shapes = [reader.facts.shape_zyx for reader in self.readers]
        return [(height, width) for depth, height, width in shapes for _ in range(depth)]

    @property
    def depth(self) -> int:
        """Return the number of sections."""
        return len(self.sizes)

    def planes(self, first: int, stop: int, converter: Callable[[StackReader], Convert]) -> list[UINT8]:
        """Return sections [first, stop), each (y, x) uint8.

        converter: returns for a reader the function that converts its values to uint8. Largest arrays: the result, and
        one block of a reader. Raises InputUnreadable for values that cannot be decoded or are not finite.
        """
        planes = [np.empty(size, np.uint8) for size in self.sizes[first:stop]]
        ends = list(accumulate(reader.facts.shape_zyx[0] for reader in self.readers))
        for reader, begin, end in zip(self.readers, [0, *ends], ends, strict=False):
            low, high = max(first, begin) - begin, min(stop, end) - begin
            if low >= high:
                continue
            convert = converter(reader)
            for rows in reader.blocks(low, high):
                check_finite(rows.values, f"{self.path}, section {begin + rows.z + 1}")
                for z, section in enumerate(convert(rows.values), begin + rows.z - first):
                    planes[z][rows.y : rows.y + len(section)] = section
        return planes

    def samples(self) -> Iterator[Grey]:
        """Yield voxels (y, x) of at most 64 evenly spaced sections."""
        places = [(reader, z) for reader in self.readers for z in range(reader.facts.shape_zyx[0])]
        for index in sampled_sections(len(places)):
            reader, z = places[index]
            yield thinned(reader.sample(z))


@dataclass(frozen=True, slots=True)
class Opening:
    """Opens the layers of one source; `files` closes them."""

    is_stack: bool
    files: ExitStack

    def layer(self, key: str, path: Path, dataset: str | None) -> Layer:
        """Return an open layer. key: its name in the training file. Raises TrainingDataUnusable, InputUnreadable."""
        if not path.exists():
            raise TrainingDataUnusable(
                f"there is no {path} ('{key}'): give a folder of sections, a TIFF stack or an HDF5 file; "
                "relative paths begin in the training file's folder"
            )
        sections = [] if self.is_stack or not path.is_dir() else _section_files(path)
        return Layer(path, [self._open(key, each, dataset) for each in sections or [path]])

    def _open(self, key: str, path: Path, dataset: str | None) -> StackReader:
        try:
            return self.files.enter_context(open_stack(path, dataset))
        except DatasetNotFound as error:
            raise TrainingDataUnusable(f"{error} In a training file, '{key}_dataset' names it.") from error
        except MixedSizes as error:
            raise TrainingDataUnusable(f"{error} Or set 'is_stack' to false, if sections are independent.") from error


def _section_files(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != ".")
    return sorted(files, key=lambda path: natural_key(path.name))


IGNORE = 255
"""Label of unknown pixels, which count for no loss."""
LISTED_VALUES = 5
"""Maximum number of values that an error message lists."""


class LabelValues:
    """Converts the label values of one source into 0, 1 and IGNORE, and remembers the values it has seen."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: list[object] = []

    def __call__(self, values: Grey) -> NDArray[np.uint8]:
        """Return 0, 1 or IGNORE for label values of any shape.

        Raises TrainingDataUnusable for a second value other than 0 where labels are not numbers of objects.
        """
        source = self._source
        unknown = np.zeros(values.shape, bool) if source.ignore_value is None else values == source.ignore_value
        marked = (values != 0) & ~unknown
        if not source.instances:
            self._check(values[marked])
        label = np.where(marked, 0, IGNORE) if source.kind == "negative" else marked
        return np.where(unknown, IGNORE, label).astype(np.uint8)

    def _check(self, values: Grey) -> None:
        for value in self._seen:
            values = values[values != value]
        while values.size and len(self._seen) < LISTED_VALUES:
            self._seen.append(values[0].item())
            values = values[values != values[0]]
        if len(self._seen) < 2:
            return
        listed = ", ".join(map(str, self._seen)) + (" and more" if len(self._seen) == LISTED_VALUES else "")
        raise TrainingDataUnusable(
            f"{self._source.labels} has the values {listed} in addition to 0; labels are 0 and one other value. For "
            "numbered objects set 'instances' to true, for a value that means unknown set 'ignore_value'; save labels "
            "as PNG or TIFF, because JPEG changes them"
        )
