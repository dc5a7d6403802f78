"""A region of a stack is read as if it were the whole."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emstream.errors import UsageError
from emstream.jobs.record import Request
from emstream.readers.open_stack import open_request

SHAPE = (9, 70, 50)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("region") / "stack.h5"
    with h5py.File(path, "w") as file:
        values = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
        file.create_dataset("raw", data=values, chunks=(4, 16, 16), compression="gzip")
    return path


ranges = [st.tuples(st.integers(0, n - 1), st.integers(1, n)).map(lambda p: (p[0], max(p[0] + 1, p[1]))) for n in SHAPE]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(box=st.tuples(*ranges))
def test_a_region_gives_the_voxels_of_its_box(stack: Path, box: tuple[tuple[int, int], ...]) -> None:
    start, stop = zip(*box, strict=True)
    wanted = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)[tuple(slice(*edge) for edge in box)]
    request = Request.model_validate({"input": str(stack), "region": (start, stop)})
    with open_request(stack, request) as reader:
        assert reader.facts.shape_zyx == wanted.shape
        found = np.zeros(wanted.shape, np.uint16)
        for rows in reader.blocks(0, wanted.shape[0]):
            depth, height, _ = rows.values.shape
            found[rows.z : rows.z + depth, rows.y : rows.y + height] = rows.values
        assert np.array_equal(found, wanted)
        assert set(np.unique(reader.sample(0))) <= set(range(int(np.prod(SHAPE))))


def test_a_region_beyond_the_stack_is_refused(stack: Path) -> None:
    request = Request(input=str(stack), region=((0, 0, 0), (10, 70, 50)))
    with pytest.raises(UsageError, match="not inside the stack of"):
        open_request(stack, request)
