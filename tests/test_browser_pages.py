"""The browser's source panel with a PDF: the page is drawn, the sentence painted, and its text stands below."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import expect

from tests.browsing import Person, Site, browser, index, person, serve
from tests.pdfs import Writer
from tests.test_pdf import GARDEN, LEASE

__all__ = ["browser", "person"]

# Where the picture's paint is: yellow, on a page that is black and white.
PAINTED = """async (image) => {
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const rows = [];
  for (let i = 0; i < data.length; i += 4)
    if (data[i] > 230 && data[i + 2] < 130) rows.push(Math.floor(i / 4 / canvas.width) / canvas.height);
  return [rows.length, rows[0], rows[rows.length - 1]];
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "papers").mkdir()
    writer = Writer().down(*GARDEN).page()
    writer.y = 300
    writer.down(*LEASE).page()
    (folder / "papers" / "lease.pdf").write_bytes(writer.data())
    (folder / "papers" / "cats.txt").write_text("The cat of the harbour is called Minka.\n")
    index(folder, "papers")
    yield from serve(folder, seeds=False)


def test_the_page_is_drawn_with_the_sentence_painted(person: Callable[..., Person], tmp_path: Path) -> None:
    ana = person()
    ana.ask("How much rent does the tenant pay every month?")
    page = ana.page
    page.locator(".cite").first.click()
    image = page.locator(".pages img")
    expect(image).to_be_visible()
    assert image.get_attribute("alt") == (
        "Page 2 of papers/lease.pdf, with the quoted words painted over; they stand below as text."
    )
    expect(page.locator(".where")).to_contain_text("page 2")
    expect(page.locator("#marked")).to_contain_text("The tenant pays a rent of nine hundred euros every month")
    count, first, last = image.evaluate(PAINTED)
    assert count > 1_000
    assert (1 - first) * 842 == pytest.approx(300, abs=15), "the paragraph's second and third lines"
    assert (1 - last) * 842 == pytest.approx(300 - 2 * 13, abs=15)
    expect(page.locator(".pages")).to_have_js_property("hidden", False)
    middle = page.evaluate(
        "(first) => { const box = document.querySelector('.pages').getBoundingClientRect();"
        " const image = document.querySelector('.pages img').getBoundingClientRect();"
        " return (image.top + first * image.height - box.top) / box.height; }",
        first,
    )
    assert 0 <= middle <= 1, "scrolled to the painted line"
    page.add_script_tag(path=AXE_FILE_PATH)
    found = page.evaluate("async () => (await axe.run('.panel')).violations.map((v) => v.id)")
    assert found == []
    assert ana.errors == []
    page.screenshot(path=tmp_path / "panel.png")


def test_a_text_has_no_picture_and_the_last_one_goes(person: Callable[..., Person]) -> None:
    ana = person()
    ana.ask("How much rent does the tenant pay every month?")
    ana.page.locator(".cite").first.click()
    expect(ana.page.locator(".pages img")).to_be_visible()
    ana.ask("What is the cat of the harbour called?")
    ana.page.locator(".turn").last.locator(".cite").first.click()
    expect(ana.page.locator("#marked")).to_contain_text("Minka")
    expect(ana.page.locator(".pages")).to_be_hidden()
    assert ana.page.locator(".pages img").count() == 0


def test_a_file_that_changed_is_not_shown_for_the_one_that_was_indexed(
    person: Callable[..., Person], site: Site
) -> None:
    ana = person()
    ana.ask("How much rent does the tenant pay every month?")
    path = site.folder / "papers" / "lease.pdf"
    data = path.read_bytes()
    path.write_bytes(Writer().down("Nothing is left of it.").page().data())
    try:
        ana.page.locator(".cite").first.click()
        expect(ana.page.locator(".pages .note")).to_have_text(
            "papers/lease.pdf has changed since it was indexed: run `rag index` again"
        )
        expect(ana.page.locator("#marked")).to_contain_text("The tenant pays a rent")
    finally:
        path.write_bytes(data)


def test_on_a_phone_the_picture_fits(person: Callable[..., Person]) -> None:
    ana = person(viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)
    ana.ask("How much rent does the tenant pay every month?")
    ana.page.locator(".cite").first.tap()
    expect(ana.page.locator(".pages img")).to_be_visible()
    widths = ana.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1], "no sideways scrolling"
