"""The page in a real browser: upload, predict, view, pipeline. One service, one job, a window of 1280 x 720."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from tests.e2e.conftest import SHAPE, expect, opened_page, section
from tests.integration.service import Service

pytestmark = pytest.mark.slow(reason="drives the page in a browser, against a whole service")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PIXELS = """(panel) => {
    const canvas = document.querySelector(`#${panel} canvas`);
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let blue = 0, other = 0, grey = 0;
    for (let i = 0; i < data.length; i += 4) {
        const [least, most] = [Math.min, Math.max].map((of) => of(data[i], data[i + 1], data[i + 2]));
        if (most < least + 30) grey += 1;
        else if (data[i + 2] === most) blue += 1;
        else other += 1;
    }
    return { blue, other, grey };
}"""


def pixels(page: Page, panel: str = "right") -> dict[str, int]:
    """Count the bluish, otherwise coloured and grey pixels of a panel."""
    found: dict[str, int] = page.evaluate(PIXELS, panel)
    return found


def until(page: Page, is_true: str, argument: object = None) -> None:
    """Wait until a script returns true; polled from here, as the page's policy lets no text run as code."""
    for _ in range(200):
        if page.evaluate(is_true, argument):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never became true: {is_true}")


def slide(page: Page, label: str, value: float) -> None:
    """Move a slider as a person would, with its event."""
    page.get_by_label(label, exact=True).evaluate(
        "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", str(value)
    )


def test_a_folder_is_uploaded_inspected_and_predicted(page: Page, job: str) -> None:
    row = page.get_by_test_id("job")
    expect(row).to_contain_text("5 sections of 400 × 300 pixels · mitochondria · fast")
    row.get_by_text("Details").click()
    expect(row).to_contain_text("5 nm pixels, 50 nm sections")


def test_colour_threshold_and_visibility_change_the_pixels_without_the_service(view: Page) -> None:
    asked: list[str] = []
    view.wait_for_timeout(500)  # neighbours are being fetched
    view.on("request", lambda request: asked.append(request.url) if "/tiles/" in request.url else None)
    assert pixels(view)["other"] > 1000
    assert pixels(view, "left")["other"] == 0
    view.get_by_label("Colour of mitochondria").evaluate(
        "e => { e.value = '#2040ff'; e.dispatchEvent(new Event('input')); }"
    )
    until(view, f"() => ({PIXELS})('right').other === 0")
    many = pixels(view)["blue"]
    slide(view, "mitochondria: threshold", 0.98)
    until(view, f"(many) => ({PIXELS})('right').blue < many * 0.9", many)
    expect(view.get_by_test_id("save-threshold")).to_have_text("Save threshold 0.98")
    view.get_by_label("Show mitochondria").uncheck()
    until(view, f"() => ({PIXELS})('right').blue === 0")
    assert asked == []


def test_both_panels_stay_in_step(view: Page) -> None:
    at = view.get_by_test_id("right").bounding_box()
    assert at is not None
    view.mouse.move(at["x"] + at["width"] * 0.3, at["y"] + at["height"] * 0.6)
    view.mouse.wheel(0, -600)
    view.mouse.down()
    view.mouse.move(at["x"] + at["width"] * 0.5, at["y"] + at["height"] * 0.5, steps=4)
    view.mouse.up()
    view.get_by_label("Show mitochondria").uncheck()
    same = """() => {
        const [one, other] = ["left", "right"].map((id) => document.querySelector(`#${id} canvas`));
        const pixels = [one, other].map((c) => c.getContext("2d").getImageData(0, 0, c.width, c.height).data);
        let differing = 0;
        for (let i = 0; i < pixels[0].length; i += 4) if (Math.abs(pixels[0][i] - pixels[1][i]) > 30) differing += 1;
        return differing < pixels[0].length / 4 * 0.01;
    }"""
    until(view, same)
    until(view, "() => Number(new URLSearchParams(location.hash.split('?')[1]).get('zoom')) > 1.5")


def test_sections_step_by_keys_slider_wheel_and_number(view: Page) -> None:
    view.keyboard.press("PageDown")
    expect(section(view)).to_have_attribute("data-ready", "1")
    view.keyboard.press("End")
    expect(section(view)).to_have_attribute("data-ready", str(SHAPE[0] - 1))
    view.get_by_test_id("z-slider").fill("2")
    expect(section(view)).to_have_attribute("data-ready", "2")
    view.get_by_test_id("left").hover()
    view.keyboard.down("Shift")
    view.mouse.wheel(0, 100)
    view.keyboard.up("Shift")
    expect(section(view)).to_have_attribute("data-ready", "3")
    view.get_by_test_id("left").hover(position={"x": 200, "y": 200})
    expect(view.get_by_test_id("readout")).to_contain_text("section 4")
    view.keyboard.press("g")
    view.keyboard.type("5")
    view.keyboard.press("Enter")
    expect(section(view)).to_have_attribute("data-ready", "4")
    expect(view.get_by_test_id("readout")).to_be_empty()
    expect(view.locator("#z-facts")).to_contain_text("of 5 · s11.png · 200 nm deep")


def test_the_address_of_a_view_can_be_shared(view: Page, browser: Browser, service: Service) -> None:
    view.keyboard.press("PageDown")
    view.locator("#modes").get_by_text("Outline").click()
    slide(view, "mitochondria: opacity", 0.9)
    for _ in range(3):
        view.keyboard.press("+")
    until(view, "() => /z=2&/.test(location.hash) && /show=outline/.test(location.hash)")
    view.wait_for_timeout(600)  # the spring of the last zoom
    address = view.url
    with opened_page(browser, service, address) as other:
        expect(section(other)).to_have_attribute("data-ready", "1")
        expect(other.get_by_label("mitochondria: opacity")).to_have_value("0.9")
        expect(other.locator("#modes input:checked")).to_have_value("outline")
        place = (
            "() => ['x', 'y', 'zoom'].map((key) => Number(new URLSearchParams(location.hash.split('?')[1]).get(key)))"
        )
        other.keyboard.press("PageDown")
        until(other, "() => /z=3&/.test(location.hash)")
        assert other.evaluate(place) == pytest.approx(view.evaluate(place), rel=0.01)


def test_the_highlight_blinks_and_the_scale_bar_has_a_length(view: Page) -> None:
    assert pixels(view)["other"] > 1000
    view.keyboard.down("b")
    until(view, f"() => ({PIXELS})('right').other === 0")
    view.keyboard.up("b")
    until(view, f"() => ({PIXELS})('right').other > 1000")
    expect(view.get_by_test_id("scale")).to_have_text(re.compile(r"^\d+ nm$|^\d(\.\d+)? µm$"))


def test_other_layers_are_shown(view: Page) -> None:
    for mode in ("Probability", "Uncertainty"):
        before = pixels(view)["grey"]
        view.locator("#modes").get_by_text(mode).click()
        until(view, f"(before) => Math.abs(({PIXELS})('right').grey - before) > 500", before)


def test_everything_is_reached_by_keyboard_alone(page: Page, job: str) -> None:
    expect(page.get_by_test_id("job")).to_be_visible()  # the list comes after the page
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.textContent") == "View":
            break
    else:
        raise AssertionError("View was not reached")
    page.keyboard.press("Enter")
    expect(section(page)).to_have_attribute("data-ready", "0")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("1")
    expect(page.get_by_label("Show mitochondria")).not_to_be_checked()
    page.keyboard.press("s")
    expect(page.get_by_test_id("export")).to_be_visible()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.id || document.activeElement.dataset.testid || ''"))
    assert {"export", "export-format", "z-slider", "next", "zoom-in", "share"} <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_viewer_fits_its_window_in_light_and_dark(
    browser: Browser, service: Service, job: str, scheme: str
) -> None:
    with opened_page(browser, service, f"/#/job/{job}", color_scheme=scheme) as page:
        expect(section(page)).to_have_attribute("data-ready", "0")
        red = page.locator("body").evaluate(
            "(body) => Number(getComputedStyle(body).backgroundColor.match(/[0-9]+/)[0])"
        )
        assert (red < 60) == (scheme == "dark")
        spare = "(root) => Math.min(innerHeight - root.scrollHeight, innerWidth - root.scrollWidth)"
        assert page.locator("html").evaluate(spare) >= 0


def test_the_pipeline_has_three_lanes_and_a_text_alternative(page: Page, job: str) -> None:
    page.goto("/#/pipeline")
    picture = page.get_by_test_id("lanes").get_by_role("img")
    expect(picture).to_have_attribute(
        "aria-label", re.compile("Preprocess: [1-9].*Inference: [1-9].*Postprocess: [1-9]")
    )
    page.get_by_text("As a table").click()
    expect(page.locator("#lane-table tbody tr").first).to_contain_text("cortex")


def test_a_sample_that_cannot_be_read_is_refused_in_a_sentence(
    browser: Browser, service: Service, job: str, tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("this is no picture")
    with opened_page(browser, service, forgiven="status of 422") as page:
        page.get_by_test_id("files-input").set_input_files(tmp_path / "notes.png")
        draft = page.get_by_test_id("draft")
        expect(draft.get_by_role("alert")).to_contain_text("notes.png does not hold what its name says")
        expect(page.get_by_test_id("predict")).to_be_disabled()
        draft.get_by_text("Remove").click()
        expect(draft).to_have_count(0)
        expect(page.get_by_test_id("job")).to_have_count(1)


def test_the_good_samples_are_predicted_and_the_bad_one_is_named(
    browser: Browser, service: Service, job: str, sections: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("this is no picture")
    with opened_page(browser, service, forgiven="status of 422") as page:
        page.get_by_test_id("files-input").set_input_files(tmp_path / "notes.png")
        page.get_by_test_id("folder-input").set_input_files(sections)
        expect(page.get_by_test_id("shape")).to_contain_text("5 sections")
        expect(page.locator("#predict-note")).to_have_text(
            "images cannot be predicted as it is: correct it on its card, or remove it."
        )
        page.get_by_label("Fast").check()
        page.get_by_test_id("predict").click()
        expect(page.get_by_test_id("job")).to_have_count(2)
        expect(page.get_by_test_id("draft")).to_have_count(1)
        page.get_by_test_id("draft").get_by_text("Remove").click()
        page.get_by_test_id("job").first.get_by_role("button", name="Delete").click()
        page.get_by_test_id("confirm-yes").click()
        expect(page.get_by_test_id("job")).to_have_count(1)


def test_a_wrong_voxel_size_of_a_file_is_corrected_on_the_card_that_refuses_it(
    browser: Browser, service: Service, job: str, tmp_path: Path
) -> None:
    stack = np.random.default_rng(0).integers(0, 256, (3, 64, 64), dtype=np.uint8)
    with h5py.File(tmp_path / "wrong.h5", "w") as file:
        file["raw"] = stack
        file["raw"].attrs["element_size_um"] = [5.0, 5.0, 5.0]
    with opened_page(browser, service) as page:
        page.get_by_test_id("files-input").set_input_files(tmp_path / "wrong.h5")
        draft = page.get_by_test_id("draft")
        expect(draft.get_by_role("alert")).to_contain_text("times off")
        expect(draft.get_by_test_id("shape")).to_contain_text("3 sections")
        expect(page.locator("#predict-note")).to_contain_text("correct it on its card")
        for axis, edge in (("x", "5"), ("y", "5"), ("z", "50")):
            draft.get_by_test_id(f"voxel-{axis}").fill(edge)
        expect(draft.get_by_role("alert")).to_be_hidden()
        expect(page.get_by_test_id("predict")).to_be_enabled()
        draft.get_by_text("Remove").click()


def test_an_unlikely_voxel_size_is_questioned_and_an_unknown_thickness_asked_for(
    browser: Browser, service: Service, job: str, tmp_path: Path
) -> None:
    with h5py.File(tmp_path / "turned.h5", "w") as file:
        file["raw"] = np.random.default_rng(0).integers(0, 256, (70, 64, 64), dtype=np.uint8)
        file["raw"].attrs["resolution"] = [5.0, 5.0, 40.0]
    with opened_page(browser, service) as page:
        page.get_by_test_id("files-input").set_input_files(tmp_path / "turned.h5")
        draft, predict = page.get_by_test_id("draft"), page.get_by_test_id("predict")
        question = draft.get_by_test_id("voxel-question")
        expect(question).to_contain_text("40 × 5 nm pixels, 5 nm sections")
        expect(page.locator("#predict-note")).to_contain_text("correct or confirm it")
        draft.get_by_test_id("voxel-confirm").check()
        expect(predict).to_be_enabled()
        draft.get_by_test_id("voxel-confirm").uncheck()
        draft.get_by_test_id("voxel-turn").click()
        expect(question).to_be_hidden()
        expect(draft.get_by_test_id("voxel-z")).to_have_value("40")
        draft.get_by_test_id("voxel-z").fill("")
        expect(draft.get_by_test_id("voxel-note")).to_contain_text("section thickness is not in the file")
        expect(predict).to_be_enabled()
        draft.get_by_text("Remove").click()


def test_an_upload_goes_on_after_a_lost_connection(
    browser: Browser, service: Service, sections: Path, job: str
) -> None:
    lost: list[str] = []

    def lose_some(route: Any) -> None:
        if "s9.png" in route.request.url and len(lost) < 2 and route.request.method == "PUT":
            lost.append(route.request.url)
            route.abort("connectionreset")
        else:
            route.continue_()

    with opened_page(browser, service, forgiven="ERR_CONNECTION_RESET") as page:
        page.route("**/files/**", lose_some)
        page.get_by_test_id("folder-input").set_input_files(sections)
        expect(page.get_by_test_id("shape")).to_contain_text("5 sections")
        page.get_by_text("Remove").click()
    assert len(lost) == 2


def test_a_job_is_deleted_after_asking(page: Page, job: str) -> None:
    page.request.post("/v1/jobs", data={"name": "half sent", "files": [{"name": "s1.png", "size": 9}]})
    page.reload()
    row = page.get_by_test_id("job").first
    expect(row).to_contain_text("uploaded to 0 %: choose the same files again to continue")
    row.get_by_role("button", name="Delete").click()
    page.locator("#confirm").get_by_text("Keep it").click()
    expect(page.get_by_test_id("job")).to_have_count(2)
    row.get_by_role("button", name="Delete").click()
    page.get_by_test_id("confirm-yes").click()
    expect(page.get_by_test_id("job")).to_have_count(1)


def test_the_files_of_a_job_are_predicted_again_with_other_settings(page: Page, job: str) -> None:
    page.get_by_role("button", name="Again… cortex").click()
    draft = page.get_by_test_id("draft")
    expect(draft.get_by_test_id("shape")).to_contain_text("5 sections")
    expect(draft.get_by_test_id("voxel-z")).to_have_value("50")
    expect(page.get_by_test_id("predict")).to_be_enabled()
    page.set_viewport_size({"width": 420, "height": 800})  # where the settings come below the sample, not over it
    assert page.locator("html").evaluate("(root) => root.scrollWidth") <= 420
    draft.get_by_text("Remove").click()
    expect(page.get_by_test_id("job")).to_have_count(1)  # the job itself stays


def test_without_a_key_the_page_asks_for_one(browser: Browser, service: Service) -> None:
    with opened_page(browser, service, forgiven="status of 401") as page:
        page.context.clear_cookies()
        page.reload()
        expect(page.get_by_label("Token or key")).to_be_focused()
        expect(page.get_by_test_id("drop")).to_be_hidden()


def preview(page: Page, folder: Path) -> None:
    """Preview one section of the sample that was added."""
    page.get_by_label("Fast").check()
    page.get_by_test_id("preview").click()
    expect(section(page)).to_have_attribute("data-layers", "1", timeout=60_000)
    until(page, f"() => ({PIXELS})('right').other > 100")
    expect(page.locator("#view-name")).to_have_text(f"{folder.name} (preview)")
    expect(page.locator("#view-facts")).to_contain_text("1 section of")


def test_a_path_is_inspected_and_a_region_of_it_previewed(
    page: Page, sections: Path, job: str, service: Service
) -> None:
    page.get_by_text("On the server’s disk…").click()
    page.get_by_label("Path on the server").fill(str(sections))
    page.keyboard.press("Enter")
    draft = page.get_by_test_id("draft")
    expect(draft.get_by_test_id("shape")).to_contain_text("5 sections of 400 × 300 pixels")
    expect(draft.get_by_test_id("order")).to_contain_text("s7.png → s11.png")
    until(page, "() => document.querySelector('.map image').getAttribute('href')?.startsWith('blob:')")
    page.get_by_test_id("preview-z").fill("2")
    page.keyboard.press("Enter")
    expect(draft.get_by_test_id("preview-name")).to_have_text("s8.png")
    at = draft.get_by_test_id("preview-map").bounding_box()
    assert at is not None
    page.mouse.move(at["x"] + at["width"] / 4, at["y"] + at["height"] / 3)
    page.mouse.down()
    page.mouse.move(at["x"] + at["width"], at["y"] + at["height"], steps=3)
    page.mouse.up()
    draft.get_by_text("Region in numbers").click()
    expect(draft.get_by_test_id("preview-width")).to_have_value(re.compile("^(299|300|301)$"))
    for name, value in (("x", "100"), ("y", "100"), ("width", "300"), ("height", "200")):
        draft.get_by_test_id(f"preview-{name}").fill(value)
    preview(page, sections)
    expect(page.locator("#view-facts")).to_contain_text("1 section of 300 × 200 pixels")
    assert service.client.jobs(1)[0].settings["region"] == [[1, 100, 100], [2, 300, 400]]
    page.get_by_role("link", name="Samples").last.click()
    expect(page.get_by_test_id("draft")).to_be_visible()  # still there, with its settings
    page.get_by_text("Remove").click()


@pytest.mark.real
def test_a_section_of_real_tissue_is_previewed(page: Page, real_mitochondria: Path, job: str, tmp_path: Path) -> None:
    for path in sorted((real_mitochondria / "val" / "images").iterdir())[:2]:
        shutil.copy(path, tmp_path)
    page.get_by_test_id("folder-input").set_input_files(tmp_path)
    preview(page, tmp_path)
    page.get_by_role("link", name="Samples").last.click()
    page.get_by_text("Remove").click()
