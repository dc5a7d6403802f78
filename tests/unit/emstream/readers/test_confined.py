"""Input below the allowed folders only: links in, links out, folders exchanged under the reader's hands."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from emstream.errors import InputUnreadable
from emstream.readers.confined import confine, entries, held, open_below
from emstream.readers.open_stack import open_stack

INSIDE, OUTSIDE = 10, 200


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An allowed folder with a stack and a folder of sections; the same, but brighter, outside of it."""
    for name, grey in (("in", INSIDE), ("out", OUTSIDE)):
        (tmp_path / name / "cells").mkdir(parents=True)
        for number in range(2):
            Image.fromarray(np.full((8, 8), grey, np.uint8)).save(tmp_path / name / "cells" / f"s{number}.png")
        tifffile.imwrite(tmp_path / name / "stack.tif", np.full((2, 8, 8), grey, np.uint8))
    confine([tmp_path / "in"])
    yield tmp_path / "in"
    confine(None)


def grey_of(path: Path) -> int:
    with open_stack(path) as stack:
        return int(stack.sample(0)[0, 0])


def test_files_and_folders_inside_are_read(root: Path) -> None:
    assert grey_of(root / "stack.tif") == INSIDE
    assert grey_of(root / "cells") == INSIDE
    assert sorted(path.name for path in entries(root / "cells")) == ["s0.png", "s1.png"]


def test_links_within_are_followed(root: Path) -> None:
    (root / "near").symlink_to("cells")
    (root / "cells" / "s2.png").symlink_to("../cells/s0.png")
    (root / "whole.tif").symlink_to(root / "stack.tif")
    assert grey_of(root / "near") == INSIDE
    assert grey_of(root / "whole.tif") == INSIDE
    assert (root / "near" / "s2.png").exists()


@pytest.mark.parametrize("target", ["../out/stack.tif", "../../out/stack.tif", "/etc/hostname", "far/stack.tif"])
def test_links_out_are_refused(root: Path, target: str) -> None:
    (root / "far").symlink_to(root.parent / "out")
    (root / "cells" / "link.tif").symlink_to(target if target.startswith("/") else os.path.join("..", target))
    with pytest.raises(InputUnreadable, match="leads out of the folders"), held(root / "cells" / "link.tif"):
        pass
    for path in (root / "far", root / "far" / "stack.tif", root / "far" / "cells", root / ".." / "out"):
        with pytest.raises(InputUnreadable, match="leads out of the folders"):
            grey_of(path)


def test_circles_of_links_end(root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(InputUnreadable, match="more than 40 links"), held(root / "a"):
        pass


def test_a_pipe_is_no_file_and_stops_nobody(root: Path) -> None:
    os.mkfifo(root / "pipe.tif")
    with pytest.raises(InputUnreadable, match="neither a file nor a folder"), held(root / "pipe.tif"):
        pass


def test_a_missing_file_is_missing(root: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_below(root / "none", (root,))


def test_without_allowed_folders_every_path_is_read(root: Path) -> None:
    confine(None)
    assert grey_of(root.parent / "out" / "stack.tif") == OUTSIDE


def test_no_descriptor_stays_open(root: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        grey_of(root / "stack.tif")
        grey_of(root / "cells")
        with pytest.raises(InputUnreadable), held(root / ".." / "out"):
            pass
    assert len(os.listdir("/dev/fd")) == before


def test_a_folder_exchanged_for_a_link_shows_nothing_of_the_outside(root: Path) -> None:
    stop, here, away = threading.Event(), root / "cells", root / "away"

    def exchange() -> None:
        while not stop.is_set():
            here.rename(away)
            here.symlink_to(root.parent / "out" / "cells")
            here.unlink()
            away.rename(here)

    thread = threading.Thread(target=exchange)
    thread.start()
    seen = set()
    try:
        for _ in range(100):
            try:
                seen.add(grey_of(here))
            except (InputUnreadable, OSError):
                seen.add(0)
    finally:
        stop.set()
        thread.join()
    assert OUTSIDE not in seen
