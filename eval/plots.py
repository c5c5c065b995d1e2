"""The plots of a report as SVG text, for a page that needs no other file."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eval.measures.abstention import risk_coverage

mpl.rcParams["svg.fonttype"] = "none"  # text stays text
SIZE = (5.2, 3.4)
YES, NO = "#1b6ca8", "#c8553d"


def plots(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (title, SVG) of every plot that the report has data for."""
    questions = report["questions"]
    drawn = [
        ("Risk and coverage: the share answered wrongly, when only the surest are answered", _risk_coverage(questions)),
        ("Confidence of answerable and unanswerable questions", _scores(questions)),
        ("Questions that came out right, by kind", _kinds(report["kinds"])),
        ("Seconds from question to answer", _latency(questions)),
    ]
    return [(title, svg) for title, svg in drawn if svg]


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    return buffer.getvalue().partition("<svg")[1] + buffer.getvalue().partition("<svg")[2]


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _risk_coverage(questions: Sequence[Mapping[str, Any]]) -> str:
    nothing = float("-inf")
    scored = [(nothing if q["confidence"] is None else q["confidence"], q["wrong_if_answered"]) for q in questions]
    rows = np.array(scored, np.float64)
    coverage, risk = risk_coverage(rows)
    figure, axes = _axes()
    axes.plot(coverage, risk, color=YES)
    answered = sum(not q["refused"] for q in questions)
    if answered:
        axes.plot(coverage[answered - 1], risk[answered - 1], "o", color=NO, label="the threshold in use")
        axes.legend(frameon=False)
    axes.set(xlabel="coverage: share of the questions answered", ylabel="risk: share of those wrong", ylim=(0, None))
    return _svg(figure)


def _scores(questions: Sequence[Mapping[str, Any]]) -> str:
    yes = [q["confidence"] for q in questions if q["confidence"] is not None and q["answerable"]]
    no = [q["confidence"] for q in questions if q["confidence"] is not None and not q["answerable"]]
    if not yes and not no:
        return ""
    figure, axes = _axes()
    bins = np.histogram_bin_edges([*yes, *no], 24).tolist()
    axes.hist(yes, bins, color=YES, alpha=0.7, label="answerable")
    axes.hist(no, bins, color=NO, alpha=0.7, hatch="//", label="unanswerable")
    thresholds = {q["answer"]["threshold"] for q in questions if q["answer"]}
    if len(thresholds) == 1 and np.isfinite(threshold := thresholds.pop()):
        axes.axvline(threshold, color="black", linestyle=":", label="threshold")
    axes.legend(frameon=False)
    axes.set(xlabel="confidence: the best sentence's score", ylabel="questions")
    return _svg(figure)


def _kinds(kinds: Mapping[str, Mapping[str, int]]) -> str:
    names = sorted(kinds, reverse=True)
    figure = Figure(figsize=(SIZE[0], 0.8 + 0.28 * len(names)))
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    bars = axes.barh(names, [kinds[n]["right"] / kinds[n]["questions"] for n in names], color=YES)
    axes.bar_label(bars, [f"{kinds[n]['right']} of {kinds[n]['questions']}" for n in names], padding=3)
    axes.set(xlim=(0, 1.2), xlabel="share")
    return _svg(figure)


def _latency(questions: Sequence[Mapping[str, Any]]) -> str:
    seconds = sorted(q["seconds"] for q in questions if not q["error"])
    if not seconds:
        return ""
    figure, axes = _axes()
    axes.step(seconds, np.arange(1, len(seconds) + 1) / len(seconds), where="post", color=YES)
    axes.set(xlabel="seconds", ylabel="share of the questions", xlim=(0, None), ylim=(0, 1.02))
    return _svg(figure)
