"""The page of who has several collections: one is chosen above the question, and all that is seen is of that one."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from index.build import Builder
from index.collections import folder_of
from index.encoders import question_encoder
from index.store import Store
from rag.assemble import index_meta
from rag.settings import Settings
from tests.browsing import Person, Site, browser, person, site

__all__ = ["browser", "person", "site"]


def add_pets(folder: Path) -> None:
    (folder / "pets").mkdir()
    (folder / "pets" / "cats.txt").write_text("The cat is called Quokka. She sleeps in the kitchen.\n")
    store = Store(folder_of(folder / ".rag", "pets"))
    Builder(store, index_meta(Settings()), question_encoder).build(folder / "pets")


def test_one_is_chosen_above_the_question_and_nothing_of_another_is_seen(
    person: Callable[..., Person], site: Site
) -> None:
    alone = person()
    expect(alone.page.locator("#collections")).to_be_hidden()
    alone.ask("What is the cat called?")
    assert alone.last(".refusal strong") == "Not in the documents."
    add_pets(site.folder)
    alone.page.reload()
    chooser = alone.page.get_by_label("Collection")
    expect(chooser.locator("option")).to_have_text(["default", "pets"])
    expect(chooser).to_have_value("default")
    chooser.select_option("pets")
    alone.page.wait_for_url("**/?collection=pets")
    expect(alone.page.locator("#status")).to_contain_text("Ready: 1 document, 1 passage")
    expect(alone.page.get_by_label("Collection")).to_have_value("pets")
    expect(alone.page.locator(".turn")).to_have_count(0)
    alone.ask("What is the cat called?")
    assert "The cat is called Quokka." in alone.last(".sentence")
    alone.page.locator(".cite").first.click()
    expect(alone.page.locator("#marked")).to_have_text("The cat is called Quokka.")
    alone.page.get_by_role("button", name="Back to answer").click()
    assert alone.upload("dogs.txt", b"The dog is called Barkington.\n") == "indexed"
    expect(alone.page.locator("#documents")).to_contain_text("uploads@pets/dogs.txt")
    assert (site.folder / "uploads@pets" / "dogs.txt").exists()
    alone.tab("Conversations")
    expect(alone.page.locator(".listed li")).to_have_count(1)
    saved = alone.page.locator(".listed a").first.get_attribute("href")
    assert str(saved).endswith("export.md?collection=pets")
    alone.page.goto(f"{site.address}?collection=default")
    expect(alone.page.locator(".turn")).to_have_count(1)
    expect(alone.page.locator("body")).not_to_contain_text("Quokka")
    assert alone.errors == []


def test_an_address_of_none_says_so_and_offers_those_that_there_are(person: Callable[..., Person], site: Site) -> None:
    if not (site.folder / "pets").exists():
        add_pets(site.folder)
    lost = person()
    lost.page.goto(f"{site.address}?collection=nothing")
    expect(lost.page.locator("#status")).to_contain_text("there is no such collection")
    lost.page.get_by_label("Collection").select_option("pets")
    expect(lost.page.locator("#status")).to_contain_text("Ready: ")
