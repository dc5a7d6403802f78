"""Separation of regions by membranes: adapted Rand error and variation of information, section by section.

A region is a connected component of pixels that are not membrane; neighbours share an edge, so that a membrane whose
pixels touch by their corners only still separates. Membrane pixels of the truth do not count. Needs scikit-image.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from emstream.errors import ShapeError, UsageError

if TYPE_CHECKING:
    BOOL = NDArray[np.bool_]
    LABELS = NDArray[np.integer]

HOW_TO_INSTALL = 'adapted Rand error and variation of information need scikit-image: pip install "emstream[train]"'


@dataclass(frozen=True, slots=True)
class RegionErrors:
    """Difference between the regions of a mask and those of the truth; 0 = they agree.

    adapted_rand: 1 - F of the precision and recall of pairs of pixels in one region; all membrane pixels of the mask
        are one more region, as in scikit-image's adapted_rand_error of such labels. Grows fast with the width at which
        membranes are drawn. I. Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms
        for connectomics", Front. Neuroanat. 9:142 (2015).
    adapted_rand_thinned: the same with the mask's regions grown until they meet, so that the width of membranes does
        not count.
    split, merge: the two parts of the variation of information, H(mask | truth) and H(truth | mask) in bits, after
        thinning. M. Meila, "Comparing clusterings", J. Multivariate Analysis 98 (2007).
    """

    adapted_rand: float
    adapted_rand_thinned: float
    split: float
    merge: float

    @property
    def variation_of_information(self) -> float:
        """Sum of splits and merges, in bits."""
        return self.split + self.merge


def can_measure_regions() -> bool:
    """Return whether scikit-image is installed."""
    return find_spec("skimage") is not None


def region_errors(membranes: BOOL, truth: BOOL, counted: BOOL | None = None) -> RegionErrors | None:
    """Compare the regions of one section; None if the truth has no region of two pixels that count.

    membranes, truth: (y, x) bool, True = membrane; counted: (y, x) bool, None = every pixel.
    Largest arrays: about 45 bytes a pixel while the regions grow (measured, 4096 x 4096).
    Raises ShapeError if their shapes differ, and UsageError without scikit-image.
    """
    if not can_measure_regions():
        raise UsageError(HOW_TO_INSTALL)
    if membranes.shape != truth.shape or (counted is not None and counted.shape != truth.shape):
        raise ShapeError(
            f"membranes {membranes.shape} and truth {truth.shape} (and counted pixels) must have one shape"
        )
    from skimage.measure import label
    from skimage.metrics import variation_of_information
    from skimage.segmentation import expand_labels

    true = label(~truth, connectivity=1)
    if counted is not None:
        true[~counted] = 0
    if np.bincount(true.ravel())[1:].max(initial=0) < 2:
        return None
    found = label(~membranes, connectivity=1)
    grown = expand_labels(found, sum(found.shape)) if found.any() else found  # membrane only: one region
    split, merge = variation_of_information(true, grown, ignore_labels=(0,))
    rands = _adapted_rand(true, found), _adapted_rand(true, grown)
    return RegionErrors(*rands, max(float(split), 0.0), max(float(merge), 0.0))


def mean_errors(errors: Iterable[RegionErrors | None]) -> RegionErrors | None:
    """Return the mean over the sections that have regions, with equal weights; None if no section has any."""
    rows = [astuple(e) for e in errors if e is not None]
    return RegionErrors(*map(float, np.mean(rows, axis=0))) if rows else None


def _adapted_rand(true: LABELS, found: LABELS) -> float:
    from skimage.metrics import adapted_rand_error

    with np.errstate(invalid="ignore", divide="ignore"):  # its precision, unused here, can be 0 / 0
        error, _, _ = adapted_rand_error(true, found, ignore_labels=(0,))
    return max(float(error), 0.0)
