"""Exports of a job on disk: orders (a user's wish, checked against the finished job), their progress, and the files."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from emstream.errors import UsageError
from emstream.jobs.export_formats import (
    EXPORT_FORMATS,
    Content,
    ExportFormat,
    Form,
    content_named,
    format_named,
    titles_for,
)
from emstream.jobs.finish_tasks import FIRST_EXPORT
from emstream.jobs.folder import JobFolder
from emstream.jobs.mask_files import made_for
from emstream.jobs.record import Plan, Record
from emstream.jobs.retention import SECTIONS_GONE, has_sections
from emstream.volume.files import opened


class ExportOrder(Record):
    """An order. z: sections from the first to the one past the last. thresholds: of the structures, when ordered.

    labels_for: the choices that the labels were made for, if labels are ordered. combined: the structures in one
    volume; a mask of n structures then has the value round(255 i / n) in the i-th one.
    """

    content: Content
    format: Form
    combined: bool
    z: tuple[int, int]
    thresholds: dict[str, float]
    labels_for: str = ""

    @property
    def objects(self) -> list[str]:
        """Structures in the job's order; none for the original."""
        return list(self.thresholds)

    @property
    def volumes(self) -> int:
        """Number of volumes in the export."""
        return 1 if self.combined or self.content == "original" else len(self.thresholds)

    @property
    def suffix(self) -> str:
        """Ending of the file's name."""
        return EXPORT_FORMATS[self.format].suffix_for(self.volumes)

    @property
    def media_type(self) -> str:
        """Media type of the file."""
        return EXPORT_FORMATS[self.format].media_type_for(self.volumes)

    @property
    def title(self) -> str:
        """Name of the file without its suffix."""
        names = [] if self.content == "original" else ["combined"] if self.combined else self.objects
        return "_".join([*names[:3], self.content, f"{self.format}_z{self.z[0]}-{self.z[1] - 1}"])

    def command(self, job: str) -> str:
        """Return the command that makes the export again. job: its id, or the folder of `emstream predict --keep`."""
        words = ["emstream", "export", job, "--content", self.content, "--format", self.format]
        for name in self.objects:
            words += ["--object", name]
        words += ["--z", f"{self.z[0]}:{self.z[1]}", *["--combined"] * self.combined]
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Wish:
    """A user's wish, not yet checked. objects: names of structures, None = all; z: None = all sections."""

    content: str = "mask"
    form: str = "h5"
    objects: Sequence[str] | None = None
    combined: bool = False
    z: tuple[int, int] | None = None


def make_order(folder: JobFolder, plan: Plan, wish: Wish) -> ExportOrder:
    """Return the order. Raises UsageError, saying what is allowed, if the job or the format cannot give it."""
    content, form = content_named(wish.content), format_named(wish.form)
    unknown = [name for name in wish.objects or () if name not in plan.thresholds]
    if unknown:
        raise UsageError(f"the job has no object {unknown[0][:60]!r}; it has: {', '.join(plan.objects)}")
    chosen = [name for name in plan.objects if not wish.objects or name in wish.objects]
    if content == "original":
        chosen = []
    combined = wish.combined and len(chosen) > 1
    start, stop = wish.z or (0, plan.shape_zyx[0])
    if not 0 <= start < stop <= plan.shape_zyx[0]:
        raise UsageError(f"sections {start} to {stop} (excluded) are not within 0 to {plan.shape_zyx[0]}: give others")
    labels_for = _checked_labels(folder, combined) if content == "labels" else ""
    _check_fit(form, content, plan)
    if content in ("original", "overlay") and not has_sections(folder):
        raise UsageError(f"{SECTIONS_GONE}: take mask, labels, or probability")
    thresholds = {name: plan.thresholds[name] for name in chosen}
    return ExportOrder(
        content=content,
        format=form.name,
        combined=combined,
        z=(start, stop),
        thresholds=thresholds,
        labels_for=labels_for,
    )


def _check_fit(form: ExportFormat, content: Content, plan: Plan) -> None:
    """Raise UsageError for a content, or sections of a size, that the format cannot hold."""
    if content not in form.contents:
        raise UsageError(f"{form.title} cannot hold {content}: take {titles_for(content)}")
    if form.longest_side is not None and max(plan.shape_zyx[1:]) > form.longest_side:
        raise UsageError(
            f"{form.title} holds at most {form.longest_side} pixels a side, the sections have more: "
            f"take another format, such as TIFF"
        )


def _checked_labels(folder: JobFolder, combined: bool) -> str:
    labelled = folder.done_units("labels")
    if not labelled or not folder.done_units("result") <= labelled:
        raise UsageError("the job has no labels: its objects are not numbered. Take the mask, or measure the objects")
    if combined:
        raise UsageError("labels of several objects cannot share one volume: leave out combined, or take the mask")
    with opened(folder.labels(min(labelled))) as file:
        return made_for(file)


def orders(folder: JobFolder) -> dict[int, ExportOrder]:
    """Return the orders by number, without the withdrawn ones."""
    found = {number: read_order(folder, number) for number in sorted(_numbers(folder))}
    return {number: order for number, order in found.items() if order is not None}


def read_order(folder: JobFolder, number: int) -> ExportOrder | None:
    """Return an order, or None if there is none of this number, or it was withdrawn."""
    try:
        return ExportOrder.model_validate_json(_order_path(folder, number).read_bytes())
    except FileNotFoundError:
        return None


def place_order(folder: JobFolder, order: ExportOrder) -> int:
    """Return the order's number: the one it has already, or the next."""
    for number, known in orders(folder).items():
        if known == order:
            return number
    shelf = folder.exports / "orders"
    shelf.mkdir(parents=True, exist_ok=True)
    part = shelf / f".{os.urandom(8).hex()}.part"
    part.write_text(order.model_dump_json())
    try:
        while True:
            number = max(_numbers(folder), default=FIRST_EXPORT - 1) + 1
            try:
                os.link(part, _order_path(folder, number))
            except FileExistsError:
                continue  # another request took it
            return number
    finally:
        part.unlink()


def withdraw(folder: JobFolder, number: int) -> None:
    """Withdraw an order: its file is removed, and a worker that builds it stops. A withdrawn one stays withdrawn."""
    order, path = read_order(folder, number), _order_path(folder, number)
    if order is None:
        return
    with suppress(FileNotFoundError):  # another request withdraws it at the same moment
        path.rename(path.with_suffix(".withdrawn"))
    path.with_suffix(".progress").unlink(missing_ok=True)
    export_file(folder, number, order).unlink(missing_ok=True)


def export_file(folder: JobFolder, number: int, order: ExportOrder) -> Path:
    """Return the path of the file: it exists once it is complete."""
    return folder.exports / f"export-{number}.{order.suffix}"


def note_progress(folder: JobFolder, number: int, share: float) -> None:
    """Write the share done, 0..1."""
    path = _order_path(folder, number).with_suffix(".progress")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(f"{share:.4f}")
    part.replace(path)


def read_progress(folder: JobFolder, number: int) -> float | None:
    """Return the share done, 0..1, or None if no worker has begun."""
    try:
        return float(_order_path(folder, number).with_suffix(".progress").read_text())
    except (FileNotFoundError, ValueError):
        return None


def _order_path(folder: JobFolder, number: int) -> Path:
    return folder.exports / "orders" / f"{number}.json"


def _numbers(folder: JobFolder) -> set[int]:
    return {int(path.stem) for path in (folder.exports / "orders").glob("[0-9]*.*")}
