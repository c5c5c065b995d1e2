"""Print the rows of docs/evaluation.md from reports of `rag eval --report`.

python scripts/eval_table.py REPORT.json ... [--measure NAME ...]

One line a report: suite, what was left out, then each measure as value with its 95 % interval.
"""

import argparse
import json
from pathlib import Path
from typing import Any

SHOWN = ("recall@10", "ndcg@10", "contains", "contains_ungated", "sentences", "citation_f1", "abstention_f1", "auc")


def row(report: dict[str, Any], names: list[str]) -> str:
    """Return a report as a row of a Markdown table."""
    without = f" without {', '.join(report['without'])}" if report["without"] else ""
    cells = [f"{report['suite']}{without}", str(len(report["questions"]))]
    for name in names:
        found = report["measures"].get(name)
        cells.append("–" if not found else f"{found['value']:.3f} ({found['low']:.2f}–{found['high']:.2f})")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Reports as rows of a Markdown table.")
    parser.add_argument("reports", type=Path, nargs="+")
    parser.add_argument("--measure", action="append")
    options = parser.parse_args()
    names = options.measure or list(SHOWN)
    print("| " + " | ".join(["suite", "questions", *names]) + " |")
    print("| " + " | ".join(["---"] * (len(names) + 2)) + " |")
    for path in options.reports:
        print(row(json.loads(path.read_text("utf-8")), names))


if __name__ == "__main__":
    main()
