import struct
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import UnreadableDocumentError
from index.parsing import Metadata
from index.parsing.compressed_rtf import decompress
from tests.documents import found, read, texts
from tests.ole import Tree, compound


def mail(body: str = "First line.\n\nSecond.", subject: str = "Über the lease") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Ann <ann@example.org>"
    message["To"] = "Bob <bob@example.org>"
    message["Date"] = "Fri, 03 May 2024 10:00:00 +0000"
    message["Subject"] = subject
    message["Message-ID"] = "<1@example.org>"
    message.set_content(body)
    return message


HEADERS = [
    "Über the lease",
    "From: Ann <ann@example.org>",
    "To: Bob <bob@example.org>",
    "Date: Fri, 03 May 2024 10:00:00 +0000",
]


def test_a_mail_is_its_headers_and_body() -> None:
    document = read("a.eml", mail().as_bytes())
    assert texts("a.eml", mail().as_bytes()) == [*HEADERS, "First line.", "Second."]
    assert document.metadata == Metadata("Über the lease", "Ann <ann@example.org>", "2024-05-03")


def test_of_two_forms_of_a_body_one_is_taken() -> None:
    message = mail("Plain.")
    message.add_alternative("<p>Web.</p>", subtype="html")
    assert texts("a.eml", message.as_bytes())[4:] == ["Plain."]
    message = mail(" ")
    message.add_alternative("<style>x</style><p>Only web.</p>", subtype="html")
    assert texts("a.eml", message.as_bytes())[4:] == ["Only web."]


def test_attachments_are_files_of_their_own() -> None:
    inner = mail("Inner.", subject="The inner/one")
    message = mail()
    message.add_attachment(b"a;b\n1;2\n", maintype="text", subtype="csv", filename="../täble.csv")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png")
    message.add_attachment(inner)
    document = read("a.eml", message.as_bytes())
    assert [a.name for a in document.attachments] == ["../täble.csv", "part 2", "The inner-one.eml"]
    assert document.attachments[0].data == b"a;b\n1;2\n"
    assert "Inner." not in document.text
    assert "Inner." in read("b.eml", document.attachments[2].data).text


@pytest.mark.parametrize(
    "head",
    ["Content-Type: text/plain; charset=no-such\n", "Subject: =?utf-8?b?!?=\n", "From: a@b <\nDate: no\nTo: \xff\n"],
)
def test_broken_headers_do_not_matter(head: str) -> None:
    assert texts("a.eml", head.encode("latin-1") + b"MIME-Version: 1.0\n\nThe body.")[-1] == "The body."


@given(st.binary(max_size=300))
def test_any_bytes_are_a_mail_or_refused(data: bytes) -> None:
    assert texts("a.eml", b"Subject: Start\n" + data)[0].startswith("Start")


def test_a_mailbox_has_its_messages_as_places() -> None:
    one, two = mail("One.\n\n>From here on", subject="A"), mail("Two.", subject="B")
    two.add_attachment(b"x", maintype="text", subtype="csv", filename="t.csv")
    start = b"From ann@example.org Fri May  3 10:00:00 2024\n"
    data = start + one.as_bytes() + b"\n" + start + two.as_bytes()
    assert [(level, place, text) for level, place, text in found("a.mbox", data) if ": " not in text] == [
        (1, "message 1", "A"),
        (0, "message 1", "One."),
        (0, "message 1", "From here on"),
        (1, "message 2", "B"),
        (0, "message 2", "Two."),
    ]
    assert [a.name for a in read("a.mbox", data).attachments] == ["2 t.csv"]


def message(subject: str, body: str, **more: "bytes | Tree") -> Tree:
    """Return an Outlook message: texts in UTF-16, sent on 3 May 2024 at 10:00 UTC."""
    ticks = (1_714_730_400 + 11_644_473_600) * 10_000_000
    return {
        "__properties_version1.0": bytes(32) + struct.pack("<HHIQ", 0x0040, 0x0039, 6, ticks),
        "__substg1.0_0037001F": subject.encode("utf-16-le"),
        "__substg1.0_1000001F": body.encode("utf-16-le"),
        "__substg1.0_0C1A001F": "Ann".encode("utf-16-le"),
        "__substg1.0_5D01001F": "ann@example.org".encode("utf-16-le"),
        "__substg1.0_0E04001E": b"Bob",
        **more,
    }


def test_an_outlook_message_is_read_as_a_mail_is() -> None:
    inner = message("Inner", "Deep.")
    inner["__properties_version1.0"] = inner["__properties_version1.0"][8:]  # a shorter header inside
    tree = message(
        "The lease",
        "First.\r\n\r\nSecond é.",
        **{
            "__attach_version1.0_#00000000": {
                "__properties_version1.0": bytes(8),
                "__substg1.0_3707001F": "a table.csv".encode("utf-16-le"),
                "__substg1.0_37010102": b"a,b\n",
            },
            "__attach_version1.0_#00000001": {
                "__properties_version1.0": bytes(8),
                "__substg1.0_3701000D": inner,
            },
        },
    )
    document = read("a.msg", compound(tree))
    assert found("a.msg", compound(tree)) == [
        (1, "", "The lease"),
        (0, "", "From: Ann <ann@example.org>"),
        (0, "", "To: Bob"),
        (0, "", "Date: 2024-05-03 10:00 UTC"),
        (0, "", "First."),
        (0, "", "Second é."),
        (1, "attached message: Inner", "Inner"),
        (0, "attached message: Inner", "From: Ann <ann@example.org>"),
        (0, "attached message: Inner", "To: Bob"),
        (0, "attached message: Inner", "Date: 2024-05-03 10:00 UTC"),
        (0, "attached message: Inner", "Deep."),
    ]
    assert [(a.name, a.data) for a in document.attachments] == [("a table.csv", b"a,b\n")]
    assert document.metadata == Metadata("The lease", "Ann <ann@example.org>", "2024-05-03")


def test_an_outlook_message_may_have_only_rich_text() -> None:
    rtf = b"{\\rtf1 Rich \\'e9\\par}"
    raw = struct.pack("<IIII", len(rtf) + 12, len(rtf), 0x414C454D, 0) + rtf
    assert texts("a.msg", compound(message("S", "", **{"__substg1.0_10090102": raw})))[-1] == "Rich é"


def test_compressed_rich_text_is_unpacked() -> None:
    # The example of [MS-OXRTFCP] 3.1.
    data = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompress(data) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


@pytest.mark.parametrize(
    ("stream", "reason"),
    [("Workbook", "xlsx"), ("PowerPoint Document", "pptx"), ("EncryptedPackage", "password"), ("Other", "not read")],
)
def test_old_office_files_are_named(stream: str, reason: str) -> None:
    with pytest.raises(UnreadableDocumentError, match=reason):
        read("a.xls", compound({stream: b"x" * 600}))


def old_word(text: str, *, flags: int = 0, summary: bytes = b"") -> bytes:
    """Return the least of an old Word file: one piece of 8-bit text, no properties of paragraphs."""
    main = bytearray(2048)
    struct.pack_into("<HH6xH", main, 0, 0xA5EC, 0xC1, flags)
    struct.pack_into("<i", main, 0x4C, len(text))
    pieces = struct.pack("<BIII", 2, 16, 0, len(text)) + struct.pack("<HIH", 0, 0x40000000 | 2048 * 2, 0)
    struct.pack_into("<II", main, 0x1A2, 0, len(pieces))
    struct.pack_into("<II", main, 0x102, len(pieces), 4)
    more = {"\x05SummaryInformation": summary} if summary else {}
    return compound({"WordDocument": bytes(main) + text.encode("cp1252"), "0Table": pieces + bytes(4), **more})


def summary(properties: dict[int, bytes], *, count: int | None = None) -> bytes:
    """Return a summary ([MS-OLEPS]) of properties by their ids, each with its type; `count` is what it says of them."""
    table, values, first = b"", b"", 8 + 8 * len(properties)
    for id_, value in properties.items():
        table += struct.pack("<II", id_, first + len(values))
        values += value.ljust(-(-len(value) // 4) * 4, b"\0")
    section = struct.pack("<II", first + len(values), len(properties) if count is None else count) + table + values
    return bytes(44) + struct.pack("<I", 48) + section


def string(text: str) -> bytes:
    return struct.pack("<II", 30, len(text.encode()) + 1) + text.encode() + b"\0"


SAVED = struct.pack("<IQ", 64, 133592040000000000)  # 3 May 2024, 10:00, in 100 ns since 1601
UTF_8 = struct.pack("<IHH", 2, 65001, 0)
VECTOR_OF_NOTHING = struct.pack("<II", 0x1000, 0xFFFFFFFF)


def test_old_word_files_are_read() -> None:
    text = "Café\rSee \x13HYPERLINK x\x14the link\x15.\rCell\x07Last\r"
    assert texts("a.doc", old_word(text)) == ["Café", "See the link.", "Cell; Last"]


def test_a_protected_old_word_file_is_named() -> None:
    with pytest.raises(UnreadableDocumentError, match="password"):
        read("a.doc", old_word("Secret\r", flags=0x0100))


def test_an_old_word_file_says_who_wrote_it_and_when() -> None:
    said = summary({1: UTF_8, 2: string("The café’s lease"), 4: string("Ábrego"), 13: SAVED})
    parsed = read("a.doc", old_word("One.\r", summary=said))
    assert parsed.metadata == Metadata("The café’s lease", "Ábrego", "2024-05-03")
    wide = struct.pack("<II", 31, 6) + "Lease".encode("utf-16-le") + b"\0\0"
    never = struct.pack("<IQ", 64, 0)
    parsed = read("a.doc", old_word("One.\r", summary=summary({2: wide, 12: SAVED, 13: never})))
    assert parsed.metadata == Metadata("Lease", "", "2024-05-03")


@pytest.mark.parametrize(
    "said",
    [
        summary({2: string("Lease"), 3: VECTOR_OF_NOTHING}),
        summary({2: string("Lease"), 13: VECTOR_OF_NOTHING}),
        summary({2: string("Lease")}, count=0xFFFFFFFF),
        summary({2: string("Lease"), 13: struct.pack("<IQ", 64, 2**64 - 1)}),
        summary({2: string("Lease"), 4: struct.pack("<II", 30, 0xFFFFFFFF)}),
    ],
)
def test_counts_in_an_old_word_files_summary_that_are_out_of_all_reason_cost_nothing(said: bytes) -> None:
    parsed = read("a.doc", old_word("The text.\r", summary=said))
    assert parsed.text.strip() == "The text."
    assert (parsed.metadata.title, parsed.metadata.date) == ("Lease", "")


def test_a_summary_that_is_cut_off_leaves_the_text() -> None:
    whole = summary({2: string("Lease"), 13: SAVED})
    for size in range(len(whole)):
        assert read("a.doc", old_word("The text.\r", summary=whole[:size])).text.strip() == "The text."
