"""What the user downloads: where each file lies in a job's folder, and which `finish` unit makes it."""

from __future__ import annotations

from pathlib import Path

from emstream.jobs.record import JobFolder

FORMATS = ("h5", "tiff", "png")
UNITS = {"tiff": 1, "png": 2}
"""Further `finish` units of a job; unit 0 makes mask.h5, overlay.png and the report."""


def export_path(folder: JobFolder, form: str, object_name: str | None = None) -> Path:
    """Return the path of mask.h5 (all objects), or of one object's TIFF stack or zipped PNG sections."""
    match form:
        case "h5":
            return folder.exports / "mask.h5"
        case "tiff":
            return folder.exports / f"{object_name}.tif"
        case "png":
            return folder.exports / f"{object_name}_png.zip"
        case _:
            raise ValueError(f"the format must be one of {', '.join(FORMATS)}, got {form!r}")
