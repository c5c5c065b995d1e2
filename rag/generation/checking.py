"""Keep what the passages support of a model's sentences, with the exact spans that do; count the rest."""

from collections import Counter
from collections.abc import Sequence

from index.reading import IndexSnapshot
from index.records import StoredChunk
from rag.answer import Claim, Rejected, Span, Support, Writing
from rag.candidates import RankedHit
from rag.generation.sentences import Sentence
from rag.reading import Evidence
from rag.stages import ModelUse, Written
from rag.support import Finding, supported_by
from rag.verification import span_of, stands_in


class Checker:
    """The sentences of one answer. `hits` are the passages as the model was given them: citation 1 is the first."""

    def __init__(self, model: str, hits: Sequence[RankedHit], *, keep_unsupported: bool = False) -> None:
        self._model, self._hits = model, hits
        self._keep = keep_unsupported
        self._claims: list[Claim] = []
        self._sources: list[Span] = []
        self._rejected: list[Rejected] = []
        self._faults: Counter[str] = Counter()

    def add(self, written: Sentence, snapshot: IndexSnapshot) -> bool:
        """Check a sentence; say whether it is shown."""
        finding = supported_by(written.text, written.citations, self._hits)
        self._faults.update(fault.value for fault in finding.faults)
        spans = [span_of(_evidence(finding, i), snapshot) for i in range(len(finding.sources))]
        stand = all(stands_in(span, snapshot.text_of) for span in spans)
        if finding.is_supported and stand:
            self._claim(written.text, finding, spans, Support.SUPPORTED)
            return True
        self._rejected.append(Rejected(written.text, written.citations, tuple(sorted(finding.faults))))
        if self._keep:
            is_partly = finding.is_partly_supported and stand
            support = Support.PARTLY if is_partly else Support.UNSUPPORTED
            self._claim(written.text, finding, spans if is_partly else [], support)
        return self._keep

    def written(self, use: ModelUse) -> Written:
        """Return what there is so far."""
        sentences = len(self._rejected) + sum(claim.support is Support.SUPPORTED for claim in self._claims)
        counted = (use.failure, use.input_tokens, use.output_tokens, use.cost)
        record = Writing(self._model, sentences, tuple(self._rejected), dict(self._faults), *counted)
        return Written(tuple(self._claims), tuple(self._sources), record)

    def _claim(self, text: str, finding: Finding, spans: Sequence[Span], support: Support) -> None:
        for span in spans:
            if span not in self._sources:
                self._sources.append(span)
        numbers = sorted(self._sources.index(span) + 1 for span in spans)
        self._claims.append(Claim(text, tuple(numbers), support, round(finding.coverage, 4)))


def _evidence(finding: Finding, i: int) -> Evidence:
    source = finding.sources[i]
    return Evidence(source.passage, source.sentence, finding.coverage, source.lead())


def model_text(stored: StoredChunk) -> str:
    """Return what a model sees of a passage: the headings it stands under, and its text."""
    return "\n".join([*([" > ".join(stored.chunk.heading)] if stored.chunk.heading else []), stored.text])
