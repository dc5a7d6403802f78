"""Exports of a job on disk: orders, their progress, and the files.

exports/orders/<number>.json      the order; the number is also the `finish` unit that builds it
        orders/<number>.withdrawn a withdrawn order; its number is not used again
        orders/<number>.progress  share done, 0..1
        export-<number>.<suffix>  the file, published by link when it is complete
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from emstream.jobs.export_order import ExportOrder
from emstream.jobs.finish_tasks import FIRST_EXPORT
from emstream.jobs.folder import JobFolder


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
