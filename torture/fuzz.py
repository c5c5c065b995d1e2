"""Feed it what nobody would write: damaged files, any Unicode, broken records, odd names and questions.

Every case is drawn from the seed and its number, so it can be seen again with `--only NUMBER`. A case fails if
anything but the error that is meant for people comes out, if it takes longer than the limit, or if a promise does not
hold: offsets that reproduce the text, nothing dropped, names that stay in their folder.
"""

import io
import json
import random
import resource
import time
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from eval.formats import read_squad, read_suite
from index.chunking import chunk
from index.documents import document_name
from index.errors import RagError, UnreadableDocumentError
from index.filters import parse_filter
from index.intake import MAX_NAME_BYTES, Found, documents_in, safe_name
from index.parsing import ParsedDocument, Parser
from index.parsing.isolation import MAX_WAITING
from index.search import Searcher
from index.segments import read_segments
from index.stamps import Stamp
from rag.abstention import Gate
from rag.chain import Chain
from rag.conversation import Turn
from tests.conftest import META, WordEncoder, WordReranker
from torture.samples import all_samples
from torture.trials import Tally, scratch
from torture.worlds import AFTER, World

LIMIT_SECONDS = 10.0  # of computing; on a busy machine a parser may wait longer
MAX_WAIT = LIMIT_SECONDS * MAX_WAITING + 5
MAX_BYTES = 300_000
# What has broken programs before: controls, marks, surrogates' neighbours, bidirectional overrides, astral letters,
# white space of all kinds, long runs.
ALPHABETS = (
    "abc ABC 0123 .,;:!?\n\t",
    "\x00\x01\x07\x08\x0b\x0c\x0d\x1b\x1f\x7f\x80\x85\x9f\xa0\xad",
    "\u0300\u0301\u0e31\u200b\u200d\u200e\u202a\u202e\u2028\u2029\u2066\u2069\ufeff\ufffd\ufffe\uffff",
    "東京都は日本ไทยမြန်မាខ្មែรعربيעבריתहिन्दी",
    "\U0001f600\U0001f468\u200d\U0001f469\U00020000\U0010ffff\U000e0001",
    "<>&\"'`$(){}[]|\\/%*?#@~^=+-_",
)
Draw = random.Random


class Fuzzer:
    """The kinds of cases over one small index, and the parser that all share."""

    def __init__(self, folder: Path, documents: Path | None) -> None:
        self.folder = folder
        self.files = all_samples(documents)
        self.parser = Parser(LIMIT_SECONDS)
        world = World(folder / "world")
        world.write(AFTER)
        world.build()
        self.chain = Chain(Searcher(world.store, WordEncoder()), WordReranker(), Gate("words", 0, 1, 1, "by hand"), 5)
        self.texts = dict(AFTER)

    def damaged_file(self, draw: Draw) -> str:
        """Parse and chunk a file that was damaged, or has another's name."""
        name, data = draw.choice(list(self.files.items()))
        for _ in range(draw.randint(1, 4)):
            data = damaged_inside(draw, data) or damaged(draw, data[:MAX_BYTES], list(self.files.values()))
        if draw.random() < 0.1:
            name = draw.choice(list(self.files))
        return self._read(name, data)

    def any_text(self, draw: Draw) -> str:
        """Parse and chunk text of any characters, as some format that is text."""
        said = any_text(draw, 3_000)
        name = "a" + draw.choice([".txt", ".md", ".html", ".csv", ".json", ".jsonl", ".srt", ".py", ".rtf", ".eml"])
        encoding = draw.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252", "utf-32"])
        return self._read(name, said.encode(encoding, "replace"))

    def question(self, draw: Draw) -> str:
        """Ask anything, perhaps with a history and a filter."""
        words = "What is alpha and beta? Compare gamma, list epsilon 3 5 May 2031 who why when it he".split()
        parts = [draw.choice(words) if draw.random() < 0.6 else any_text(draw, 30) for _ in range(draw.randint(1, 20))]
        history = [Turn(any_text(draw, 60) or "x", any_text(draw, 60)) for _ in range(draw.randint(0, 2))]
        try:
            where = parse_filter(any_text(draw, 20)) if draw.random() < 0.2 else None
            answer = self.chain.invoke(" ".join(parts), history, where)
        except RagError:
            return "refused"
        for source in answer.sources:
            own = self.texts[source.document]
            assert own[source.start : source.end] == source.quote, "a span that is not its quote"
        json.dumps(answer.to_dict(), ensure_ascii=False).encode("utf-8")
        return "answered" if answer.claims else "not in the documents"

    def record(self, draw: Draw) -> str:
        """Read damaged records: suites, stamps, lists of segments."""
        folder = self.folder / "records"
        folder.mkdir(exist_ok=True)
        document = {"doc_id": "d", "title": "t", "text": "One. Two.", "lang": "en"}
        asked = {"qid": "q", "question": "One?", "answerable": True, "answers": ["One"], "gold_doc_ids": ["d"]}
        asked["gold_spans"] = [{"doc_id": "d", "start": 0, "end": 4}]
        squad = {
            "data": [{"title": "t", "paragraphs": [{"context": "One.", "qas": [{"id": "q", "question": "One?"}]}]}]
        }
        for name, value in (("docs.jsonl", document), ("questions.jsonl", asked), ("squad.json", squad)):
            said = json.dumps(altered(draw, value), ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")
            (folder / name).write_bytes(damaged(draw, said, [said]) if draw.random() < 0.4 else said)
        readers: list[Callable[[], object]] = [lambda: read_suite(folder), lambda: read_squad(folder / "squad.json")]
        stamp = json.dumps(
            altered(draw, {"generation": 1, "commit": "x", "version": 2, "files": {"a": ["x", 1, 2, 3, 4]}})
        )
        (folder / "stamp.json").write_bytes(damaged(draw, stamp.encode(), [b"x"]))
        (folder / "segments.json").write_text(
            json.dumps(altered(draw, [{"first": 1, "last": 2, "count": 2, "ids": ["a"]}]))
        )
        readers += [lambda: Stamp.read(folder / "stamp.json"), lambda: read_segments(folder)]
        refused = 0
        for read in readers:
            try:
                read()
            except RagError:
                refused += 1
        return f"{refused} of {len(readers)} readers refused"

    def name(self, draw: Draw) -> str:
        """Give a file any name: made safe it is one name; on the disk it is a document's."""
        given = any_text(draw, 120)
        if draw.random() < 0.5:
            given = draw.choice(["../", "..\\", "/etc/", "C:\\", "a/../../", "\x00", "."]) + given
        made = safe_name(given)
        assert made, repr(given)
        assert not made.startswith("."), repr(made)
        assert not set(made) & set("/\\\0\n\r"), repr(made)
        assert len(made.encode("utf-8", "replace")) <= MAX_NAME_BYTES + 4, len(made)
        raw = bytes(draw.randrange(1, 256) for _ in range(draw.randint(1, 40))).replace(b"/", b"_")
        shown = document_name(Path("/base") / Path(raw.decode("utf-8", "surrogateescape")), Path("/base"))
        shown.encode("utf-8")
        return "named"

    def _read(self, name: str, data: bytes) -> str:
        try:
            for found in documents_in(self.parser, name, data, None):
                found.name.encode("utf-8")
                if isinstance(found, Found):
                    check_document(found.parsed)
        except UnreadableDocumentError as error:
            str(error).encode("utf-8")
            return "ended after 10 s" if "longer than" in str(error) else "refused"
        return "read"


WEIGHTS = {"damaged_file": 50, "any_text": 25, "question": 10, "record": 10, "name": 5}


def fuzz(cases: int, seed: int, documents: Path | None = None, only: int | None = None) -> list[Tally]:
    """Run so many cases; `only` runs one of them and lets its error out."""
    tallies = {name: Tally(f"fuzzed: {name.replace('_', ' ')}") for name in WEIGHTS}
    with scratch() as name:
        fuzzer = Fuzzer(Path(name), documents)
        for number in range(cases) if only is None else [only]:
            draw = random.Random(f"{seed} {number}")
            (kind,) = draw.choices(list(WEIGHTS), list(WEIGHTS.values()))
            began, outcome, failure = time.monotonic(), "failed", ""
            try:
                outcome = getattr(fuzzer, kind)(draw)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a panic of a library in Rust is no Exception
                if only is not None:
                    raise
                failure = f"case {number}: {type(error).__name__}: {str(error)[:300]}"
            seconds = time.monotonic() - began
            if seconds > MAX_WAIT and not failure:
                failure = f"case {number}: took {seconds:.1f} s"
            tallies[kind].add(outcome, failure)
            tallies[kind].seconds += seconds
        fuzzer.parser.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"largest memory of this process: {peak} MB")
    return list(tallies.values())


def check_document(document: ParsedDocument) -> None:
    """Check what a parser and the chunker promise of any document."""
    text = document.text
    text.encode("utf-8")
    json.dumps([document.metadata.__dict__, [place.label for place in document.places]], ensure_ascii=False).encode()
    end = 0
    for block in document.blocks:
        assert end <= block.start < block.end <= len(text), f"block {block} of {len(text)} characters"
        end = block.end
    chunks = chunk(document, _count, META.chunk_size, META.chunk_overlap)
    covered: set[int] = set()
    for part in chunks:
        assert (part.sentences[0].start, part.sentences[-1].end) == (part.start, part.end)
        for sentence in part.sentences:
            assert part.start <= sentence.start < sentence.end <= part.end
            covered.update(range(sentence.start, sentence.end))
    inside = {i for block in document.blocks for i in range(block.start, block.end)}
    dropped = [i for i in sorted(inside - covered) if not text[i].isspace()]
    assert not dropped, f"dropped at {dropped[0]}: {text[max(0, dropped[0] - 20) : dropped[0] + 20]!r}"


@cache
def _encoder() -> WordEncoder:
    return WordEncoder()


def _count(texts: list[str]) -> list[int]:
    return _encoder().count_tokens(texts)


def any_text(draw: Draw, most: int) -> str:
    """Return text of some of the alphabets, now and then with a long run."""
    alphabet = "".join(draw.sample(ALPHABETS, draw.randint(1, len(ALPHABETS))))
    said = "".join(draw.choices(alphabet, k=draw.randint(0, most)))
    return said + draw.choice(alphabet) * draw.choice([0, 0, 0, most])


def damaged(draw: Draw, data: bytes, others: list[bytes]) -> bytes:
    """Return the data with one thing done to it that a disk, a network or a foe may do."""
    if not data:
        return bytes(draw.randrange(256) for _ in range(draw.randint(1, 50)))
    at = draw.randrange(len(data))
    size = min(len(data) - at, draw.choice([1, 2, 4, 16, 256, 4096]))
    other = draw.choice(others)[:MAX_BYTES] or b"x"
    there = draw.randrange(len(other))
    return draw.choice(
        [
            lambda: data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :],
            lambda: data[:at],
            lambda: data[:at] + data[at + size :],
            lambda: data[:at] + data[at : at + size] * draw.choice([2, 3, 100]) + data[at + size :],
            lambda: data[:at] + bytes(size) + data[at + size :],
            lambda: data[:at] + draw.randbytes(size) + data[at + size :],
            lambda: data[:at] + draw.choice([b"\xff" * 4, b"\x7f\xff\xff\xff", b"-1", b"99999999999"]) + data[at + 4 :],
            lambda: data[:at] + other[there:],
        ]
    )()


def damaged_inside(draw: Draw, data: bytes) -> bytes | None:
    """Return a zip with one of its members damaged and check sums right, so that the format's own reader sees it."""
    if not data.startswith(b"PK") or draw.random() < 0.3:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old:
            members = {entry.filename: old.read(entry) for entry in old.infolist() if entry.file_size < MAX_BYTES}
    except Exception:  # damaged before
        return None
    if not members:
        return None
    chosen = draw.choice(list(members))
    members[chosen] = damaged(draw, members[chosen], list(members.values()))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(name, content)
    return file.getvalue()


def altered(draw: Draw, value: object) -> object:
    """Return a JSON value with some part of it replaced by another kind of value."""
    odd = [None, True, -1, 0, 2**70, 1e400, "", "x", "\ud800", [], {}, [[]], {"": ""}, "\u0000", -0.5, ["d"] * 3]
    if draw.random() < 0.15:
        return draw.choice(odd)
    if isinstance(value, dict):
        return {key: altered(draw, part) for key, part in value.items() if draw.random() > 0.05}
    if isinstance(value, list):
        return [altered(draw, part) for part in value]
    return value
