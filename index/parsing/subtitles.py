"""Subtitles (SRT, WebVTT): what is said, with the time as its place. Numbers, settings and tags are left out."""

import re

from index.parsing.blocks import ParsedDocument
from index.parsing.building import TextBuilder
from index.parsing.decoding import decode

CUE = re.compile(r"^[ \t]*((?:\d{1,3}:)?\d{1,2}:\d{2})[.,]\d{1,3}[ \t]*-->.*$", re.MULTILINE)
TAG = re.compile(r"</?(?:[bius]|font|ruby|rt|lang|[cv](?:\.[\w.-]*)?)(?:[ \t][^<>\n]*)?>|<\d[\d:.]*>|\{\\[^{}\n]*\}")
NAME = re.compile(r"<v(?:\.[\w.-]*)?[ \t]+([^<>\n]+)>")
# The next cue's number or name, between an empty line and its times; WebVTT's notes and styles.
BETWEEN = re.compile(r"\n[ \t]*\n[\s\S]*\Z")


def parse(data: bytes, encoding: str | None = None) -> ParsedDocument:
    """Return the cues in order, each a block with its start as place ("00:01:02")."""
    text, used = decode(data, encoding)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    builder = TextBuilder()
    cues = list(CUE.finditer(text))
    for number, cue in enumerate(cues):
        end = cues[number + 1].start() if number + 1 < len(cues) else len(text)
        said = BETWEEN.sub("", text[cue.end() : end].removeprefix("\n") + "\n")
        if number + 1 < len(cues):
            said = re.sub(r"\n\d+\n*\Z", "", said)
        builder.place(_hours(cue[1]))
        builder.add(TAG.sub("", NAME.sub(r"\1: ", said)), apart=False)
    return builder.document(used)


def _hours(time: str) -> str:
    """Return hours, minutes and seconds: "1:02" -> "00:01:02"."""
    parts = time.split(":")
    return ":".join(part.zfill(2) for part in ["0"] * (3 - len(parts)) + parts)
