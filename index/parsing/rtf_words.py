"""The control words of RTF that stand for characters, those whose groups hold no text, and its encodings."""

from index.errors import EncodingError
from index.parsing.decoding import known_encoding

CHARACTERS = {
    "tab": "\t",
    "line": "\n",
    "lbr": "\n",
    "emdash": "\u2014",
    "endash": "\u2013",
    "lquote": "\u2018",
    "rquote": "\u2019",
    "ldblquote": "\u201c",
    "rdblquote": "\u201d",
    "bullet": "\u2022",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
    "zwj": "\u200d",
    "zwnj": "\u200c",
}
IGNORED = frozenset(
    "colortbl pict header headerl headerr headerf footer footerl footerr footerf annotation atnid atnauthor atndate"
    " atnref atnparent atrfstart atrfend fldinst themedata colorschememapping latentstyles datastore listtable"
    " listoverridetable rsidtbl generator xmlnstbl bkmkstart bkmkend ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn"
    " nonshppict filetbl revtbl listpicture mmathPr pgdsctbl userprops private tc xe rxe objdata objclass objname"
    " sp sn sv operator company manager category keywords comment doccomm subject hlinkbase version panose falt"
    " listtemplateid listlevel list pnseclvl wgrffmtfilter template passwordhash datafield formfield buptim printim"
    " blipuid".split()
)
# Groups that a reader may pass over, but that hold what people see.
READ_THOUGH_MARKED = frozenset("shpinst shptxt shprslt result cs ud upr".split())
CHARSETS = {
    77: "mac-roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gbk",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    255: "cp437",
}


def font_encoding(charset: int) -> str:
    """Return the encoding of a font's character set; "" for the document's own."""
    return "cp1252" if charset == 0 else CHARSETS.get(charset, "")


def code_page(number: int) -> str:
    """Return the encoding of a code page; Windows-1252 for one that is unknown."""
    names = {65001: "utf-8", 10000: "mac-roman", 936: "gbk"}
    try:
        return known_encoding(names.get(number, f"cp{number}"))
    except EncodingError:
        return "cp1252"
