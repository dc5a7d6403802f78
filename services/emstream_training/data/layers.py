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
from emstream.readers.open_stack import open_labels, open_stack
from emstream.readers.section_numbers import Named, in_natural_order, listed
from emstream.readers.stack import StackReader, section_files
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
    files: Sequence[Path] = ()

    def named(self, what: str) -> Named:
        """Return the layer for a sentence about pairs of sections. what: such as "the labels"."""
        names = [path.name for path in self.files] or section_files(self.readers[0].facts)
        return Named(what, self.depth, names)

    @property
    def warnings(self) -> list[str]:
        """Return the sentences of all readers, each once."""
        return list(dict.fromkeys(text for reader in self.readers for text in reader.facts.warnings))

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
        return Layer(path, [self._open(key, each, dataset) for each in sections or [path]], sections)

    def _open(self, key: str, path: Path, dataset: str | None) -> StackReader:
        try:
            is_image = key == "images"
            return self.files.enter_context(open_stack(path, dataset) if is_image else open_labels(path, dataset))
        except DatasetNotFound as error:
            sentence = str(error).partition(" Choose one with")[0]
            raise TrainingDataUnusable(f"{sentence} In a training file, '{key}_dataset' names it.") from error
        except MixedSizes as error:
            raise TrainingDataUnusable(f"{error} Or set 'is_stack' to false, if sections are independent.") from error


def _section_files(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != ".")
    return in_natural_order(files, lambda path: path.name)


IGNORE = 255
"""Label of unknown pixels, which count for no loss."""
LISTED_VALUES = 5
"""Maximum number of values that an error message lists."""


SAME_NEIGHBOURS = 0.5
"""Minimum share of neighbours with one value among marked pixels of numbered objects; noisy grey values have few."""
NEIGHBOURS = 1000
"""Minimum number of pairs of neighbours for a judgement by SAME_NEIGHBOURS."""


BLANK_SHARE = 0.2
"""Maximum share of blank sections in labels that pass without a note."""


def notes_on_blanks(what: str, marked: Sequence[int], first: int = 0) -> list[str]:
    """Return a note if many sections of labels are blank. what: their name; marked: pixels of each, from `first` on.

    A stack of which some sections are labelled and the others are not looks like this, and blanks count as background.
    """
    blank = [z + 1 for z, pixels in enumerate(marked, first) if pixels == 0]
    if len(blank) <= BLANK_SHARE * len(marked):
        return []
    numbers = listed([str(number) for number in blank])
    return [
        f"{what} mark nothing in {len(blank)} of {len(marked)} sections ({numbers}), which count as background: if "
        "they are not labelled, leave them out or ignore their pixels"
    ]


class ObjectNumbers:
    """A check of labels that number objects: whole numbers from 0, each over an area. what: their name in messages."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._pairs = self._same = 0

    def add(self, values: Grey, marked: NDArray[np.bool_]) -> None:
        """Look at values (..., x) and their marked pixels. Raises TrainingDataUnusable for values that are no numbers.

        Grey values, as raw sections and probabilities have them, differ between neighbours and are refused.
        """
        if values.dtype.kind not in "bu":
            self._check_whole(values[marked])
        both = marked[..., 1:] & marked[..., :-1]
        self._pairs += int(np.count_nonzero(both))
        self._same += int(np.count_nonzero(both & (values[..., 1:] == values[..., :-1])))
        if self._pairs >= NEIGHBOURS and self._same < SAME_NEIGHBOURS * self._pairs:
            raise TrainingDataUnusable(
                f"{self._what} do not number objects: only {self._same / self._pairs:.0%} of neighbouring pixels have "
                "one value, as in raw sections or probabilities. Give the labels instead"
            )

    def _check_whole(self, found: Grey) -> None:
        numbers = found.astype(np.float64)
        odd = numbers[(numbers < 0) | (numbers % 1 != 0)]
        if odd.size:
            raise TrainingDataUnusable(
                f"{self._what} have the value {odd[0]:g}, but objects are numbered from 1, and background is 0: give "
                "whole numbers, or save the labels as 0 and 1"
            )


class LabelValues:
    """Converts the label values of one source into 0, 1 and IGNORE, and remembers the values it has seen."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: list[object] = []
        self._numbers = ObjectNumbers(str(source.labels))
        self._saw_unknown = False

    def __call__(self, values: Grey) -> NDArray[np.uint8]:
        """Return 0, 1 or IGNORE for label values of any shape.

        Raises TrainingDataUnusable for a second value other than 0 where labels are not numbers of objects, and for
        grey values where they are.
        """
        source = self._source
        unknown = np.zeros(values.shape, bool) if source.ignore_value is None else values == source.ignore_value
        marked = (values != 0) & ~unknown
        self._saw_unknown |= bool(unknown.any())
        if source.instances:
            self._numbers.add(values, marked)
        else:
            self._check(values[marked])
        label = np.where(marked, 0, IGNORE) if source.kind == "negative" else marked
        return np.where(unknown, IGNORE, label).astype(np.uint8)

    def notes(self) -> list[str]:
        """Return a sentence on a value for "unknown" that no pixel has, where it could pass for an object's number."""
        if not self._source.instances or self._source.ignore_value is None or self._saw_unknown:
            return []
        return [f"no pixel used of {self._source.labels} has the 'ignore_value' {self._source.ignore_value:g}"]

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
