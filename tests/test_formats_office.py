import datetime
import io

import docx
import pptx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.comments import Comment
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from index.errors import UnreadableDocumentError
from index.parsing import Metadata
from index.parsing.cell_values import shown
from index.parsing.opendocument import column_letters
from index.parsing.word_numbering import shown as shown_number
from tests.documents import found, read, texts, zipped

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)


def saved(document: object) -> bytes:
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def word(body: str, **parts: str) -> bytes:
    """Return a Word file made by hand: the body's XML, and other parts by the name of their relation."""
    relations = "".join(f'<Relationship Id="r{kind}" Type="http://x/{kind}" Target="{kind}.xml"/>' for kind in parts)
    namespaces = f'xmlns:w="{W}" xmlns:mc="http://m" xmlns:m="http://math"'
    return zipped(
        {
            "word/document.xml": f"<w:document {namespaces}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": f"<Relationships>{relations}</Relationships>",
            **{f"word/{kind}.xml": f"<w:{kind} {namespaces}>{xml}</w:{kind}>" for kind, xml in parts.items()},
        }
    )


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def test_word_has_headings_paragraphs_and_tables() -> None:
    document = docx.Document()
    document.core_properties.title = "The lease"
    document.core_properties.author = "Ann"
    document.core_properties.modified = datetime.datetime(2024, 5, 3, 10)
    document.core_properties.language = "en-GB"
    document.add_heading("Title", 0)
    document.add_heading("First", 1)
    document.add_paragraph("One\ntwo.")
    document.add_heading("Second", 2)
    table = document.add_table(3, 2)
    for row, cells in enumerate([("Name", "Rent"), ("Ann", "900"), ("Bob", "")]):
        for column, cell in enumerate(cells):
            table.cell(row, column).text = cell
    data = saved(document)
    assert [(level, text) for level, _, text in found("a.docx", data)] == [
        (1, "Title"),
        (1, "First"),
        (0, "One\ntwo."),
        (2, "Second"),
        (0, "Name; Rent"),
        (0, "Name: Ann; Rent: 900"),
        (0, "Name: Bob"),
    ]
    assert read("a.docx", data).metadata == Metadata("The lease", "Ann", "2024-05-03", "en")


def test_word_merged_cells_keep_their_row_and_column_names() -> None:
    document = docx.Document()
    table = document.add_table(3, 3)
    for row, cells in enumerate([("Who", "When", "Where"), ("Ann", "May", "Rome"), ("", "June", "Oslo")]):
        for column, cell in enumerate(cells):
            table.cell(row, column).text = cell
    table.cell(1, 0).merge(table.cell(2, 0))
    assert texts("a.docx", saved(document))[1:] == [
        "Who: Ann; When: May; Where: Rome",
        "Who: Ann; When: June; Where: Oslo",
    ]


def test_word_leaves_out_what_is_deleted_hidden_or_a_comment() -> None:
    body = (
        "<w:p>"
        + run("Seen. ")
        + f"<w:del>{run('Deleted. ')}</w:del><w:ins>{run('Inserted. ')}</w:ins>"
        + run("Hidden. ", "<w:vanish/>")
        + run("Not hidden.", '<w:vanish w:val="0"/>')
        + '<w:r><w:commentReference w:id="1"/></w:r></w:p>'
    )
    data = word(body, comments=f'<w:comment w:id="1"><w:p>{run("Remark")}</w:p></w:comment>')
    assert texts("a.docx", data) == ["Seen. Inserted. Not hidden."]


def test_word_notes_and_text_boxes_follow_their_paragraph_once() -> None:
    box = f"<w:txbxContent><w:p>{run('In the box')}</w:p></w:txbxContent>"
    body = (
        f'<w:p>{run("Text")}<w:r><w:footnoteReference w:id="7"/></w:r>'
        f"<w:r><mc:AlternateContent><mc:Choice><w:drawing>{box}</w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p><w:p>{run('After')}</w:p>"
    )
    data = word(body, footnotes=f'<w:footnote w:id="7"><w:p>{run("The note")}</w:p></w:footnote>')
    assert texts("a.docx", data) == ["Text[1]", "[1] The note", "In the box", "After"]


def test_word_shows_the_numbers_of_paragraphs() -> None:
    def numbered(level: int, text: str) -> str:
        rule = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="3"/></w:numPr>'
        return f"<w:p><w:pPr>{rule}</w:pPr>{run(text)}</w:p>"

    def level(n: int, kind: str, pattern: str) -> str:
        return (
            f'<w:lvl w:ilvl="{n}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/><w:lvlText w:val="{pattern}"/></w:lvl>'
        )

    rules = level(0, "decimal", "§ %1") + level(1, "lowerLetter", "%1.%2)") + level(2, "bullet", "x")
    numbering = (
        f'<w:abstractNum w:abstractNumId="9">{rules}</w:abstractNum>'
        '<w:num w:numId="3"><w:abstractNumId w:val="9"/></w:num>'
    )
    body = "".join(numbered(*p) for p in [(0, "A"), (1, "B"), (1, "C"), (2, "D"), (0, "E"), (1, "F")])
    assert texts("a.docx", word(body, numbering=numbering)) == [
        "§ 1 A", "1.a) B", "1.b) C", "D", "§ 2 E", "2.a) F",
    ]  # fmt: skip


def test_numbers_as_letters_and_roman_numerals() -> None:
    kinds = {"lowerLetter": "bb", "upperLetter": "BB", "lowerRoman": "xxviii", "decimal": "28"}
    assert {kind: shown_number(28, kind) for kind in kinds} == kinds


def test_word_formulas_are_text() -> None:
    squared = "<m:sSup><m:e><m:r><m:t>y</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    part = "<m:f><m:num><m:r><m:t>a</m:t></m:r></m:num><m:den><m:r><m:t>b</m:t></m:r></m:den></m:f>"
    body = f"<w:p>{run('It is ')}<m:oMath><m:r><m:t>x-</m:t></m:r>{squared}{part}</m:oMath></w:p>"
    assert texts("a.docx", word(body)) == ["It is x-y^2(a)/(b)"]


def test_the_strict_variant_of_word_files_is_read_too() -> None:
    strict = word(f"<w:p>{run('Some text')}</w:p>")
    other = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    body = f'<w:document xmlns:w="{other}"><w:body><w:p>{run("Some text")}</w:p></w:body></w:document>'
    assert texts("a.docx", strict) == texts("a.docx", zipped({"word/document.xml": body})) == ["Some text"]


@given(st.lists(st.tuples(st.integers(0, 3), WORDS), min_size=1, max_size=8))
def test_word_keeps_every_word_in_order(paragraphs: list[tuple[int, str]]) -> None:
    document = docx.Document()
    for level, text in paragraphs:
        document.add_heading(text, level) if level else document.add_paragraph(text)
    assert texts("a.docx", saved(document)) == [text for _, text in paragraphs]


def test_slides_are_places_and_their_titles_headings() -> None:
    show = pptx.Presentation()
    first = show.slides.add_slide(show.slide_layouts[1])
    first.placeholders[1].text = "Point one\nPoint two"
    first.shapes.title.text = "Results"
    first.notes_slide.notes_text_frame.text = "Say it slowly"
    second = show.slides.add_slide(show.slide_layouts[6])
    second.shapes.add_textbox(0, 0, 99, 99).text_frame.text = "No title"
    table = second.shapes.add_table(2, 3, 0, 0, 99, 99).table
    for row, cells in enumerate([("Year", "Ducks", ""), ("2019", "80", "120")]):
        for column, cell in enumerate(cells):
            table.cell(row, column).text = cell
    table.cell(0, 1).merge(table.cell(0, 2))
    assert found("a.pptx", saved(show)) == [
        (1, "slide 1", "Results"),
        (0, "slide 1", "Point one"),
        (0, "slide 1", "Point two"),
        (0, "slide 1", "Note: Say it slowly"),
        (1, "slide 2", "No title"),
        (0, "slide 2", "Year; Ducks"),
        (0, "slide 2", "Year: 2019; Ducks: 80; Ducks: 120"),
    ]


def test_charts_are_tables() -> None:
    show = pptx.Presentation()
    data = CategoryChartData()
    data.categories = ["East", "West"]
    data.add_series("2023", (1.5, 2.25))
    data.add_series("2024", (3, None))
    slide = show.slides.add_slide(show.slide_layouts[6])
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(3), data)
    assert texts("a.pptx", saved(show)) == ["2023; 2024", "East; 2023: 1.5; 2024: 3", "West; 2023: 2.25"]


def test_sheets_have_rows_with_their_cell_as_place() -> None:
    book = Workbook()
    sheet = book.active
    sheet.title = "Rents"
    sheet["A1"] = "Rents of 2024"
    for row, cells in enumerate([("Name", "Rent", "Share", "Since"), ("Ann", 900, 0.15, datetime.date(2024, 5, 3))]):
        for column, cell in enumerate(cells):
            sheet.cell(row + 3, column + 2, cell)
    sheet["C4"].number_format = "#,##0.00 [$€-407]"
    sheet["D4"].number_format = "0%"
    sheet["D4"].comment = Comment("Check this", "Bob")
    book.create_sheet("Secret").append(["Not seen"])
    book["Secret"].sheet_state = "hidden"
    assert found("a.xlsx", saved(book)) == [
        (1, "Rents!A1", "Rents"),
        (0, "Rents!A1", "Rents of 2024"),
        (0, "Rents!B3", "Name; Rent; Share; Since"),
        (0, "Rents!B4", "Name: Ann; Rent: €900.00; Share: 15%; Since: 2024-05-03"),
        (0, "Rents!D4", "Comment (Bob): Check this"),
    ]


def test_a_sheet_may_have_several_tables() -> None:
    book = Workbook()
    for row in [("Month", "Sales"), ("Jan", 10), ("Feb", 12), (), ("Total", 22), (), ("City", "Pop"), ("Rome", 3)]:
        book.active.append(row)
    assert texts("a.xlsx", saved(book)) == [
        "Sheet", "Month; Sales", "Month: Jan; Sales: 10", "Month: Feb; Sales: 12", "Month: Total; Sales: 22",
        "City; Pop", "City: Rome; Pop: 3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (0.1 + 0.2, "General", "0.3"),
        (1234567, "General", "1234567"),
        (-1234.5, '"$"#,##0.00', "-$1,234.50"),
        (-1234.5, "$#,##0.00", "-$1,234.50"),
        (0.0725, "0.0%", "7.2%"),
        (True, "General", "TRUE"),
        (datetime.datetime(2024, 5, 3, 10, 30), "d/m/yy h:mm", "2024-05-03 10:30:00"),
        (datetime.time(9, 5), "h:mm", "09:05:00"),
    ],
)  # fmt: skip
def test_cells_are_shown_as_the_sheet_shows_them(value: object, number_format: str, text: str) -> None:
    assert shown(value, number_format) == text


OPEN = 'xmlns:office="o" xmlns:text="t" xmlns:table="tb" xmlns:draw="d" xmlns:presentation="p" xmlns:dc="dc"'


def open_document(kind: str, body: str) -> bytes:
    content = f"<office:document-content {OPEN}><office:body><office:{kind}>{body}</office:{kind}></office:body>"
    meta = (
        f"<office:document-meta {OPEN}><office:meta><dc:title>T</dc:title><dc:creator>Ann</dc:creator>"
        "<dc:date>2024-05-03T10:00:00</dc:date><dc:language>de-AT</dc:language></office:meta></office:document-meta>"
    )
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"{content}</office:document-content>",
            "meta.xml": meta,
        }
    )


def test_open_document_text() -> None:
    body = (
        '<text:h text:outline-level="2">Head</text:h><text:p>One<text:s text:c="2"/>two<text:note><text:note-citation>1'
        "</text:note-citation><text:note-body><text:p>Note</text:p></text:note-body></text:note>"
        "<office:annotation><text:p>Remark</text:p></office:annotation>.</text:p>"
        "<text:tracked-changes><text:p>Deleted</text:p></text:tracked-changes>"
        "<text:list><text:list-item><text:p>Item</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>Name</text:p></table:table-cell><table:table-cell>"
        "<text:p>Rent</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell><text:p>Ann</text:p>"
        "</table:table-cell><table:table-cell><text:p>900</text:p></table:table-cell></table:table-row></table:table>"
    )
    data = open_document("text", body)
    assert [(level, text) for level, _, text in found("a.odt", data)] == [
        (2, "Head"),
        (0, "One  two[1]."),
        (0, "[1] Note"),
        (0, "Item"),
        (0, "Name; Rent"),
        (0, "Name: Ann; Rent: 900"),
    ]
    assert read("a.odt", data).metadata == Metadata("T", "Ann", "2024-05-03", "de")


def test_open_document_sheets_and_slides() -> None:
    def row(*cells: str, repeated: int = 1) -> str:
        inner = "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in cells)
        return f'<table:table-row table:number-rows-repeated="{repeated}">{inner}</table:table-row>'

    empty = (
        '<table:table-row table:number-rows-repeated="99999999"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row>'
    )
    rows = row("Name", "Rent") + row("Ann", "900") + row("", repeated=3) + row("", "Alone") + empty
    sheet = open_document("spreadsheet", f'<table:table table:name="Rents">{rows}</table:table>')
    assert found("a.ods", sheet) == [
        (1, "Rents!A1", "Rents"),
        (0, "Rents!A1", "Name; Rent"),
        (0, "Rents!A2", "Name: Ann; Rent: 900"),
        (0, "Rents!B6", "Alone"),
    ]
    page = (
        "<draw:page><draw:frame><draw:text-box><text:p>Body</text:p></draw:text-box></draw:frame>"
        '<draw:frame presentation:class="title"><draw:text-box><text:p>Title</text:p></draw:text-box></draw:frame>'
        "<presentation:notes><draw:frame><draw:text-box><text:p>Slowly</text:p></draw:text-box></draw:frame>"
        "</presentation:notes></draw:page>"
    )
    assert found("a.odp", open_document("presentation", page)) == [
        (1, "slide 1", "Title"),
        (0, "slide 1", "Body"),
        (0, "slide 1", "Note: Slowly"),
    ]


def test_columns_are_counted_as_in_a_sheet() -> None:
    assert [column_letters(n) for n in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_a_protected_file_is_named() -> None:
    manifest = '<manifest xmlns="m"><file-entry><encryption-data/></file-entry></manifest>'
    data = zipped(
        {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "?", "META-INF/manifest.xml": manifest}
    )
    with pytest.raises(UnreadableDocumentError, match="password"):
        read("a.odt", data)


def test_a_word_file_without_text_is_named() -> None:
    with pytest.raises(UnreadableDocumentError, match="no text in it"):
        read("a.docx", word("<w:p/>"))
