"""The page's results in a real browser: files in every format, objects, surfaces, other thresholds."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.e2e.conftest import SHAPE, expect, opened_page, section
from tests.integration.service import Service

pytestmark = pytest.mark.slow(reason="drives the page in a browser, against a whole service")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CUT = (2, *SHAPE[1:])
"""Sections 2 and 3 are saved."""


def shape_of_h5(path: Path) -> tuple[int, ...]:
    found: list[tuple[int, ...]] = []
    with h5py.File(path) as file:
        file.visititems(lambda _, one: found.append(one.shape) if isinstance(one, h5py.Dataset) else None)
    return next(shape for shape in found if len(shape) == 3)


def shape_of_tiff(path: Path) -> tuple[int, ...]:
    with tifffile.TiffFile(path) as file:
        return tuple(file.series[0].shape)


def shape_of_pictures(path: Path) -> tuple[int, ...]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith((".png", ".jpg", ".jpeg"))]
        with Image.open(io.BytesIO(archive.read(names[0]))) as image:
            return len(names), image.height, image.width


def shape_of_raw(path: Path) -> tuple[int, ...]:
    import nrrd

    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.with_suffix(""))
    (header,) = path.with_suffix("").rglob("*.nhdr")
    values, _ = nrrd.read(str(header), index_order="C")
    return tuple(values.shape)


def shape_of_pdf(path: Path) -> tuple[int, ...]:
    import pypdf

    pages = pypdf.PdfReader(path).pages
    (picture, *_) = pages[-1].images
    assert picture.image is not None
    return CUT[0], picture.image.height, picture.image.width


def shape_of_zarr(path: Path) -> tuple[int, ...]:
    import zarr

    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.with_suffix(""))
    store = min((meta.parent for meta in path.with_suffix("").rglob("zarr.json")), key=lambda folder: len(folder.parts))
    arrays = [one for _, one in zarr.open_group(store, mode="r").members(max_depth=None) if isinstance(one, zarr.Array)]
    return max(array.shape[-3:] for array in arrays)


READERS: dict[str, tuple[str, Callable[[Path], tuple[int, ...]]]] = {
    "h5": ("probability", shape_of_h5),
    "tiff": ("mask", shape_of_tiff),
    "png": ("mask", shape_of_pictures),
    "jpeg": ("overlay", shape_of_pictures),
    "raw": ("original", shape_of_raw),
    "pdf": ("overlay", shape_of_pdf),
    "zarr": ("mask", shape_of_zarr),
}


def test_a_download_of_each_format_opens_in_its_reader(view: Page, tmp_path: Path) -> None:
    view.keyboard.press("s")
    view.get_by_label("First section").fill("2")
    view.get_by_label("Last section").fill("3")
    for form, (content, read) in READERS.items():
        view.get_by_test_id("export-content").select_option(content)
        view.get_by_test_id("export-format").select_option(form)
        with view.expect_download(timeout=60_000) as caught:
            view.get_by_test_id("export").click()
        path = tmp_path / caught.value.suggested_filename
        caught.value.save_as(path)
        assert read(path)[:3] == CUT, form
    expect(view.get_by_test_id("saved-line")).to_have_count(len(READERS))
    view.reload()
    view.get_by_role("tab", name="Save").click()
    expect(view.get_by_test_id("saved-line")).to_have_count(len(READERS))


def test_a_picture_of_the_view_is_saved_with_its_scale_bar(view: Page, tmp_path: Path) -> None:
    view.keyboard.press("s")
    with view.expect_download() as caught:
        view.get_by_role("button", name="Picture of this view").click()
    caught.value.save_as(tmp_path / "view.png")
    assert caught.value.suggested_filename == "cortex-section-1.png"
    with Image.open(tmp_path / "view.png") as image:
        corner = np.asarray(image.convert("RGB"))[-40:, :200]
    assert (corner.min(axis=2) > 250).sum() > 100  # the bar, white


@pytest.fixture
def measured(view: Page, service: Service, job: str) -> Page:
    """The viewer of a job whose objects are measured."""
    if view.request.get(f"/v1/jobs/{job}/measurements").status == 404:
        pytest.skip("this service does not measure objects")
    return view


def test_a_row_of_the_table_leads_to_its_object(measured: Page) -> None:
    measured.get_by_role("tab", name="Objects").click()
    rows = measured.get_by_test_id("objects").locator("tbody tr")
    expect(measured.get_by_test_id("object-count")).to_contain_text("% of the volume")
    measured.get_by_role("button", name="volume").click()
    expect(measured.get_by_role("columnheader").filter(has_text="volume")).to_have_attribute("aria-sort", "descending")
    rows.first.click()
    expect(rows.first).to_have_attribute("aria-selected", "true")
    expect(measured.locator("#right .frame")).to_be_visible()
    measured.evaluate("() => document.querySelectorAll('.frame').forEach((frame) => frame.remove())")
    rows.first.click()  # framed again, in the section that is shown already
    expect(measured.locator("#right .frame")).to_be_visible()
    picture = measured.get_by_test_id("right").bounding_box()
    assert picture is not None
    measured.wait_for_timeout(600)  # the spring of the way there
    measured.mouse.click(picture["x"] + picture["width"] / 2, picture["y"] + picture["height"] / 2)
    expect(measured.get_by_test_id("readout")).to_contain_text("mitochondria")
    measured.get_by_test_id("object-number").fill("1")
    measured.keyboard.press("Enter")
    expect(measured.locator("tbody tr[data-id='1']")).to_have_attribute("aria-selected", "true")
    with measured.expect_download() as caught:
        measured.get_by_test_id("csv").click()
    table = list(csv.DictReader(Path(caught.value.path()).read_text().splitlines()))
    assert {"id", "volume_voxels", "uncertainty"} <= set(table[0])


def test_the_least_certain_objects_can_be_listed_first(measured: Page) -> None:
    measured.keyboard.press("n")
    measured.keyboard.press("o")
    measured.get_by_test_id("object-list").select_option("uncertain")
    chosen = measured.locator("tbody tr[aria-selected=true]")
    expect(chosen).to_have_count(1)
    first = chosen.get_attribute("data-id")
    expect(measured.locator("tbody tr").first).to_have_attribute("data-id", first or "")
    measured.keyboard.press("n")
    expect(chosen).not_to_have_attribute("data-id", first or "")


def test_the_surface_of_an_object_is_downloaded(measured: Page) -> None:
    measured.get_by_role("tab", name="Objects").click()
    measured.get_by_test_id("objects").locator("tbody tr").first.click()
    with measured.expect_download(timeout=30_000) as caught:
        measured.get_by_role("button", name="STL").click()
    assert Path(caught.value.path()).stat().st_size > 84  # a header and some triangles


def test_a_saved_threshold_makes_the_masks_again(measured: Page, service: Service, job: str) -> None:
    before = measured.request.get(f"/v1/jobs/{job}/view").json()
    measured.get_by_label("mitochondria: threshold").fill("0.8")
    measured.get_by_test_id("save-threshold").click()
    measured.locator("#confirm").get_by_text("Keep it").click()
    assert measured.request.get(f"/v1/jobs/{job}/view").json()["version"] == before["version"]
    measured.get_by_test_id("save-threshold").click()
    measured.get_by_test_id("confirm-yes").click()
    expect(measured.get_by_test_id("save-threshold")).to_be_hidden(timeout=30_000)
    after = measured.request.get(f"/v1/jobs/{job}/view").json()
    assert after["objects"][0]["threshold"] == 0.8
    assert after["version"] != before["version"]
    expect(section(measured)).to_have_attribute("data-ready", "0")


@pytest.fixture(scope="session")
def two_structures(service: Service, sections: Path) -> str:
    """A job that found two structures."""
    settings = {"objects": ["mitochondria", "membranes"], "quality": "fast", "voxel_size_nm": [50, 5, 5]}
    (sample,) = service.client.submit(sections, settings)
    return service.client.wait(sample.id, timeout_s=120).id


@pytest.fixture
def both(browser: Browser, service: Service, two_structures: str) -> Iterator[Page]:
    """The viewer of that job, with the table of the first structure."""
    with opened_page(browser, service, f"/#/job/{two_structures}") as page:
        expect(section(page)).to_have_attribute("data-ready", "0")
        page.get_by_role("tab", name="Objects").click()
        expect(page.get_by_test_id("objects")).to_be_visible()
        yield page


def test_another_structure_has_no_object_selected(both: Page) -> None:
    both.get_by_test_id("objects").locator("tbody tr").first.click()
    expect(both.get_by_text("Surface of mitochondria, object 1:")).to_be_visible()
    expect(both.locator("#right .frame")).to_be_visible()
    both.get_by_label("Structure", exact=True).select_option("membranes")
    expect(both.get_by_test_id("object-count")).to_contain_text("enclosed profile")
    expect(both.get_by_test_id("object-count")).to_contain_text("The membranes themselves: ")
    expect(both.locator("tbody tr[aria-selected=true]")).to_have_count(0)
    expect(both.locator("#right .frame")).to_have_count(0)
    expect(both.get_by_text("Surface of")).to_have_count(0)


def test_a_click_selects_an_object_of_the_structure_that_was_clicked(both: Page) -> None:
    both.get_by_label("Structure", exact=True).select_option("membranes")
    expect(both.get_by_test_id("object-count")).to_contain_text("enclosed profile")
    both.get_by_test_id("object-number").fill("2")
    both.keyboard.press("Enter")
    chosen = both.locator("tbody tr[aria-selected=true]")
    expect(chosen).to_have_attribute("data-id", "2")
    both.wait_for_timeout(600)  # the spring of the way there
    both.get_by_label("Structure", exact=True).select_option("mitochondria")
    expect(both.get_by_test_id("object-count")).to_contain_text("object")
    both.get_by_role("tab", name="Layers").click()
    both.get_by_label("Show mitochondria").uncheck()
    both.get_by_role("tab", name="Objects").click()
    picture = both.get_by_test_id("right").bounding_box()
    assert picture is not None
    both.mouse.click(picture["x"] + picture["width"] / 2, picture["y"] + picture["height"] / 2)
    expect(both.get_by_test_id("readout")).to_contain_text("membranes")
    expect(both.get_by_label("Structure", exact=True)).to_have_value("membranes")
    number = re.search(r"membranes \d+ % \(object (\d+)\)", both.get_by_test_id("readout").inner_text())
    assert number
    expect(chosen).to_have_attribute("data-id", number[1])
    expect(both.get_by_text(f"Surface of membranes, object {number[1]}:")).to_be_visible()


def test_keys_lead_through_the_least_certain_objects_also_with_the_table_open(both: Page, two_structures: str) -> None:
    path = f"/v1/jobs/{two_structures}/uncertain?object=mitochondria&limit=3"
    wanted = [row["id"] for row in both.request.get(path).json()["rows"]]
    expect(both.get_by_test_id("object-list")).to_have_value("all")
    for number in wanted:
        both.keyboard.press("n")
        expect(both.locator("tbody tr[aria-selected=true]")).to_have_attribute("data-id", str(number))
    both.keyboard.press("p")
    expect(both.locator("tbody tr[aria-selected=true]")).to_have_attribute("data-id", str(wanted[-2]))
