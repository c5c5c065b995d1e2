"""A filter is a wall: whatever is asked, nothing of a document outside it is in an answer, in any field.

Each document has words of its own and shares others, so that documents outside would be found, compared, asked back
about, listed as nearest, or said to disagree.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.filters import parse_filter
from index.store import Store
from rag.abstention import Gate
from rag.answer import Answer
from rag.chain import Chain
from rag.conversation import Turn
from tests.conftest import WordReranker, build, searcher

# Words that only this document has: of its text, its heading, its name.
SECRETS = {
    "ana/lease.txt": ("zebrawood", "quokka", "lease"),
    "ana/cats.md": ("tabbyqueen", "purrsome", "cats"),
    "ben/contract.txt": ("umbrellar", "mongoosey", "contract"),
    "ben/dogs.md": ("barkington", "houndish", "dogs"),
}
SHARED = "rent ends month year euros house street animal sleeps".split()
QUESTIONS = (
    "When does the rent end?",
    "How much is the rent of the house, and of the street?",
    "Compare zebrawood with umbrellar and tabbyqueen with barkington.",
    "List all animals and rents.",
    "Which animal sleeps?",
    "Why does the animal sleep?",
    "What is quokka mongoosey purrsome houndish?",
)


def said_by(name: str) -> str:
    own, heading, _ = SECRETS[name]
    number = 900 + 10 * list(SECRETS).index(name)
    return (
        f"# {heading}\n\nThe rent of {own} is {number} euros a month. The rent of {own} ends in 20{number % 90 + 10}."
        f" The animal {own} sleeps in the house because {heading} is quiet.\n\nAnimals of {own}:\n\n- {heading} one\n"
        f"- {heading} two\n"
    )


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    folder = tmp_path_factory.mktemp("isolation")
    for name in SECRETS:
        (folder / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "docs" / name).write_text(said_by(name))
    store = Store(folder / ".rag")
    build(store, folder / "docs")
    return Chain(searcher(store), WordReranker(), Gate("words", -5.0, 1.0, 1.0, "by hand"), k=8)


def leaked(answer: str, asked: str, allowed: Callable[[str], bool]) -> list[str]:
    """Return the words of documents outside that are in an answer and were not in the question."""
    text = answer.lower()
    for word in sorted(asked.lower().replace("?", " ").replace(".", " ").split(), key=len, reverse=True):
        text = text.replace(word, " ")
    hidden = [words for name, words in SECRETS.items() if not allowed(f"docs/{name}")]
    return [word for words in hidden for word in words if word in text and word not in asked.lower()]


def shown(answer: Answer) -> str:
    """Return all that is in an answer but the filter, which is what the person typed."""
    return json.dumps({**answer.to_dict(), "where": ""})


WALLS = ["path:docs/ana/*", "path:docs/ben/*", "type=md", "-path:*lease*", "path:*dogs*", "path:docs/ana/* type=txt"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("wall", WALLS)
def test_nothing_of_another_document_is_in_an_answer(chain: Chain, wall: str, question: str) -> None:
    where = parse_filter(wall)
    answer = chain.invoke(question, where=where)
    assert all(where.matches(passage.document, {}) for passage in answer.passages)
    assert answer.passages, "there is something to look at"
    assert leaked(shown(answer), question, lambda name: where.matches(name, {})) == []
    *steps, last = chain.stream(question, where=where)
    assert last.answer is not None
    said = f"{steps} {shown(last.answer)}"
    assert leaked(said, question, lambda name: where.matches(name, {})) == []


def test_without_the_wall_there_is_something_to_leak(chain: Chain) -> None:
    found = chain.invoke(QUESTIONS[0])
    assert len(leaked(shown(found), QUESTIONS[0], lambda name: False)) >= 8


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    words=st.lists(st.sampled_from([*SHARED, "he", "it", "the second one", "compare", "list", "why"]), min_size=1),
    wall=st.sampled_from(WALLS),
    before=st.sampled_from([*QUESTIONS, ""]),
)
def test_no_question_and_no_follow_up_sees_over_it(chain: Chain, words: list[str], wall: str, before: str) -> None:
    where, question = parse_filter(wall), f"{' '.join(words)}?"
    history = (Turn(before, before),) if before else ()
    answer = chain.invoke(question, history, where)
    assert leaked(shown(answer), f"{question} {before}", lambda name: where.matches(name, {})) == []


def test_a_copy_outside_neither_hides_nor_names_itself(store: Store, tmp_path: Path) -> None:
    for name in ("a/hidden.txt", "b/shown.txt"):
        (tmp_path / "docs" / name).parent.mkdir(parents=True)
        (tmp_path / "docs" / name).write_text("The zebra sleeps.")
    build(store, tmp_path / "docs")
    hits = searcher(store).search("zebra", 5, where=parse_filter("path:docs/b/*")).hits
    assert [hit.passage.document for hit in hits] == ["docs/b/shown.txt"]
