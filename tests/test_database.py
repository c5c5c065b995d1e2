"""Where people and conversations are kept: the same with SQLite and with PostgreSQL, however many write at once."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from index.collections import folder_of
from index.errors import CollectionMissingError
from rag.settings import Settings
from server.accounts import AccountError, Accounts
from tests.conftest import ROOT, clean_environment
from ui.conversations import Conversations
from ui.visitor import Role

pytestmark = pytest.mark.databases


@pytest.fixture
def settings(tmp_path: Path, database: str) -> Settings:
    return Settings(index=tmp_path / ".rag", database=database)


@pytest.fixture
def kept(settings: Settings) -> Conversations:
    return Conversations.of(settings)


@pytest.fixture
def people(settings: Settings) -> Accounts:
    return Accounts.of(settings, cost=2)


def answer(text: str, document: str = "docs/lease.txt") -> dict[str, object]:
    return {"claims": [{"text": text}], "sources": [{"document": document}], "passages": [{"document": "other.txt"}]}


def test_people_are_added_changed_and_removed(people: Accounts, settings: Settings) -> None:
    assert not people.any()
    people.add("zoe", "long enough", Role.READER, "path:x/*", ["legal", "hr", "legal"])
    people.add("Ana", "long enough", Role.ADMIN)
    ana, zoe = people.users()
    assert (ana.name, ana.role, ana.documents, ana.collections) == ("Ana", Role.ADMIN, "", ())
    assert (zoe.name, zoe.role, zoe.documents, zoe.collections) == ("zoe", Role.READER, "path:x/*", ("legal", "hr"))
    assert people.by_password("zoe", "long enough") == zoe
    assert people.by_password("zoe", "long enouhg") is None
    assert people.by_password("nobody", "long enough") is None
    people.change("zoe", password="longer than that", role=Role.EDITOR, collections=["b", "a"])
    other = Accounts.of(settings, cost=2)
    assert other.by_password("zoe", "long enough") is None
    changed = other.by_password("zoe", "longer than that")
    assert changed == replace(zoe, role=Role.EDITOR, collections=("b", "a"))
    people.change("zoe", collections=["default"])
    assert other.users()[1].collections == ()
    people.remove("zoe")
    assert [user.name for user in other.users()] == ["Ana"]
    for fail in (people.remove, people.change, people.make_token):
        with pytest.raises(AccountError, match="there is no user zoe"):
            fail("zoe")


def test_a_token_is_its_users_until_it_is_taken_back_or_they_go(people: Accounts) -> None:
    people.add("ana", "long enough", Role.READER, collections=["hr", "legal"])
    (first, one), (second, two) = people.make_token("ana", "mine"), people.make_token("ana")
    assert [(token.id, token.user, token.label) for token in people.tokens()] == [
        (first, "ana", "mine"),
        (second, "ana", ""),
    ]
    assert people.by_token(one) == people.by_token(two) == people.users()[0]
    people.revoke(first)
    assert people.by_token(one) is None
    with pytest.raises(AccountError, match=f"there is no token {first}"):
        people.revoke(first)
    people.remove("ana")
    assert (people.by_token(two), people.tokens()) == (None, [])


def test_words_are_found_in_titles_questions_and_sentences_alone(kept: Conversations) -> None:
    lease, cats = kept.start("ana", "About the Lease"), kept.start("ana", "Cats?")
    kept.add("ana", lease, "What is the rent?", answer("The rent is 900 Éuros."))
    kept.add("ana", cats, "100 % of what_they eat?", None, "Stopped.")
    kept.add("ben", kept.start("ben", "The rent?"), "rent?", answer("900 euros"))

    def found(words: str) -> list[str]:
        return [conversation.id for conversation in kept.listed("ana", words)]

    assert found("") == found("  ") == [cats, lease]
    assert found("euros 900") == found("lease") == found("RENT what") == [lease]
    assert found("%") == found("what_they") == [cats]
    assert found("lease 900") == [], "the words stand in one text"
    assert found("docs") == found("claims") == []


def test_answers_that_show_a_document_are_found_whoever_asked(kept: Conversations) -> None:
    turns = [kept.add(o, kept.start(o, "?"), f"{o}?", answer("x", f"{o}.txt")) for o in ("ana", "ben")]
    kept.add("ana", kept.start("ana", "?"), "none?", None, "Stopped.")
    assert kept.quoting(["ben.txt", "none.txt"]) == [(turns[1], "ben?")]
    assert [turn for turn, _ in kept.quoting(["other.txt"])] == turns
    assert kept.quoting(["ben"]) == kept.quoting([]) == []
    kept.withdraw(turns[:1], "Removed.")
    assert [turn for turn, _ in kept.quoting(["other.txt"])] == turns[1:]


def test_what_is_deleted_takes_what_belongs_to_it(kept: Conversations) -> None:
    conversation = kept.start("ana", "?")
    turns = [kept.add("ana", conversation, f"{number}?", answer("x")) for number in range(3)]
    for turn in turns:
        assert kept.rate("ana", turn, "up", turn)
    kept.rate("ana", turns[0], "down", "again")
    assert [(e["thumb"], e["comment"]) for e in kept.feedback()] == [("up", t) for t in turns[1:]] + [("down", "again")]
    kept.cut("ana", conversation, turns[1])
    assert [turn.id for turn in kept.turns("ana", conversation)] == turns[:1]
    assert [entry["question"] for entry in kept.feedback()] == ["0?"]
    assert not kept.rate("ana", turns[1], "up")
    kept.delete("ben", conversation)
    assert kept.owns("ana", conversation)
    kept.delete("ana", conversation)
    assert (kept.feedback(), kept.turn("ana", turns[0]), kept.listed("ana")) == ([], None, [])


@pytest.mark.parametrize("text", ["nothing\0is lost", "'; DROP TABLE turns; --", "100 %s ? %(x)s", "𝄞 日本語 é"])
def test_any_text_comes_back(kept: Conversations, database: str, text: str) -> None:
    conversation = kept.start("ana", text)
    kept.add("ana", conversation, text, answer(text), text)
    (turn,) = kept.turns("ana", conversation)
    # PostgreSQL's text has every character but one; an answer is JSON, which writes that one in letters.
    same = text.replace("\0", "\N{REPLACEMENT CHARACTER}") if database else text
    assert (turn.question, turn.note, turn.answer) == (same, same, answer(text))
    assert [one.id for one in kept.listed("ana", text.split()[0])] == [conversation]


def test_no_row_of_one_collection_is_in_another(settings: Settings) -> None:
    folders = [settings.index, *(folder_of(settings.index, name) for name in ("hr", "HR.x", "法" * 30, "法" * 29))]
    for folder in folders[1:]:
        folder.mkdir(parents=True)
    rooms = [Conversations.of(replace(settings, index=folder)) for folder in folders]
    ids = [room.start("ana", f"What is in room {number}?") for number, room in enumerate(rooms)]
    turns = [room.add("ana", id_, "?", answer("x")) for room, id_ in zip(rooms, ids, strict=True)]
    for number, room in enumerate(rooms):
        assert [one.id for one in room.listed("ana")] == [ids[number]]
        assert [id_ for id_ in ids if room.owns("ana", id_)] == [ids[number]]
        assert [turn for turn in turns if room.turn("ana", turn) or room.rate("ana", turn, "up")] == [turns[number]]
        assert [turn for turn, _ in room.quoting(["other.txt"])] == [turns[number]]
        for id_ in ids[:number]:
            room.delete("ana", id_)
            with pytest.raises(KeyError):
                room.add("ana", id_, "?", None)
    assert all(room.owns("ana", id_) for room, id_ in zip(rooms, ids, strict=True))


def test_what_is_of_a_removed_collection_is_not_made_again(settings: Settings) -> None:
    gone = Conversations.of(replace(settings, index=folder_of(settings.index, "gone")))
    calls: list[Callable[[], object]] = [
        lambda: gone.start("ana", "?"),
        lambda: gone.listed("ana", "words"),
        lambda: gone.quoting(["x"]),
    ]
    for call in calls:
        with pytest.raises(CollectionMissingError):
            call()


WRITER = """
import sys
from pathlib import Path
from rag.settings import Settings
from server.accounts import Accounts
from ui.conversations import Conversations
from ui.visitor import Role
who, index, database, conversation = sys.argv[1:]
settings = Settings(index=Path(index), database=database)
kept, people = Conversations.of(settings), Accounts.of(settings, cost=2)
sys.stdin.readline()
for number in range(20):
    turn = kept.add("ana", conversation, f"{who} {number}", {"claims": []})
    kept.rate("ana", turn, "up")
    people.add(f"{who}{number}", "long enough", Role.READER, collections=["b", "a"])
"""


def test_two_processes_write_into_one_conversation(kept: Conversations, people: Accounts, settings: Settings) -> None:
    conversation = kept.start("ana", "Everybody?")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, who, settings.index, settings.database, conversation],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            cwd=ROOT,
        )
        for who in ("one", "two")
    ]
    for writer in writers:
        assert writer.stdin
        writer.stdin.write(b"\n")
        writer.stdin.flush()
    ends = [writer.communicate(timeout=120)[1].decode() for writer in writers]
    assert ends == ["", ""]
    asked = [turn.question for turn in kept.turns("ana", conversation)]
    for who in ("one", "two"):
        assert [question for question in asked if question.startswith(who)] == [f"{who} {n}" for n in range(20)]
    assert len(asked) == len(kept.feedback()) == 40
    assert len(people.users()) == 40
    assert {user.collections for user in people.users()} == {("b", "a")}


def test_of_what_contradicts_itself_at_once_one_wins(kept: Conversations, people: Accounts) -> None:
    conversation = kept.start("ana", "?")
    turn = kept.add("ana", conversation, "first?", None)
    people.add("ana", "long enough", Role.READER)

    def act(number: int) -> str:
        try:
            if number % 5 == 0:
                people.add("new", "long enough", Role.READER)
            elif number % 5 == 1:
                people.change("ana", collections=[f"c{number}", "other"])
            elif number % 5 == 2:
                kept.rate("ana", turn, ("up", "down", "")[number % 3])
            elif number == 33:
                kept.delete("ana", conversation)
            else:
                kept.add("ana", conversation, f"{number}?", None)
        except (AccountError, KeyError) as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(act, range(50)))
    assert ends[::5].count("done") == 1
    assert ends[1::5] == ends[2::5] == ["done"] * 10
    assert [user.name for user in people.users()] == ["ana", "new"]
    assert [len(user.collections) for user in people.users()] == [2, 0]
    assert kept.turns("ana", conversation) == kept.feedback() == []
