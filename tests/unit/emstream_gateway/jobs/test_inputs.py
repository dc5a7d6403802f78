"""Input files of jobs: their order, their hash, and their links for another job."""

from __future__ import annotations

import pytest

from emstream.api.problems import NotReady
from emstream.jobs.folder import JobFolder
from emstream.jobs.record import InputFile
from emstream_gateway.jobs.actions import start_upload
from emstream_gateway.jobs.inputs import identity_of, link_files, source_of
from tests.unit.emstream_gateway.conftest import Desk


def test_files_are_in_natural_order_before_and_after_the_start(desk: Desk) -> None:
    folder = desk.upload("s10.png", "s9.png", ".hidden")
    before = source_of(desk.context, folder)
    assert [file.name for file in before.files] == ["s9.png", "s10.png"]
    assert [path.read_bytes() for path in before.paths] == [b"s9.png", b"s10.png"]
    start_upload(desk.context, folder)
    after = source_of(desk.context, folder)
    assert after.files == before.files
    assert [path.read_bytes() for path in after.paths] == [b"s9.png", b"s10.png"]


def test_files_that_have_not_arrived_are_counted(desk: Desk) -> None:
    folder = desk.upload("s1.png")
    with pytest.raises(NotReady, match="all of the job's 0 files"):
        source_of(desk.context, desk.upload())
    desk.context.uploads.get(folder).announce([("s2.png", 5)], 10)
    with pytest.raises(NotReady, match="1 of the job's 2 files"):
        source_of(desk.context, folder)


def test_links_share_the_bytes_and_survive_the_other_job(desk: Desk) -> None:
    folder = desk.upload("s1.png")
    other = JobFolder(desk.context.store.path / "other")
    link_files(source_of(desk.context, folder), other)
    (folder.path / "incoming" / "00000.png").unlink()
    assert (other.path / "input" / "00000.png").read_bytes() == b"s1.png"
    with pytest.raises(NotReady, match="ask again"):
        link_files(source_of(desk.context, folder), JobFolder(desk.context.store.path / "third"))


def test_the_identity_depends_on_names_contents_and_order() -> None:
    def file(name: str, sha256: str) -> InputFile:
        return InputFile(name=name, stored="input/0", size=1, sha256=sha256)

    ids = [
        identity_of([file("a", "1"), file("b", "2")]),
        identity_of([file("b", "2"), file("a", "1")]),
        identity_of([file("a", "1"), file("b", "3")]),
        identity_of([file("a", "1"), file("c", "2")]),
    ]
    assert len(set(ids)) == 4
    assert ids[0] == identity_of(iter([file("a", "1"), file("b", "2")]))
