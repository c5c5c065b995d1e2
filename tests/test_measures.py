"""Every measure against numbers worked out by hand."""

import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from eval.calibrate import Labelled, curve, fit, gate_for, labelled, point
from eval.measures import MEASURES, estimate, measure_named, paired_test
from eval.measures.abstention import risk_coverage
from eval.measures.answering import normalised, token_f1
from eval.measures.followups import unigram_recall
from eval.outcome import Asked, Outcome
from eval.suite import Place, Suite, SuiteDocument, SuiteQuestion
from index.errors import RagError
from rag.conversation import Turn
from tests.suites import SUITE, TEXT, answer, gold, outcome, span


def total(name: str, *outcomes: Outcome) -> float:
    rows = [row for o in outcomes if (row := MEASURES[name].row(o)) is not None]
    return MEASURES[name].total(np.array(rows, float))


def ranked(*places: tuple[int, int], quotes: tuple[str, ...]) -> Outcome:
    return outcome(0, quotes=quotes, ranking=tuple(Place("d", *place) for place in places))


def test_retrieval_of_gold_spans_ranks_passages() -> None:
    # Two parts; the first passage holds none, the second holds "sleep", the third holds it again and "bark" too.
    found = ranked((40, 56), (0, 19), (0, 39), quotes=("sleep", "bark"))
    assert total("recall@1", found) == 0
    assert total("recall@3", found) == 1
    assert total("mrr", found) == 0.5
    ideal = 1 + 1 / math.log2(3)
    both = ranked((0, 39), quotes=("sleep", "bark"))
    assert (total("recall@1", both), total("ndcg@10", both)) == (1, 1), "one passage may hold two parts"
    half = ranked((0, 19), quotes=("sleep", "bark"))
    assert (total("recall@1", half), total("ndcg@10", half)) == (0.5, pytest.approx(1 / ideal))


def test_retrieval_of_a_gold_span_that_no_passage_holds_whole() -> None:
    long = ("sleep all day. Dogs bark at night. Mice",)
    assert total("recall@3", ranked((0, 19), (20, 39), (40, 56), quotes=long)) == 1, "three passages hold it together"
    assert total("recall@1", ranked((20, 39), quotes=long)) == 1, "a passage within it is all it can hold"
    assert total("recall@1", ranked((0, 19), quotes=long)) == 0


def test_alternative_places_of_one_part() -> None:
    part = (gold("sleep"), gold("bark"))
    found = outcome(1, ranking=(Place("d", 20, 39),))
    found = Outcome(SUITE, replace(found.question, gold=(part,)), found.asked)
    assert total("recall@1", found) == total("contains", found) == total("ndcg@10", found) == 1


def test_a_question_may_need_all_parts() -> None:
    two = {"quotes": ("sleep", "bark")}
    assert total("contains", outcome(1, **two)) == 1
    assert total("contains", outcome(1, **two, needs_all=True)) == 0
    assert total("contains", outcome(0, 1, **two, needs_all=True)) == 1


def test_documents_without_paragraphs_among_those_with() -> None:
    suite = Suite("p", {"d": SuiteDocument(TEXT, ((0, 56),)), "e": SuiteDocument("E.")}, (), "k")
    found = outcome(0, suite=suite, ranking=(Place("e", 0, 2), Place("d", 0, 19)), gold_paragraphs=(("d", 0),))
    assert total("mrr", found) == 0.5


def test_retrieval_ndcg_by_hand() -> None:
    found = ranked((40, 56), (0, 19), (0, 39), quotes=("sleep", "bark"))
    ideal = 1 + 1 / math.log2(3)
    assert total("ndcg@10", found) == pytest.approx((1 / math.log2(3) + 1 / math.log2(4)) / ideal)


def test_retrieval_ranks_paragraphs_where_the_gold_is_paragraphs() -> None:
    suite = Suite("p", {"d": SuiteDocument(TEXT, ((0, 19), (20, 56)))}, (), "k")
    places = (Place("d", 0, 19), Place("d", 10, 56))
    found = outcome(0, suite=suite, ranking=places, gold_paragraphs=(("d", 1),), gold_doc_ids=("d",))
    assert (total("recall@1", found), total("mrr", found)) == (0, 0.5)


def test_retrieval_ranks_documents_where_only_those_are_known() -> None:
    suite = Suite("d", {"a": SuiteDocument("A."), "b": SuiteDocument("B.")}, (), "k")
    places = (Place("a", 0, 1), Place("a", 1, 2), Place("b", 0, 1))
    found = outcome(0, suite=suite, ranking=places, gold_doc_ids=("b",))
    assert total("mrr", found) == 0.5, "the second passage of a document that was there is left out"


@pytest.mark.parametrize("name", ["recall@10", "mrr", "ndcg@10", "contains", "citation_recall", "exact_match"])
def test_an_error_counts_as_the_worst(name: str) -> None:
    failed = outcome(error="no", quotes=("bark",), answers=("bark",))
    assert total(name, failed) == 0
    assert total("abstention_recall", outcome(error="no", answerable=False)) == 0
    assert total("refused_wrongly", failed) == 1
    assert total("auc", outcome(0, confidence=1), outcome(error="no", answerable=False)) == 0


def test_squads_normalisation_and_f1() -> None:
    assert normalised("The  Dogs, at a night!") == "dogs at night"
    assert token_f1("in May", "the May.") == pytest.approx(2 / 3)
    assert token_f1("June", "May") == 0
    assert total("exact_match", outcome(1, answers=("x", "dogs bark at the night"))) == 1
    assert total("f1", outcome(1, answers=("Dogs bark",))) == pytest.approx(4 / 6)


def test_a_gold_answer_is_contained_by_place_not_by_words() -> None:
    assert total("contains", outcome(1, quotes=("bark at",))) == 1
    assert total("contains", outcome(0, quotes=("bark at",))) == 0
    assert total("contains", outcome(1, quotes=("bark at night. Mice",))) == 0, "half of it is not it"
    assert total("contains", outcome(1, 2, quotes=("bark at night. Mice",))) == 1, "two that follow each other hold it"
    assert total("contains", outcome(1, quotes=("all day. Dogs bark at night. Mice",))) == 1, (
        "a long gold is met within"
    )
    assert total("contains", outcome(1, answers=("at night",))) == 1, "by words where no place is known"
    assert total("contains", outcome(1, answers=("nigh",))) == 0, "whole words"
    long = (" ".join(["word"] * 13),)
    assert total("contains", outcome(1, answers=long, gold_doc_ids=("d",))) == 1, "a written answer: by its document"
    assert total("contains", outcome(1, answers=long, gold_doc_ids=("e",))) == 0
    refused = outcome(quotes=("bark",), ungated=(1,))
    assert (total("contains", refused), total("contains_ungated", refused)) == (0, 1)


def test_span_validity_looks_into_the_document_itself() -> None:
    good = outcome(0)
    moved = Asked("q", answer(span(0, 19), replace(span(20, 39), start=19)))
    assert total("span_validity", good) == 1
    assert total("span_validity", good, Outcome(SUITE, good.question, moved)) == pytest.approx(2 / 3)
    elsewhere = Asked("q", answer(replace(span(0, 19), document="x")))
    assert total("span_validity", Outcome(SUITE, good.question, elsewhere)) == 0


def test_a_sentence_without_a_source_is_uncited() -> None:
    good = answer(span(0, 19), span(20, 39))
    bad = replace(good, claims=(replace(good.claims[0], citations=()), replace(good.claims[1], citations=(3,))))
    assert total("uncited", outcome(0, 1), Outcome(SUITE, outcome().question, Asked("q", bad))) == 0.5


def test_citations_by_sentence_and_by_character() -> None:
    found = outcome(0, 1, quotes=("bark", "cheese"))
    assert total("citation_precision", found) == 0.5
    assert total("citation_recall", found) == 0.5
    assert total("citation_f1", found) == 0.5
    assert total("citation_precision_characters", found) == pytest.approx(4 / 38)
    assert total("citation_recall_characters", found) == pytest.approx(4 / 10)
    assert total("citation_f1", found, outcome(quotes=("bark",))) == 0.25, "a refusal cites none of it"


SIX = [
    outcome(0, quotes=("Cats",), confidence=9),
    outcome(0, quotes=("bark",), confidence=8),  # answered, with the wrong sentence
    outcome(quotes=("bark",), ungated=(1,), confidence=1),  # refused wrongly
    outcome(0, answerable=False, confidence=7),
    outcome(answerable=False, ungated=(0,), confidence=2),
    outcome(answerable=False, ungated=(), confidence=None),
]


def test_abstention() -> None:
    assert total("abstention_precision", *SIX) == pytest.approx(2 / 3)
    assert total("abstention_recall", *SIX) == pytest.approx(2 / 3)
    assert total("abstention_f1", *SIX) == pytest.approx(2 / 3)
    assert total("refused_wrongly", *SIX) == pytest.approx(1 / 3)
    # Pairs (answerable above unanswerable): 9 and 8 above all three; 1 above none but the one without confidence.
    assert total("auc", *SIX) == pytest.approx(7 / 9)
    coverage, risk = risk_coverage(np.array([(9, 0), (8, 1), (7, 1), (2, 1), (1, 0)], float))
    assert coverage.tolist() == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert risk.tolist() == [0, 1 / 2, 2 / 3, 3 / 4, 3 / 5]
    assert total("aurc", *SIX) == pytest.approx((0 + 1 / 2 + 2 / 3 + 3 / 4 + 3 / 5 + 4 / 6) / 6)
    at_two = point(labelled(SIX), 2)
    assert (at_two.precision, at_two.recall, at_two.lost) == (0.5, 0.333, 0.333)


def test_ties_have_no_order() -> None:
    tied = [(1.0, 0.0), (1.0, 1.0)]
    assert MEASURES["aurc"].total(np.array(tied)) == MEASURES["aurc"].total(np.array(tied[::-1])) == 0.5


def test_without_unanswerable_questions_there_is_no_f1() -> None:
    assert estimate(MEASURES["abstention_f1"], [MEASURES["abstention_f1"].row(outcome(0))]) is None
    assert MEASURES["abstention_precision"].row(outcome(0)) is None, "nothing was refused"


def test_auc_counts_a_tie_half_and_needs_both_kinds() -> None:
    assert total("auc", outcome(0, confidence=1), outcome(0, answerable=False, confidence=1)) == 0.5
    assert math.isnan(total("auc", outcome(0, confidence=1)))


def test_the_rewritten_question_is_compared_with_a_persons() -> None:
    assert unigram_recall("What is CECOT? Who built it?", "Who built CECOT?") == 1
    assert unigram_recall("Who built it?", "Who built CECOT?") == pytest.approx(2 / 3)
    turn = Turn("What is CECOT?", "What is CECOT?")
    question = SuiteQuestion("q", "Who built it?", True, history=(turn,), rewrite="Who built CECOT?")
    asked = Asked("q", answer(searched="Who built it?"))
    assert total("rewrite_recall", Outcome(SUITE, question, asked)) == pytest.approx(2 / 3)
    assert MEASURES["rewrite_recall"].row(Outcome(SUITE, replace(question, history=()), asked)) is None


def test_latency_is_a_percentile() -> None:
    outcomes = [outcome(0, seconds=s) for s in (1.0, 2.0, 3.0)]
    assert total("seconds_p50", *outcomes) == 2
    assert total("seconds_p95", *outcomes) == pytest.approx(2.9)


def test_the_interval_holds_the_value_and_shrinks_with_more_questions() -> None:
    few, many = (estimate(MEASURES["contains"], [(1.0,), (0.0,)] * n) for n in (10, 250))
    assert few.value == many.value == 0.5
    assert few.low < few.value < few.high
    assert many.high - many.low == pytest.approx(2 * 1.96 * 0.5 / math.sqrt(500), rel=0.2), "the normal approximation"
    assert estimate(MEASURES["contains"], [(1.0,), (0.0,)] * 10) == few, "the same each time"
    assert estimate(MEASURES["contains"], []) is None
    assert estimate(MEASURES["span_validity"], [(0.0, 0.0)]) is None, "0 of 0"


def test_the_paired_test_tells_a_difference_from_none() -> None:
    measure = MEASURES["contains"]
    worse, better = [(0.0,)] * 10 + [(1.0,)] * 10, [(1.0,)] * 20
    assert paired_test(measure, worse, better) == pytest.approx(2 / 2**10, abs=0.003)
    assert paired_test(measure, better, better) == 1
    assert paired_test(MEASURES["span_validity"], [(1, 1), (0, 0)], [(0, 0), (0, 1)]) == 1, "0 of 0 tells nothing"


def test_every_measure_is_defined_and_named() -> None:
    assert all(len(measure.definition) > 20 for measure in MEASURES.values())
    assert measure_named("mrr").name == "mrr"
    with pytest.raises(RagError, match=r"no measure 'mmr'.*recall@1"):
        measure_named("mmr")


def test_fit_refuses_no_more_than_it_may() -> None:
    assert fit([1, 2, 3, 4], max_lost=0.25) == 2
    assert fit([4.567, 2, 3, 4], max_lost=0.99) == 4.56
    assert fit([1, 2, 3, 4], max_lost=0) == 1


def test_the_curve_says_what_each_threshold_would_do() -> None:
    # Four answerable questions, of which the third would be answered wrongly, and two that nothing answers.
    four = [Labelled(float(n), True, n == 3) for n in (1, 2, 3, 4)]
    questions = [*four, Labelled(0.5, False, True), Labelled(2.5, False, True)]
    # Below 3: two answerable, two not. Of the two that are answered one is wrong.
    assert asdict(point(questions, 3)) == {
        "threshold": 3,
        "coverage": 0.333,
        "risk": 0.5,
        "precision": 0.5,
        "recall": 1.0,
        "lost": 0.5,
    }
    assert [p.threshold for p in curve(questions)] == [1, 2, 3], "losing none, a quarter, a half"
    assert (point(questions, -1).coverage, point(questions, -1).precision) == (1, 1)
    assert (point(questions, 9).coverage, point(questions, 9).risk) == (0, 0)
    gate = gate_for("words", questions, "six")
    assert (gate.threshold, gate.precision, gate.recall) == (1, 1.0, 0.5)
    assert gate.curve == curve(questions)


def test_gold_stands_where_it_says() -> None:
    assert TEXT[gold("bark").start : gold("bark").end] == "bark"
