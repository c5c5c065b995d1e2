"""A cell's value as the sheet shows it, near enough to be looked for: percentages, amounts, dates as ISO 8601."""

import datetime
import re

CURRENCY = re.compile(r"\[\$([^\]-]{1,4})(?:-[0-9A-Fa-f]+)?\]|([€$£¥])")
QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
DECIMALS = re.compile(r"0\.(0+)")


def shown(value: object, number_format: str) -> str:
    """Return a value as text.

    Examples: (0.15, "0%") -> "15%", (1234.5, "#,##0.00 [$€-407]") -> "€1,234.50", (0.1 + 0.2, "General") -> "0.3".
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, (number_format or "General").partition(";")[0])
    if isinstance(value, datetime.datetime):
        at = value.replace(microsecond=0)
        return at.date().isoformat() if at.time() == datetime.time() else at.isoformat(" ")
    if isinstance(value, datetime.time):
        return value.replace(microsecond=0).isoformat()
    return str(value)


def _number(value: float, number_format: str) -> str:
    pattern = QUOTED.sub("", number_format)
    currency = CURRENCY.search(number_format)
    sign = (currency[1] or currency[2]) if currency else ""
    decimals = DECIMALS.search(pattern)
    places = len(decimals[1]) if decimals else 0
    grouping = "," if "," in pattern else ""
    if "%" in pattern:
        return f"{value * 100:{grouping}.{places}f}%"
    if "0" not in pattern or "E" in pattern.upper() or "/" in pattern:
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    text = f"{abs(value):{grouping}.{places}f}"
    return f"{'-' if value < 0 else ''}{sign}{text}"
