"""Web pages: the main content as blocks, with headings, lists and tables as rows.

Left out: scripts, styles, forms, what is hidden, navigation, and the page's footer. Nothing is fetched. The walk is a
loop, not a recursion, so that deep nesting costs nothing.
"""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from index.errors import EncodingError, UnreadableDocumentError
from index.parsing.blocks import Metadata, ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.decoding import MARKS, decode, known_encoding
from index.parsing.metadata import iso_date, language_code
from index.parsing.tables import SPANNED, add_table, one_line

MAX_DEPTH = 1_000
CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)|<\?xml[^>]+encoding\s*=\s*[\"']([\w.:-]+)", re.I)
# Where an element starts or ends; what is inside a script, a style or a comment is no element.
TAG = re.compile(r"<(!--|script\b|style\b)|<(/?)([a-z][a-z0-9-]*)", re.I)
ENDS = {"!--": "-->", "script": "</script", "style": "</style"}
# Elements that have no end tag, or often lack one without being nested.
UNNESTED = set(
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th thead tbody tfoot option"
    " optgroup colgroup html head body".split()
)
SKIPPED = set(
    "script style template noscript svg math canvas iframe object embed video audio select button textarea input"
    " datalist nav head dialog".split()
)
SKIPPED_ROLES = {"navigation", "search", "dialog", "alertdialog"}
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = set(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer form"
    " header hgroup hr html legend li main ol p pre section summary table tbody td tfoot th thead title tr ul".split()
) | set(HEADINGS)
DATE_NAMES = ("article:published_time", "dc.date", "dcterms.date", "dcterms.created", "date", "citation_date")


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the page's main content. Raises UnreadableDocumentError if there is none."""
    text, used = decode_page(data, encoding)
    tree = tree_of(text)
    builder = TextBuilder()
    main = _main(tree)
    metadata = _metadata(tree)
    if metadata.title and not any(n.css_first("h1") for n in main):
        builder.add(metadata.title, level=1)
    for node in main:
        add_content(builder, node)
    return builder.document(used, metadata)


def decode_page(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Return (text, encoding): the one that is asked for, or what the page says, or as for any text."""
    said = CHARSET.search(data[:4096])
    if encoding is None and said and not data.startswith(tuple(mark for mark, _ in MARKS)):
        name = (said[1] or said[2]).decode("ascii").lower()
        try:
            # subtle: browsers read "iso-8859-1" as Windows-1252, and pages rely on that.
            found = known_encoding({"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252"}.get(name, name))
            if not found.startswith("utf-16"):  # what could be read as ASCII so far is not
                return decode(data, found)
        except (UnreadableDocumentError, EncodingError):
            return decode(data)
    return decode(data, encoding)


def tree_of(text: str) -> LexborHTMLParser:
    """Parse a page. Raises UnreadableDocumentError if it is nested so deeply that this would take minutes."""
    depth, position = 0, 0
    while tag := TAG.search(text, position):
        position = tag.end()
        if tag[1]:
            position = text.find(ENDS[tag[1].lower()], position)
            if position < 0:
                break
        elif tag[3].lower() not in UNNESTED:
            depth = max(0, depth - 1) if tag[2] else depth + 1
            if depth > MAX_DEPTH:
                raise UnreadableDocumentError(f"nested more than {MAX_DEPTH:,} deep")
    return LexborHTMLParser(text)


def add_content(builder: TextBuilder, top: LexborNode) -> None:
    """Add what a reader of the page sees below `top`, in order."""
    line: list[str] = []
    level = 0
    is_as_typed = False

    def flush() -> None:
        if line:
            builder.add(_tidy("".join(line)), level)
            line.clear()

    for node, is_start in _walk(top):
        tag = node.tag or ""
        if tag in BLOCKS:
            flush()
            level = HEADINGS.get(tag, level) if is_start else 0
            is_as_typed = is_start if tag == "pre" else is_as_typed
        if tag == "table" and is_start and _is_data(node):
            _add_table(builder, node)
        elif is_start and tag in ("-text", "br", "img"):
            line.append(_characters(node, is_as_typed))
    flush()


def _walk(top: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """Yield (node, True) where a node starts and (node, False) where it ends; nothing of what a reader cannot see.

    A table of data is one node: whoever gets it reads it whole.
    """
    node, first = top, top.mem_id
    while True:
        is_seen = not _is_skipped(node)
        if is_seen:
            yield node, True
        below = node.child if is_seen and not (node.tag == "table" and _is_data(node)) else None
        if below is not None:
            node = below
            continue
        while True:
            if is_seen:
                yield node, False
            if node.mem_id == first:
                return
            if node.next is not None:
                node = node.next
                break
            node, is_seen = node.parent, True  # type: ignore[assignment]  # `top` is above


def _is_skipped(node: LexborNode) -> bool:
    if not node.is_element_node:
        return not node.is_text_node
    if node.tag in SKIPPED:
        return True
    said = node.attributes
    if not said:
        return False
    return (
        "hidden" in said
        or said.get("aria-hidden") == "true"
        or (said.get("role") or "") in SKIPPED_ROLES
        or bool(HIDDEN_STYLE.search(said.get("style") or ""))
    )


def _characters(node: LexborNode, is_as_typed: bool) -> str:
    """Return a node's characters, with white space as a browser shows it; of a picture, what describes it."""
    if node.tag == "br":
        return "\n"
    if node.tag == "img":
        return f" {(node.attributes.get('alt') or '').strip()} "
    text = node.text_content or ""
    # A no-break space is one that `_tidy` keeps.
    return text.replace(" ", "\xa0") if is_as_typed else re.sub(r"[ \t\n\r\f]+", " ", text)


def _tidy(text: str) -> str:
    """Join runs of spaces, trim every line; spaces that are to stay come in as no-break spaces."""
    return re.sub(r"[ \t]*\n[ \t]*", "\n", re.sub(r"[ \t]+", " ", text)).replace("\xa0", " ")


def _is_data(table: LexborNode) -> bool:
    """Say whether a table holds data: it has two columns or more, and no table or heading in its cells."""
    if table.css_first("table table, h1, h2, h3, h4") is not None:
        return False
    row = table.css_first("tr")
    cells = 0
    cell = row.child if row is not None else None
    while cell is not None:
        cells += cell.tag in ("td", "th")
        cell = cell.next
    return cells > 1


def _add_table(builder: TextBuilder, table: LexborNode) -> None:
    caption = table.css_first("caption")
    if caption is not None:
        builder.add(one_line(content_of(caption)))
    rows, heads = [], []
    for row in table.css("tr"):
        cells: list[str] = []
        kinds = set()
        cell = row.child
        while cell is not None:
            if cell.tag in ("td", "th") and not _is_skipped(cell):
                kinds.add(cell.tag)
                cells.append(one_line(content_of(cell)))
                cells += [SPANNED] * (_span(cell) - 1)
            cell = cell.next
        rows.append(cells)
        heads.append(kinds == {"th"})
    if rows and heads[0] and not all(heads):
        add_table(builder, rows[1:], header=rows[0])
    else:
        add_table(builder, rows)


def _span(cell: LexborNode) -> int:
    said = cell.attributes.get("colspan") or "1"
    return min(int(said), 100) if said.isdecimal() else 1


def content_of(top: LexborNode) -> str:
    """Return what a reader sees below `top` as one text, its blocks on lines of their own."""
    inner = TextBuilder()
    add_content(inner, top)
    return inner.text


def _main(tree: LexborHTMLParser) -> list[LexborNode]:
    """Return the page's main content as it marks it, or else its body without the footer."""
    for selector in ("main, [role=main]", "article"):
        found = [node for node in tree.css(selector) if not _is_skipped(node)]
        if found and (selector != "article" or len(found) == 1):
            return found[:1] if selector != "article" else found
    body = tree.body
    if body is None:
        return []
    for footer in tree.css("body > footer, [role=contentinfo]"):
        footer.decompose()
    return [body]


def _metadata(tree: LexborHTMLParser) -> Metadata:
    said: dict[str, str] = {}
    for meta in tree.css("meta"):
        name = meta.attributes.get("name") or meta.attributes.get("property") or ""
        said.setdefault(name.lower(), (meta.attributes.get("content") or "").strip())
    title = tree.css_first("head > title")
    html = tree.css_first("html")
    return Metadata(
        one_line(title.text() if title is not None else "") or said.get("og:title", ""),
        said.get("author", "") or said.get("dc.creator", ""),
        next((date for name in DATE_NAMES if (date := iso_date(said.get(name, "")))), ""),
        language_code((html.attributes.get("lang") if html is not None else "") or ""),
    )
