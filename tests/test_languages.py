"""Languages: told apart offline, our words in them, scripts without spaces, the multilingual encoder."""

import json
from pathlib import Path

import numpy as np
import pytest

from index.encoders import document_encoder, question_encoder
from index.encoding import MULTILINGUAL_ENCODER, encoder_identity
from index.languages import language_of, mostly_english
from index.lexical import LexicalView
from index.sentences import split_sentences
from index.store import Store
from index.views import ViewState, open_view, view_state
from index.words import searchable
from rag.phrases import PHRASES, phrases
from tests.conftest import build, rag

QUESTIONS = {
    "en": ["When was it built?", "Who is Nayib Bukele?", "how many people died"],
    "es": ["¿Cuándo se construyó?", "quién es el presidente de El Salvador", "¿Por qué no fue devuelto?"],
    "fr": ["Quand le pont a-t-il été construit ?", "Qui est le président ?", "pourquoi les abeilles meurent"],
    "de": ["Wann wurde die Brücke gebaut?", "Wer ist der Präsident?", "Wie viele Menschen leben in Wien?"],
    "pt": ["Quando foi construída a ponte?", "Quem é o presidente do Brasil?", "quantas pessoas moram em Lisboa"],
    "it": ["Quando è stato costruito il ponte?", "Chi è il presidente della repubblica?", "perché le api muoiono"],
    "zh": ["这座桥是什么时候建的？"],
    "ja": ["この橋はいつ建てられましたか？"],
    "ko": ["이 다리는 언제 지어졌습니까?"],
    "ru": ["Когда был построен мост?"],
    "ar": ["متى بني الجسر؟"],
    "th": ["สะพานนี้สร้างเมื่อไหร่"],
}


@pytest.mark.parametrize(("language", "question"), [(k, q) for k, qs in QUESTIONS.items() for q in qs])
def test_the_language_of_a_question(language: str, question: str) -> None:
    assert language_of(question) == language


def test_what_is_in_no_known_language() -> None:
    assert language_of("") is None
    assert language_of("12 345") is None
    assert language_of("Kilmar CECOT Bukele") is None
    assert mostly_english(["The cat is on the mat.", "42"])
    assert not mostly_english(["Die Katze ist auf der Matte.", "The cat is on the mat."])


def test_phrases_are_in_six_languages_and_english_otherwise() -> None:
    assert set(PHRASES) == {"en", "es", "fr", "de", "pt", "it"}
    assert len({p.not_in_documents for p in PHRASES.values()}) == 6
    assert phrases("zh") == PHRASES["en"]


def test_an_answer_speaks_the_questions_language(tmp_path: Path, folder: Path) -> None:
    rag("index", "docs", cwd=tmp_path)
    refused = rag("ask", "¿Cuál es la receta de la paella valenciana?", cwd=tmp_path)
    assert refused.stdout.startswith("No está en los documentos.\n\nPasajes más cercanos\n")
    answer = json.loads(rag("ask", "¿Cuál es la receta?", "--json", cwd=tmp_path).stdout)
    assert answer["language"] == "es"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("東京都 is", "東京 京都 is"),
        ("A東B", "A 東 B"),
        ("สวัสดี", "สว วั ัส สด ดี"),
        ("plain words", "plain words"),
        ("서울은", "서울 울은"),
    ],
)
def test_scripts_without_spaces_become_pairs(text: str, words: str) -> None:
    assert searchable(text).split() == words.split()


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("東京は日本の首都です。人口が多い。", "日本の首都"),
        ("กรุงเทพเป็นเมืองหลวงของไทย", "เมืองหลวง"),
        ("서울은 한국의 수도이다.", "한국 수도는"),
    ],
)
def test_scripts_without_spaces_are_found(store: Store, folder: Path, text: str, question: str) -> None:
    (folder / "asia.txt").write_text(text, "utf-8")
    build(store, folder)
    with store.snapshot() as snapshot:
        (found, _), *_ = open_view(LexicalView, store, snapshot).search(question, 3)
        (stored,) = snapshot.chunks([found])
    assert stored.document == "docs/asia.txt"


def test_a_view_of_another_version_is_made_again(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(store, folder)
    with store.snapshot() as snapshot:
        assert view_state(LexicalView, store.folder, snapshot)[0] is ViewState.IN_STEP
        monkeypatch.setattr(LexicalView, "version", LexicalView.version + 1)
        assert view_state(LexicalView, store.folder, snapshot)[0] is ViewState.MISSING
        assert len(open_view(LexicalView, store, snapshot)) == 4
        assert view_state(LexicalView, store.folder, snapshot)[0] is ViewState.IN_STEP


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("猫は眠る。犬は吠える。", 2),
        ("猫睡觉。狗叫！", 2),
        ("القط ينام. الكلب ينبح؟ نعم.", 3),
        ("बिल्ली सोती है। कुत्ता भौंकता है।", 2),
        ("Кошка спит. Собака лает.", 2),
        ("Η γάτα κοιμάται. Ο σκύλος γαβγίζει.", 2),
        ("Con mèo ngủ. Con chó sủa.", 2),
        ("Kedi uyur. Köpek havlar.", 2),
        ("Pisica doarme. Câinele latră.", 2),
    ],
)
def test_sentences_of_many_languages_are_split(text: str, count: int) -> None:
    assert len(split_sentences(text, 0, len(text))) == count


def test_the_multilingual_encoder() -> None:
    documents, questions = document_encoder(MULTILINGUAL_ENCODER), question_encoder(MULTILINGUAL_ENCODER)
    assert documents.identity == questions.identity == encoder_identity(MULTILINGUAL_ENCODER)
    assert documents.identity.startswith("multilingual-e5-small@")
    vectors = documents.encode(
        ["The bridge was built in 1932.", "Cats sleep all day.", "Die Katze schläft den ganzen Tag."]
    )
    assert vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    nearest = (questions.encode(["¿Cuándo se construyó el puente?"]) @ vectors.T)[0]
    assert nearest.argmax() == 0
    assert documents.encode([]).shape == (0, 384)
    assert documents.encode(["one\0two"]).shape == (1, 384)
    short, long = documents.count_tokens(["cat", "cat " * 50])
    assert 1 <= short < 40 < long < 110


def test_rag_index_advises_the_multilingual_encoder(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "katze.txt").write_text("Die Katze schläft den ganzen Tag. Sie frisst Fisch und Mäuse.\n")
    advised = rag("index", "docs", cwd=tmp_path)
    assert "RAG_ENCODER=multilingual-e5-small" in advised.stdout
    again = rag("index", "docs", "--rebuild", cwd=tmp_path, RAG_ENCODER="multilingual-e5-small")
    assert again.returncode == 0, again.stderr
    assert "not in English" not in again.stdout
    found = json.loads(
        rag("search", "What do cats eat?", "--json", cwd=tmp_path, RAG_ENCODER="multilingual-e5-small").stdout
    )
    assert "Fisch" in found["hits"][0]["text"]


def test_with_the_multilingual_encoder_a_question_in_another_language_is_answered(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "lease.txt").write_text("The lease ends in May. Cats sleep all day. The rent is 900 euros a month.\n")
    settings = {"RAG_ENCODER": "multilingual-e5-small"}
    assert rag("index", "docs", cwd=tmp_path, **settings).returncode == 0
    answer = json.loads(rag("ask", "¿Cuánto es el alquiler al mes?", "--json", cwd=tmp_path, **settings).stdout)
    assert answer["model"] == "extractive/cosine/multilingual-e5-small"
    assert "The rent is 900 euros a month." in [claim["text"] for claim in answer["claims"]]
    english = json.loads(rag("ask", "How much is the rent?", "--json", cwd=tmp_path, **settings).stdout)
    assert english["model"] == "extractive/ms-marco-MiniLM-L-12-v2"
