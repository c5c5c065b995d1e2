"""The one `Answer` that the terminal, `--json`, the browser, the HTTP API and the evaluation see. Pure data.

The promise is in the spans: `text[span.start:span.end] == span.quote`, in the text as extracted from the document.
`docs/answer.schema.json` describes the JSON form; a test compares it with these classes.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum

from rag.kinds import Kind


class Verdict(StrEnum):
    """Whether the documents hold the answer, or hold several things that the question may mean."""

    ANSWERED = "answered"
    NOT_IN_DOCUMENTS = "not_in_documents"
    UNDERSPECIFIED = "underspecified"


class Support(StrEnum):
    """Whether the cited spans support a sentence of the answer."""

    SUPPORTED = "supported"
    PARTLY = "partly"
    UNSUPPORTED = "unsupported"


class Disagreement(StrEnum):
    """What two sentences disagree about."""

    DATE = "date"
    NUMBER = "number"
    NEGATION = "negation"


class Fault(StrEnum):
    """What is wrong with a sentence that a language model wrote."""

    UNCITED = "uncited"
    UNKNOWN_CITATION = "unknown_citation"
    NUMBER = "number"
    NAME = "name"
    QUOTATION = "quotation"
    NEGATION = "negation"
    WORDS = "words"
    INSTRUCTION = "instruction"


@dataclass(frozen=True)
class Stretch:
    """A stretch of a span's document: `text[start:end] == quote`."""

    start: int
    end: int
    quote: str


@dataclass(frozen=True)
class Span:
    """A stretch of a document: `text[start:end] == quote`, offsets in characters (code points).

    `place` says where that is in the file ("page 3", "slide 2"); it is empty for a format without such places. `date`
    is the document's own, if it has one (ISO 8601). `lead` is the sentence before that names what the quote's "He" or
    "This" refers to. `short` is the part of the quote that answers a question for a date, a number or a name.
    """

    document: str
    start: int
    end: int
    quote: str
    heading: tuple[str, ...]
    place: str = ""
    date: str = ""
    lead: Stretch | None = None
    short: Stretch | None = None


@dataclass(frozen=True)
class Claim:
    """A sentence of the answer. `citations` are numbers of sources: 1 is `Answer.sources[0]`."""

    text: str
    citations: tuple[int, ...]
    support: Support
    score: float


@dataclass(frozen=True)
class Conflict:
    """Sources of different documents that disagree, by their numbers."""

    about: Disagreement
    citations: tuple[int, int]


@dataclass(frozen=True)
class Rejected:
    """A sentence of a language model that the passages it cites do not support, and why not."""

    text: str
    citations: tuple[int, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Writing:
    """What a language model wrote, and what became of it.

    `sentences` counts all that it wrote, `faults` those with a fault, by fault; `rejected` are those that were not
    kept. `failure` says why its answer is not used, and is empty if it is. Tokens are as the provider counts them,
    `cost` is in US dollars; None where they are not known.
    """

    model: str
    sentences: int = 0
    rejected: tuple[Rejected, ...] = ()
    faults: dict[str, int] = field(default_factory=dict)
    failure: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None


@dataclass(frozen=True)
class Passage:
    """A chunk that was looked at, with its fused rank score and, where it was found or scored, the single ones."""

    document: str
    start: int
    end: int
    text: str
    heading: tuple[str, ...]
    place: str
    score: float
    dense: float | None
    lexical: float | None
    rerank: float | None

    def holds(self, span: Span) -> bool:
        """Say whether a span lies in this passage."""
        return span.document == self.document and self.start <= span.start and span.end <= self.end


@dataclass(frozen=True)
class Answer:
    """What is known about a question, and where it stands.

    `searched` is the question as it was searched for; `language` is the question's, as two letters (ISO 639-1); `kind`
    is what it asks for. `where` is the filter of the documents that were searched. `choices` are the things that an
    underspecified question may mean.
    `confidence` is the best sentence's score, which the gate compared with `threshold` (None: nothing to read); a
    further sentence may score below it. `generation` numbers the state of the index; `dropped` counts sentences that
    failed the support check; `timings` are seconds by stage. `writing` is what a language model had to do with it.
    `closest` are, where the documents hold no answer, the sentences that come closest to one: the best first.
    """

    question: str
    searched: str
    language: str
    verdict: Verdict
    claims: tuple[Claim, ...]
    sources: tuple[Span, ...]
    passages: tuple[Passage, ...]
    confidence: float | None
    threshold: float
    dropped: int
    model: str
    generation: int
    timings: dict[str, float] = field(default_factory=dict)
    kind: Kind = Kind.OTHER
    conflicts: tuple[Conflict, ...] = ()
    choices: tuple[str, ...] = ()
    where: str = ""
    writing: Writing | None = None
    closest: tuple[Span, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return plain dicts and lists, ready for JSON."""
        return asdict(self)
