"""The numbers of the `finish` units of a job: what each makes.

0                        mask.h5, overlay.png, objects and their tables, the report
1, 2                     the masks as TIFF, as PNG (`exports.UNITS`)
MESHES                   all surfaces that are asked for
FIRST_EXPORT ...         an order of an export each (`export_shelf`)
LABELS_FROM + slab ...   labels of a slab, in help of unit 0, which does it all where nobody helps
"""

from __future__ import annotations

MESHES = (1 << 16) - 1
FIRST_EXPORT = 100_000
LABELS_FROM = 1 << 24


def is_export(unit: int) -> bool:
    """Whether a `finish` unit builds an export."""
    return FIRST_EXPORT <= unit < LABELS_FROM
