"""Dates and languages as files give them, in one spelling: ISO 8601 and ISO 639-1."""

import re
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime

# "2024-05-03T10:00:00Z", "2024/05/03", "20240503", "2024-05", "2024", PDF's "D:20240503100000+01'00'".
DATE = re.compile(r"\s*(?:D:)?(\d{4})(?:[-/.]?(\d{2})(?:[-/.]?(\d{2}))?)?(?![\d])", re.ASCII)
STAMP = re.compile(r"\s*(?:D:)?(\d{4})(\d{2})(\d{2})\d{4,6}", re.ASCII)


def iso_date(text: str) -> str:
    """Return the date that a text begins with, as exactly as it is given; "" if it is none.

    Examples: "2024-05-03T10:00:00Z" -> "2024-05-03", "2024/05" -> "2024-05", "Fri, 3 May 2024 10:00:00 +0000" ->
    "2024-05-03".
    """
    match = STAMP.match(text) or DATE.match(text)
    if match is None:
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            return parsedate_to_datetime(text).date().isoformat()
        return ""
    year, month, day = match[1], match[2] or "01", match[3] or "01"
    try:
        datetime(int(year), int(month), int(day))  # only checked
    except ValueError:
        return ""
    return "-".join(part for part in match.groups() if part)


def language_code(text: str) -> str:
    """Return the two letters of a language: "en-GB" -> "en"; "" for what has none."""
    match = re.match(r"\s*([A-Za-z]{2})(?![A-Za-z])", text)
    return match[1].lower() if match else ""
