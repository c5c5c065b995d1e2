"""`from rag import Chatbot`: answers in three lines, and for LangChain's chains and agents."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnablePassthrough

import rag
from index.build import Builder
from index.encoders import question_encoder
from index.errors import IndexMissingError, NoDocumentsError, QuestionError, RagError
from index.object_storage import CREDENTIALS
from index.store import Store
from rag import Answer, Chatbot
from rag.assemble import index_meta
from rag.settings import SettingError, Settings
from tests.conftest import ROOT

QUESTION = "What is the rent of the lease?"


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chatbot]:
    """Open a folder whose documents are indexed already, so that only the models are loaded."""
    folder = tmp_path_factory.mktemp("notes")
    (folder / "lease.txt").write_text("The lease\n\nThe lease ends on 3 May 2031. The rent is 900 euros.\n")
    (folder / "old.txt").write_text("The old shed was painted red in 2001. It leaks.\n")
    settings = Settings(index=folder / ".rag")
    Builder(Store(settings.index), index_meta(settings), question_encoder).build(folder)
    return Chatbot.open(folder)


def test_import_rag_loads_nothing_heavy_and_exports_what_it_says() -> None:
    code = "import rag, sys; print(*{m.split('.')[0] for m in sys.modules} & {'index', 'langchain_core', 'numpy'})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
    assert [getattr(rag, name) for name in rag.__all__] == [Answer, Chatbot]
    with pytest.raises(AttributeError, match="no attribute 'Chatbox'"):
        rag.Chatbox  # noqa: B018


def test_an_answer_has_its_source_and_the_next_may_lean_on_it(bot: Chatbot) -> None:
    answer = bot.ask(QUESTION, where="path:lease")
    assert isinstance(answer, Answer)
    (rent,) = [claim for claim in answer.claims if claim.text == "The rent is 900 euros."]
    source = answer.sources[rent.citations[0] - 1]
    assert (bot.folder / source.document).read_text()[source.start : source.end] == source.quote
    assert bot.ask("When does it end?", after=[answer]).searched == f"{QUESTION} When does it end?"
    assert [step.answer for step in bot.stream(QUESTION, where="path:lease")][-1].claims == answer.claims
    assert [hit.passage.document for hit in bot.search("shed", 1, where="path:old")] == ["old.txt"]
    with pytest.raises(QuestionError):
        bot.ask(" ")


def test_a_langchain_chain_retrieves_from_it(bot: Chatbot) -> None:
    chain = {"context": bot.as_retriever(k=2), "question": RunnablePassthrough()} | RunnablePassthrough()
    found = chain.invoke(QUESTION)
    assert {document.metadata["source"] for document in found["context"]} == {"lease.txt", "old.txt"}


def test_a_langchain_agent_calls_it_as_a_tool(bot: Chatbot) -> None:
    tool = bot.as_tool()
    assert tool.args_schema.model_json_schema()["required"] == ["question"]
    call = {"name": tool.name, "args": {"question": QUESTION}, "id": "1", "type": "tool_call"}
    told = tool.invoke(call)
    assert isinstance(told, ToolMessage)
    assert "The rent is 900 euros. [" in told.content
    assert "lease.txt, characters" in told.content
    assert told.artifact.question == QUESTION
    refused = tool.invoke({**call, "args": {"question": "?"}})
    assert (refused.status, refused.artifact) == ("error", None)


def test_a_file_that_is_gone_is_answered_from_no_longer(bot: Chatbot) -> None:
    (bot.folder / "old.txt").unlink()
    assert bot.refresh().removed == ["old.txt"]
    assert {hit.passage.document for hit in bot.search("shed")} == {"lease.txt"}


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(NoDocumentsError):
        Chatbot.open(tmp_path)
    with pytest.raises(SettingError, match="the nearest is threshold"):
        Chatbot.open(tmp_path, treshold=1)
    with pytest.raises(IndexMissingError):
        Chatbot.open(index=tmp_path / ".rag").ask(QUESTION)


def test_the_index_may_be_a_table_on_s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RagError, match="no credentials for s3://bucket/notes"):
        Chatbot.open(index="s3://bucket/notes").ask("Where?")


def test_without_a_folder_there_is_nothing_to_refresh(bot: Chatbot) -> None:
    with pytest.raises(ValueError, match="without a folder"):
        Chatbot(bot.chain, bot.settings).refresh()
