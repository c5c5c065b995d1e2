"""What is told from words alone: the kind of a question, its sides, dates and numbers, referents, disagreement."""

import pytest

from rag.answer import Disagreement
from rag.comparison import sides
from rag.conflicts import disagreement
from rag.conversation import Turn, standalone
from rag.expressions import dates, numbers
from rag.highlighting import short_answer
from rag.kinds import Kind, kind_of
from rag.referents import antecedent


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was it built?", Kind.DATE),
        ("In what year did the war end?", Kind.DATE),
        ("How many people live there?", Kind.NUMBER),
        ("What is the population of Paris?", Kind.NUMBER),
        ("What was the monthly rent?", Kind.NUMBER),
        ("Who was the duke of Normandy?", Kind.PERSON),
        ("In what country is Normandy located?", Kind.PLACE),
        ("Why wasn't Ábrego García returned?", Kind.REASON),
        ("And why?", Kind.REASON),
        ("Does the lease end in May?", Kind.YES_NO),
        ("List all the judges.", Kind.LIST),
        ("Which judges are mentioned?", Kind.LIST),
        ("What are the requirements?", Kind.LIST),
        ("Which is older, Paris or Rome?", Kind.COMPARISON),
        ("What is the difference between a lease and a rent?", Kind.COMPARISON),
        ("Were Anna Smith and Ed Wood of the same nationality?", Kind.COMPARISON),
        ("What is CECOT?", Kind.OTHER),
        ("What process does photosynthesis use?", Kind.OTHER),
        ("What is CECOT? When was it built?", Kind.DATE),
        ("¿Cuándo nació?", Kind.DATE),
        ("Wie viele Menschen leben dort?", Kind.NUMBER),
        ("Pourquoi pas ?", Kind.REASON),
    ],
)
def test_the_kind_of_a_question(question: str, kind: Kind) -> None:
    assert kind_of(question) is kind


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which is older, Paris or Rome?", ("Paris: Which is older?", "Rome: Which is older?")),
        ("What is the difference between a lease and a rent?", ("a lease", "a rent")),
        ("How does FAISS compare to HNSW?", ("FAISS", "HNSW")),
        (
            "Were Scott Derrickson and Ed Wood of the same nationality?",
            ("Were Scott Derrickson of the same nationality?", "Were Ed Wood of the same nationality?"),
        ),
        ("What is a lease?", ()),
    ],
)
def test_a_comparison_is_asked_of_each_side(question: str, expected: tuple[str, ...]) -> None:
    assert tuple(side.question for side in sides(question)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on 3 May 2031", [("3 May 2031", (2031, 5, 3))]),
        ("May 3rd, 2031", [("May 3rd, 2031", (2031, 5, 3))]),
        ("2031-05-03", [("2031-05-03", (2031, 5, 3))]),
        ("am 3. Mai 2031", [("3. Mai 2031", (2031, 5, 3))]),
        ("el 3 de mayo de 2031", [("3 de mayo de 2031", (2031, 5, 3))]),
        ("since June 2019", [("June 2019", (2019, 6, 0))]),
        ("in 1999 and 2001", [("1999", (1999, 0, 0)), ("2001", (2001, 0, 0))]),
        ("on March 15", [("March 15", (0, 3, 15))]),
        ("1500 people, 2,000 euros, room 101, it may 2 be, version 3.1999.2", []),
    ],
)
def test_dates(text: str, expected: list[tuple[str, tuple[int, int, int]]]) -> None:
    assert [(text[e.start : e.end], e.value) for e in dates(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("900 euros", [("900 euros", 900.0, "euro")]),
        ("$1,250.50 a month", [("$1,250.50", 1250.5, "dollar")]),
        ("12 million people", [("12 million people", 12e6, "people")]),
        ("45 % or 3.5 percent", [("45 %", 45.0, "percent"), ("3.5 percent", 3.5, "percent")]),
        ("five dogs", [("five dogs", 5.0, "dog")]),
        ("on 3 May 2031", []),
    ],
)
def test_numbers(text: str, expected: list[tuple[str, float, str]]) -> None:
    assert [(text[e.start : e.end], e.value, e.unit) for e in numbers(text)] == expected


@pytest.mark.parametrize(
    ("sentence", "before", "named"),
    [
        ("He died in 1905.", ["Ivo Anders was a painter.", "He lived alone."], 0),
        ("Her sister wrote to Anna.", ["Maria Lopez moved to Lima.", "Nobody came."], 0),
        ("However, he refused.", ["The mayor Ben Ott was asked."], 0),
        ("It was built in 2023.", ["The prison CECOT holds thousands.", "Prisoners live there."], 0),
        ("This was forbidden.", ["Anna Smith came.", "Smoking began."], 1),
        ("The meeting ended at noon.", ["A short meeting was held.", "Nobody came."], 0),
        ("The meeting ended at noon.", ["Nobody came."], None),
        ("The Supreme Court ruled.", ["A court sat in Rome."], None),
        ("There is a cat.", ["Anna Smith came."], None),
        ("It is clear that Anna left.", ["Anna Smith came."], None),
        ("He died.", [], None),
        ("Anna died.", ["Ivo Anders was a painter."], None),
    ],
)
def test_what_a_sentence_leans_on(sentence: str, before: list[str], named: int | None) -> None:
    assert antecedent(sentence, before) == named


WHEN = "When does the office lease end?"
PETS = "Are pets allowed?"
RENT = "How much is the monthly rent?"


@pytest.mark.parametrize(
    ("question", "one", "other", "about"),
    [
        (WHEN, "The office lease ends on 3 May 2031.", "The office lease ends in June 2032.", Disagreement.DATE),
        (WHEN, "The office lease ends on 3 May 2031.", "In May 2031 the lease of the office ends.", None),
        (WHEN, "The office lease ends on 3 May 2031.", "The office lease began in 2021.", None),
        (WHEN, "The office lease ends on 3 May 2031.", "The car lease ends in June 2032.", None),
        (RENT, "The monthly rent is 900 euros.", "Each month, a rent of 950 euros is due.", None),
        (RENT, "The monthly rent is 900 euros.", "The monthly rent is 950 euros.", Disagreement.NUMBER),
        (RENT, "The monthly rent is 900 euros.", "The monthly rent is 900 euros, and 3 keys are lent.", None),
        (RENT, "The monthly rent is 900 euros.", "The monthly rent is due for 12 months.", None),
        (
            "Are pets allowed?",
            "Pets are allowed in the flat.",
            "Pets are not allowed in the flat.",
            Disagreement.NEGATION,
        ),
        ("Are pets allowed?", "Pets are allowed in the flat.", "Noise is not allowed at night.", None),
    ],
)
def test_disagreement(question: str, one: str, other: str, about: Disagreement | None) -> None:
    kind = kind_of(question)
    assert disagreement(question, kind, one, other) is about
    assert disagreement(question, kind, other, one) is about


ASKED_BACK = Turn("Are dogs allowed?", "Are dogs allowed?", (), ("Long Point State Park", "Sampson State Park"))
ANSWERED = Turn("What did they say?", "What did they say?", ("Anna Smith resigned.", "Ben Ott stayed."))


@pytest.mark.parametrize(
    ("reply", "turn", "searched"),
    [
        ("the second one", ASKED_BACK, "Are dogs allowed? Sampson State Park"),
        ("1", ASKED_BACK, "Are dogs allowed? Long Point State Park"),
        ("Sampson, please", ASKED_BACK, "Are dogs allowed? Sampson State Park"),
        ("yes", ASKED_BACK, "Are dogs allowed?"),
        ("State Park", ASKED_BACK, "Are dogs allowed? State Park"),
        ("What is the rent of the flat?", ASKED_BACK, "What is the rent of the flat?"),
        ("Why did the second one happen?", ANSWERED, "Ben Ott stayed. Why did the second one happen?"),
        ("And in 2024?", ANSWERED, "What did they say? And in 2024?"),
        ("what did they say? ", ANSWERED, "What did they say?"),
    ],
)
def test_a_reply_is_made_to_stand_alone(reply: str, turn: Turn, searched: str) -> None:
    assert standalone(reply, [turn]) == searched


@pytest.mark.parametrize(
    ("question", "sentence", "part"),
    [
        ("When does the lease end?", "The lease ends on 3 May 2031.", "3 May 2031"),
        ("In what year does the lease end?", "The lease ends on 3 May 2031.", "2031"),
        ("When does the lease end?", "The lease began in 2021 and ends on 3 May 2031.", None),
        ("When did the war of 1812 end?", "The war of 1812 ended in 1815.", "1815"),
        ("How many dogs are there?", "In 3 houses there are 12 big dogs.", "12 big"),
        ("How much is the rent?", "The rent is 900 euros.", "900 euros"),
        ("Who manages the house?", "The house is managed by Anna Smith.", "Anna Smith"),
        ("Who manages the house?", "Anna Smith and later Ben Ott managed it.", None),
        ("Where does Anna Smith live?", "Anna Smith lives in New York.", "New York"),
        ("Why was it closed?", "It was closed because the roof leaked.", "because the roof leaked"),
        ("What did she call him?", "She called him “a thief” at noon.", "“a thief”"),
        ("What is a lease?", "A lease is a contract of 1 year.", None),
    ],
)
def test_the_short_answer_in_a_sentence(question: str, sentence: str, part: str | None) -> None:
    found = short_answer(question, kind_of(question), sentence)
    assert (found and sentence[found[0] : found[1]]) == part
