"""The paper's augmented training data: every stack in 16 variants, in one HDF5 file.

CDeep3M writes a file for each variant, v1 to v16, with the datasets /data and /label; here variants are groups of one
file: `/sources/<n>/v<k>/data` and `/label`, and the same under `/validation`; n counts from 1, in the order of the
training file. A training file that names them is written to the same folder. Memory: one stack and its labels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from emstream.errors import OutputInUse, UsageError
from emstream.readers.formats import HDF5
from emstream.volume.files import created, publishing, write_bytes
from emstream_training.data.labelled_files import LabelledStack, load_stack
from emstream_training.data.layers import IGNORE
from emstream_training.data.pixel_size import scale_of
from emstream_training.data.sources import Source, TrainingFile, read_training_file

UINT8 = NDArray[np.uint8]
Show = Callable[[str], None]
"""Takes a line for the user: a stack that is done, or a note on its labels."""
CHUNK_SIDE = 512
"""Side in pixels of an HDF5 chunk, which is one section deep."""


def prepare(data: Path, output: Path, show: Show = lambda line: None) -> Path:
    """Write all variants of a training file's stacks to `output`, and return the training file that names them.

    Sections are uint8, 0 to 255; labels uint8, 0, 1, and 255 where they are unknown; axes (z, y, x). Sections of other
    sizes or pixel sizes are padded or resampled, as for training. Raises UsageError for another suffix, OutputInUse if
    a file exists already, TrainingDataUnusable, InputUnreadable and DiskFull.
    """
    if output.suffix.lower() not in HDF5.suffixes:
        raise UsageError(f"the output is HDF5: its name must end in {', '.join(HDF5.suffixes)}, got {output.name}")
    description = output.with_suffix(".json")
    for path in (output, description):
        if path.exists():
            raise OutputInUse(f"{path} exists already: remove it, or give another name")
    described = read_training_file(data)
    lists = {"sources": described.sources, "validation": described.validation}
    total = sum(map(len, lists.values()))
    done = 0
    with publishing(output) as part, created(part) as file:
        for name, sources in lists.items():
            for number, source in enumerate(sources, 1):
                stack = load_stack(source, described.pixel_size_nm)
                _write_variants(file, f"{name}/{number}", stack)
                done += 1
                said, *notes = stack.notes
                show(f"stack {done} of {total}: {said}")
                for note in notes:
                    show(f"note: {note}")
    write_bytes(description, json.dumps(_description(described, lists, output.name), indent=1).encode())
    return description


def _write_variants(file: h5py.File, group: str, stack: LabelledStack) -> None:
    for number in range(1, COUNT + 1):
        for name, sections, outside in (("data", stack.images, 0), ("label", stack.labels, IGNORE)):
            _write_stack(file, f"{group}/v{number}/{name}", _padded(sections, outside), number)


def _write_stack(file: h5py.File, path: str, sections: Sequence[UINT8], number: int) -> None:
    dataset = None
    for z, section in enumerate(variant(sections, number)):
        if dataset is None:
            shape, chunks = (len(sections), *section.shape), (1, *(min(CHUNK_SIDE, side) for side in section.shape))
            dataset = file.create_dataset(path, shape, np.uint8, chunks=chunks, compression="gzip", compression_opts=1)
        dataset[z] = section


def _padded(sections: Sequence[UINT8], outside: int) -> Sequence[UINT8]:
    """Return sections (y, x) of one size; smaller ones are padded at the bottom and on the right."""
    sizes = [section.shape for section in sections]
    if len(set(sizes)) == 1:
        return sections
    height, width = (max(size[axis] for size in sizes) for axis in (0, 1))
    margins = [[(0, height - size[0]), (0, width - size[1])] for size in sizes]
    return [np.pad(s, margin, constant_values=outside) for s, margin in zip(sections, margins, strict=True)]


def _description(described: TrainingFile, lists: dict[str, tuple[Source, ...]], name: str) -> dict[str, object]:
    """Return a training file of the variants v1; the trainer draws the others by itself."""
    whole = described.model_dump(mode="json", exclude_unset=True)
    for key, sources in lists.items():
        whole[key] = [_entry(source, f"{key}/{n}/v1", name, described) for n, source in enumerate(sources, 1)]
    return whole


def _entry(source: Source, group: str, name: str, described: TrainingFile) -> dict[str, object]:
    kept = source.model_dump(mode="json", include={"weight", "z_steps", "is_stack", "decoys", "pixel_size_nm"})
    size = source.pixel_size_nm
    if scale_of(source, described.pixel_size_nm) is not None:
        size = described.pixel_size_nm
    return {
        "images": name,
        "images_dataset": f"{group}/data",
        "labels": name,
        "labels_dataset": f"{group}/label",
        "ignore_value": IGNORE,
        **kept,
        "pixel_size_nm": size,
    }


COUNT = 16
"""Number of variants."""

_SYMMETRIES: tuple[Callable[[UINT8], UINT8], ...] = (
    lambda section: section,
    np.flipud,
    np.fliplr,
    lambda section: np.rot90(section, 1),  # counter-clockwise
    lambda section: np.rot90(section, -1),
    lambda section: np.rot90(np.flipud(section), 1),
    lambda section: np.rot90(np.fliplr(section), 1),
    lambda section: np.rot90(section, 2),
)


def variant(sections: Sequence[UINT8], number: int) -> Iterator[UINT8]:
    """Yield the sections (y, x) uint8 of variant 1 to 16, in the variant's order, as views.

    Variant 1 is the stack itself; 9 to 16 are 1 to 8 of the stack with its sections reversed. Source of the order:
    CRBS/cdeep3m2, `augment_data.py`.
    """
    is_reversed, index = divmod(number - 1, len(_SYMMETRIES))
    ordered = reversed(sections) if is_reversed else sections
    return map(_SYMMETRIES[index], ordered)
