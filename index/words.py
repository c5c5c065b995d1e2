"""The words of chunks and of questions, as tantivy sees them: fields, analysis, and the query for a question.

Two fields hold the same words. `folded` drops accents and endings, so "Abrego" finds "Ábrego" and "returns" finds
"returned"; `exact` keeps them, so the form that was typed ranks first. Text is brought to NFC, for search only, and
what is written without spaces between words (Chinese, Japanese, Thai, ...) becomes pairs of characters.
"""

import re
import unicodedata

import tantivy
from tantivy import Filter, Occur, Query, TextAnalyzerBuilder, Tokenizer

from index.chunking import Chunk

MAX_WORD = 100
WEIGHTS = {"folded": 1.0, "exact": 0.5}
# Where there are many chunks, a question's most frequent words take nearly all of the time and hardly rank: a word in a
# fifth of all chunks counts a quarter of one in a thousandth.
MANY_CHUNKS = 20_000
FREQUENT = 0.2
SAME = 0.98
# Han, Hiragana and Katakana; Thai, Lao, Myanmar, Khmer with their vowel signs; Hangul is written with spaces, but its
# endings stick to the words, so pairs find more there, too.
UNSPACED = re.compile(
    "[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003134f"
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\uac00-\ud7a3]+"
)


def schema() -> tantivy.Schema:
    """Return the fields of the index."""
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", stored=False, indexed=True, fast=True)
    for field in WEIGHTS:
        builder.add_text_field(field, tokenizer_name=field)
    return builder.build()


def _words() -> TextAnalyzerBuilder:
    return TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(MAX_WORD)).filter(Filter.lowercase())


ANALYZERS = {
    "exact": _words().build(),
    "folded": _words().filter(Filter.ascii_fold()).filter(Filter.stemmer("english")).build(),
}


def words_of(text: str, chunk: Chunk) -> dict[str, str]:
    """Return the words of a document's chunk and of its headings in each field, with blanks between them."""
    words = searchable("\n".join([*chunk.heading, text[chunk.start : chunk.end]]))
    return {field: " ".join(analyzer.analyze(words)) for field, analyzer in ANALYZERS.items()}


def query_for(question: str, searcher: tantivy.Searcher, fields: tantivy.Schema) -> Query:
    """Return the query for any of a question's words, in either field."""
    text = searchable(question)
    weights = {
        (field, word): weight
        for field, weight in WEIGHTS.items()
        for word in dict.fromkeys(ANALYZERS[field].analyze(text))
    }
    if searcher.num_docs > MANY_CHUNKS:
        weights = _quicker(weights, searcher)
    terms: list[tuple[Occur, Query]] = []
    for (field, word), weight in weights.items():
        terms.append((Occur.Should, Query.boost_query(Query.term_query(fields, field, word), weight)))
    return Query.boolean_query(terms) if terms else Query.empty_query()


def _quicker(weights: dict[tuple[str, str], float], searcher: tantivy.Searcher) -> dict[tuple[str, str], float]:
    """Leave out the most frequent words, if others are left; look up words that are the same in both fields once."""
    found = {key: searcher.doc_freq(*key) for key in weights}
    rare = {key: weight for key, weight in weights.items() if found[key] <= FREQUENT * searcher.num_docs}
    kept = rare if any(found[key] for key in rare) else weights
    for word in [word for field, word in kept if field == "exact"]:
        twin = ("folded", word)
        if twin in kept and found["exact", word] >= SAME * found[twin]:
            kept[twin] += kept.pop(("exact", word))
    return kept


def searchable(text: str) -> str:
    """Return the text as its words are looked for. Example: "東京都 is" -> "東京 京都 is"."""
    return UNSPACED.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", unicodedata.normalize("NFC", text))


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]
