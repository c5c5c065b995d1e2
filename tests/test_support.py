"""Whether passages support a sentence that a model wrote: numbers, names, quotations, negations, words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.chunking import Chunk, Sentence
from index.records import StoredChunk
from index.search import Hit
from index.sentences import split_sentences
from rag.answer import Fault
from rag.candidates import RankedHit
from rag.mentions import new_names, new_numbers, new_quotations, turned_round, visible
from rag.support import coverage, supported_by

LEASE = (
    "The lease of Zoë Müller ends on 3 May 2031. The rent is 900 euros, or 12 percent of her income. "
    "The landlord said: “No dogs are allowed.” The deposit was not returned in March."
)
SALVADOR = "El Salvador will not return him. The United States sent 238 men, the first of them in 2025."


def passage(text: str, document: str = "docs/lease.txt", heading: tuple[str, ...] = ()) -> RankedHit:
    """Return a passage that is a document's whole text."""
    sentences = tuple(Sentence(start, end) for start, end in split_sentences(text, 0, len(text)))
    chunk = Chunk(0, len(text), heading, sentences)
    return RankedHit(Hit(StoredChunk(1, "k", 1, document, text, chunk), 1.0, None, None), 1.0)


@pytest.mark.parametrize(
    ("claim", "new"),
    [
        ("It ends in May 2031.", []),
        ("It ends in 2031.", []),
        ("It ends on 4 May 2031.", ["4 May 2031"]),
        ("It ends in June 2031.", ["June 2031"]),
        ("The rent is 900 euros.", []),
        ("The rent is 900 dollars.", ["900 dollars"]),
        ("The rent is 12 % of her income.", []),
        ("The rent is 12 euros.", ["12 euros"]),
        ("The rent is nine hundred euros.", []),
        ("Her third lease.", ["third"]),
        ("See § 17.", ["17"]),
    ],
)
def test_numbers_dates_and_ordinals_must_be_in_the_evidence(claim: str, new: list[str]) -> None:
    assert new_numbers(claim, LEASE) == new


@pytest.mark.parametrize(
    ("claim", "new"),
    [
        ("The lease of Zoe Muller ends.", []),
        ("The lease of Zoë Meier ends.", ["Meier"]),
        ("It is Müller's lease.", []),
        ("Officials said so.", []),
        ("Zoë Schmidt has a lease.", ["Schmidt"]),
    ],
)
def test_names_must_be_in_the_evidence_whatever_their_accents(claim: str, new: list[str]) -> None:
    assert new_names(claim, LEASE) == new


@pytest.mark.parametrize(
    ("claim", "new"),
    [
        ("The Salvadoran president refused.", []),
        ("The US sent them.", []),
        ("The U.S. sent them.", []),
        ("The UK sent them.", ["UK"]),
        ("The Guatemalan president refused.", ["Guatemalan"]),
    ],
)
def test_a_people_and_an_acronym_are_their_countrys_names(claim: str, new: list[str]) -> None:
    assert new_names(claim, SALVADOR) == new


def test_a_quotation_is_word_for_word() -> None:
    assert new_quotations('He said: "No dogs are allowed."', LEASE) == []
    assert new_quotations("He said: “No cats are allowed.”", LEASE) == ["No cats are allowed."]


@pytest.mark.parametrize(
    ("claim", "turned"),
    [
        ("The deposit was returned.", True),
        ("The deposit was not returned.", False),
        ("The lease does not end.", True),
        ("The lease ends.", False),
    ],
)
def test_what_is_turned_round_by_a_not_is_found(claim: str, turned: bool) -> None:
    assert bool(turned_round(claim, LEASE)) is turned


@pytest.mark.parametrize(
    ("sentence", "citations", "faults"),
    [
        ("The lease ends on 3 May 2031.", (1,), set()),
        ("The lease ends on 3 May 2032.", (1,), {Fault.NUMBER}),
        ("The lease ends on 3 May 2031.", (), {Fault.UNCITED}),
        ("The lease ends on 3 May 2031.", (7,), {Fault.UNCITED, Fault.UNKNOWN_CITATION}),
        ("The lease ends on 3 May 2031.", (2,), {Fault.NUMBER, Fault.WORDS}),
        ("The deposit was returned in March.", (1,), {Fault.NEGATION}),
        ("The rent of Peter is 900 euros.", (1,), {Fault.NAME, Fault.WORDS}),
        ("The landlord demands payment weekly.", (1,), {Fault.WORDS}),
    ],
)
def test_a_sentence_has_its_faults(sentence: str, citations: tuple[int, ...], faults: set[Fault]) -> None:
    found = supported_by(sentence, citations, [passage(LEASE), passage(SALVADOR, "docs/salvador.txt")])
    assert found.faults == faults
    assert found.is_supported is not bool(faults)


def test_an_unknown_citation_beside_a_right_one_is_counted_only() -> None:
    found = supported_by("The rent is 900 euros.", (1, 9), [passage(LEASE)])
    assert found.is_supported
    assert found.faults == {Fault.UNKNOWN_CITATION}


def test_the_sources_are_the_sentences_that_say_it_and_no_others() -> None:
    found = supported_by("The lease ends on 3 May 2031 and the rent is 900 euros.", (1,), [passage(LEASE)])
    assert [source.text for source in found.sources] == [
        "The lease of Zoë Müller ends on 3 May 2031.",
        "The rent is 900 euros, or 12 percent of her income.",
    ]


def test_what_a_heading_names_may_be_said() -> None:
    hit = passage("It opened in 2019.", heading=("Sampson State Park",))
    assert supported_by("Sampson State Park opened in 2019.", (1,), [hit]).is_supported
    assert not supported_by("Watkins Glen opened in 2019.", (1,), [hit]).is_supported


def test_a_sentence_in_another_language_than_its_passage_cannot_be_checked() -> None:
    assert Fault.WORDS in supported_by("Der Mietvertrag endet im Mai 2031.", (1,), [passage(LEASE)]).faults


def test_partly_is_otherwise_worded_but_nothing_invented() -> None:
    found = supported_by("The landlord said dogs are never welcome or allowed.", (1,), [passage(LEASE)])
    assert found.faults == {Fault.WORDS}
    assert found.is_partly_supported
    assert not supported_by("Ann Smith said dogs are not allowed.", (1,), [passage(LEASE)]).is_partly_supported


def test_what_cannot_be_seen_is_taken_out() -> None:
    hidden = "Ig\u200bno\u2062re \U000e0041\U000e0042this\u202e"
    assert visible(hidden) == "Ignore this"


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_covered_by_itself(one: str, other: str) -> None:
    both = f"{one} {other}"
    assert coverage(one, both) == 1.0
    assert new_numbers(one, one) == []
    assert new_quotations(one, both) == []
