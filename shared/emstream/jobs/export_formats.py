"""Formats of exports: their names, the contents that each can hold, and the suffixes of their files.

A format is one row here, and the function `write` of the module `emstream_postprocess/exports/<name>_file.py`. API,
page and command line read the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args

from emstream.errors import UsageError

Content = Literal["mask", "labels", "probability", "overlay", "original"]
Form = Literal["h5", "tiff", "png", "jpeg", "raw", "pdf", "zarr"]
CONTENTS: tuple[Content, ...] = get_args(Content)
PICTURES: tuple[Content, ...] = ("overlay", "original")
"""Contents for looking at; the values of the others mean something, and must stay as they are."""
ZIP = "application/zip"


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format of exports.

    title, hint: as the page offers it, such as "TIFF" and "Fiji, Imaris, napari". suffix: of the file's name, without
    a dot. contents: what it can hold. exact: the contents whose values it keeps, for which the page offers it.
    longest_side: of a section in pixels; None = any. is_zipped_for_several: a file holds one volume, and an export of
    several is a ZIP of files.
    """

    name: Form
    title: str
    hint: str
    suffix: str
    media_type: str = ZIP
    contents: tuple[Content, ...] = CONTENTS
    exact: tuple[Content, ...] = CONTENTS
    longest_side: int | None = None
    is_zipped_for_several: bool = False

    def suffix_for(self, volumes: int) -> str:
        """Return the suffix of a file of so many volumes."""
        return "zip" if self.is_zipped_for_several and volumes > 1 else self.suffix

    def media_type_for(self, volumes: int) -> str:
        """Return the media type of a file of so many volumes."""
        return ZIP if self.is_zipped_for_several and volumes > 1 else self.media_type


_NO_LABELS: tuple[Content, ...] = ("mask", "probability", *PICTURES)
EXPORT_FORMATS: dict[Form, ExportFormat] = {
    row.name: row
    for row in (
        ExportFormat(
            "tiff", "TIFF", "Fiji, Imaris, napari", "tif", media_type="image/tiff", is_zipped_for_several=True
        ),
        ExportFormat("h5", "HDF5", "Python, MATLAB, ilastik", "h5", media_type="application/x-hdf5"),
        ExportFormat("png", "PNG", "one per section, zipped", "zip"),
        ExportFormat(
            "jpeg",
            "JPEG",
            "one per section, zipped",
            "zip",
            contents=_NO_LABELS,
            exact=PICTURES,
            longest_side=65535,
        ),
        ExportFormat("raw", "RAW with .nhdr", "ParaView, Amira", "zip"),
        ExportFormat("pdf", "PDF", "pages with captions", "pdf", media_type="application/pdf", exact=_NO_LABELS),
        ExportFormat("zarr", "OME-Zarr", "cloud viewers", "ome.zarr.zip"),
    )
}
"""Formats in the order in which they are offered."""
MEDIA_TYPES = tuple(dict.fromkeys((*(row.media_type for row in EXPORT_FORMATS.values()), ZIP)))
"""Media types of all exports."""


def content_named(given: str) -> Content:
    """Return the content of this name. Raises UsageError naming the ones that exist."""
    return cast("Content", _one_of(CONTENTS, given, "content"))


def format_named(given: str) -> ExportFormat:
    """Return the format of this name. Raises UsageError naming the ones that exist."""
    return EXPORT_FORMATS[cast("Form", _one_of(get_args(Form), given, "format"))]


def titles_for(content: Content) -> str:
    """Return the titles of the formats that keep a content's values, for a sentence.

    >>> titles_for("labels")
    'TIFF, HDF5, PNG, RAW with .nhdr or OME-Zarr'
    """
    *titles, last = (row.title for row in EXPORT_FORMATS.values() if content in row.exact)
    return f"{', '.join(titles)} or {last}"


def _one_of(names: Iterable[str], given: str, noun: str) -> str:
    if given in names:
        return given
    raise UsageError(f"the {noun} must be one of {', '.join(names)}, got {given[:40]!r}")
