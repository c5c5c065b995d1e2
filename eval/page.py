"""A report as one self-contained HTML page: measures, plots, and the failures first, each with its quotes."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jinja2

from eval.measures import MEASURES
from eval.plots import plots


def report_page(report: Mapping[str, Any]) -> str:
    """Return the page. Everything that comes from documents and questions is escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(files("eval").joinpath("page.html.jinja").read_text("utf-8"))
    questions = report["questions"]
    return template.render(
        report=report,
        definitions={name: measure.definition for name, measure in MEASURES.items()},
        plots=plots(report),
        groups=[
            ("What went wrong", "wrong", [q for q in questions if not q["right"]]),
            ("What came out right", "right", [q for q in questions if q["right"]]),
        ],
        made_with=[
            *report["packages"].items(),
            *report["models"].items(),
            *report["settings"].items(),
        ],
    )
