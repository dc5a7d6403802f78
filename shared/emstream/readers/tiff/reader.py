"""TIFF stacks: multi-page, ImageJ, OME and BigTIFF, one section at a time.

The first series of the file is the stack, and not its chain of pages: an ImageJ file beyond 4 GB has a single page
header for all sections. Other files that an OME header names are never opened.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from emstream.errors import DamagedFile, UnsupportedFormat
from emstream.readers.confined import held
from emstream.readers.grey import COLOUR_RULE, planes_differ
from emstream.readers.limits import decoding
from emstream.readers.stack import Grey, Rows, StackFacts, StackReader
from emstream.readers.tiff.layout import TiffLayout, check_one_size, read_layout
from emstream.readers.tiff.voxel_size import tiff_voxel_size
from emstream.volume.intensity import is_binary, sampled_sections, thinned
from emstream.volume.voxel_size import VoxelSize

_DAMAGE = re.compile(
    "corrupt|page offset|offset to (first )?page|circular reference|missing (data|required)|ByteCounts|StripOffsets"
)


class TiffStack(StackReader):
    """A TIFF file as a stack. Largest array: one section.

    notes: warnings of the search that found the file. are_labels: values are numbers, as `open_labels` has them.
    """

    def __init__(self, path: Path, notes: Sequence[str] = (), are_labels: bool = False) -> None:
        self._path = path
        with ExitStack() as files:
            with _heeding_complaints(path.name), decoding(path.name):
                tif, warnings = _opened(path, files)
                self._series = _first_series(tif, path.name)
                self._layout = read_layout(path, self._series, are_labels)
                voxel_size = tiff_voxel_size(tif, self._series.keyframe)
            if tif.is_imagej and self._layout.shape_zyx[0] > 1 and self._is_mask():
                self._layout = replace(self._layout, are_labels=True)
            elif self._has_sections_as_planes():
                self._layout = self._layout.of_planes(path.name)
            self._files = files.pop_all()
        if len(tif.series) > 1:
            more = len(tif.series) - 1
            warnings.append(f"{path.name} holds {more} more images or image series; only the first was read.")
        self._facts = _facts(path, self._layout, voxel_size, (*notes, *warnings, *self._layout.notes))

    @property
    def facts(self) -> StackFacts:
        """Return what the headers say."""
        return self._facts

    @property
    def is_colour(self) -> bool:
        """Whether pages must pass the rule for colour when they are decoded."""
        return self._layout.is_colour

    def blocks(self, z_start: int, z_stop: int) -> Iterator[Rows]:
        """Yield one section after the other."""
        for z in range(z_start, z_stop):
            yield Rows(z, 0, self.sample(z)[np.newaxis])

    def sample(self, z: int) -> Grey:
        """Return section z."""
        name = f"{self._path.name}: section {z + 1} (page {z + 1})"
        return self._layout.grey(self._page(z, name), self._series.keyframe.colormap, name)

    def close(self) -> None:
        """Close the file."""
        self._files.close()

    def _is_mask(self) -> bool:
        """Whether an inverted stack has two values: Fiji writes masks this way, with the structure at 255."""
        if not self._layout.is_inverted:
            return False
        depth = self._layout.shape_zyx[0]
        return is_binary(thinned(self.sample(int(z))) for z in sampled_sections(depth))

    def _has_sections_as_planes(self) -> bool:
        """Whether the only page has three or four planes that differ: what is written so has sections, not colours."""
        layout = self._layout
        if not layout.is_planar or layout.samples < 3 or layout.shape_zyx[0] > 1:
            return False
        return planes_differ(self._page(0, self._path.name))

    def _page(self, z: int, name: str) -> Grey:
        if self._layout.plain is not None:
            return self._layout.plain.read(z)
        with _heeding_complaints(name), decoding(name):
            page: Grey = self._series.pages[0 if self._layout.has_planes else z].asarray()
        return page[z] if self._layout.has_planes else page


def _opened(path: Path, files: ExitStack) -> tuple[Any, list[str]]:
    """Return an open file, read as plain pages where its own description of them does not count; and why."""
    place = files.enter_context(held(path))
    tif = files.enter_context(tifffile.TiffFile(place, name=path.name, _multifile=False))
    if tif.is_ome and not _is_xml(tif.ome_metadata):
        note = f"{path.name} has a damaged OME header: all its pages were read, and the sizes in it are not known."
        return files.enter_context(tifffile.TiffFile(place, name=path.name, _multifile=False, is_ome=False)), [note]
    pages = [series for series in tif.series if series.kind == "shaped" and len(series) == 1]
    if len(pages) == len(tif.series) > 1 and len({(page.shape, page.dtype) for page in pages}) == 1:
        return files.enter_context(tifffile.TiffFile(place, name=path.name, _multifile=False, is_shaped=False)), []
    return tif, []


def _is_xml(text: str) -> bool:
    try:
        ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return False
    return True


def _first_series(tif: Any, name: str) -> Any:
    """Return the stack's series; refuse files whose own header (ImageJ, OME) does not fit what they hold."""
    series = tif.series
    if not series or series[0].keyframe is None:
        raise DamagedFile(f"{name} holds no image. Copy or export it again.")
    if tif.is_ome and series[0].kind != "ome":
        raise UnsupportedFormat(
            f"{name} has an OME header that names other files, or that does not fit its pages; only files that are "
            "complete by themselves are read. Export it as one OME-TIFF, or as a folder of sections."
        )
    if tif.is_imagej and series[0].kind != "imagej":
        raise DamagedFile(
            f"{name} is truncated or damaged: its ImageJ header promises more sections than it holds. Copy it again."
        )
    check_one_size(name, series)
    return series[0]


def _facts(path: Path, layout: TiffLayout, voxel_size: VoxelSize | None, warnings: Sequence[str]) -> StackFacts:
    kind = {"imagej": "ImageJ TIFF", "ome": "OME-TIFF"}.get(layout.kind, "TIFF")
    notes = [f"{kind} {path.name}, {layout.shape_zyx[0]} sections"]
    if layout.is_inverted:
        notes.append("grey values inverted (its smallest value means white)")
    elif layout.photometric == 0:
        notes.append("a mask with an inverting LUT, read as stored")
    if layout.is_colour:
        notes.append(COLOUR_RULE)
    return StackFacts(
        shape_zyx=layout.shape_zyx,
        dtype=layout.dtype,
        voxel_size_nm=voxel_size,
        names=tuple(f"page {z + 1}" for z in range(layout.shape_zyx[0])),
        warnings=tuple(warnings),
        source="; ".join(notes),
        origin={"format": kind},
    )


@contextmanager
def _heeding_complaints(name: str) -> Iterator[None]:
    """Keep what tifffile logs in this thread off the user's screen; raise DamagedFile if it reports damage.

    tifffile logs a broken chain of pages and goes on with the pages before: a stack would silently lose its end.
    """
    complaints: list[str] = []
    thread = threading.get_ident()

    def heed(record: logging.LogRecord) -> bool:
        if record.thread != thread:
            return True
        complaints.append(record.getMessage())
        return False

    logger = logging.getLogger("tifffile")
    logger.addFilter(heed)
    try:
        yield
    finally:
        logger.removeFilter(heed)
    damage = next((complaint for complaint in complaints if _DAMAGE.search(complaint)), None)
    if damage is not None:
        reason = re.sub(r"<tifffile\.\w+ [^>]*> ?", "", damage)
        raise DamagedFile(f"{name} is truncated or damaged ({reason[:200]}). Copy or export it again.")
