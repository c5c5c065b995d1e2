"""A whole evaluation, from what a person asked for to the report."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.formats import read_squad, read_suite
from eval.measures import measure_named
from eval.preparing import Prepared, code_hash, prepare_bundled, prepare_own, prepare_suite, question_file
from eval.report import all_measures, make_report
from eval.run import run
from eval.stages import open_ablated, stages_named
from eval.suite import SuiteError
from eval.systems import ChainSystem
from eval.thresholds import FILE, read_thresholds
from index.encoding import encoder_identity
from index.errors import RagError
from rag.settings import Settings

COLD_STARTS = 3


@dataclass(frozen=True)
class Plan:
    """What to evaluate, as the options of `rag eval` give it: neither folder nor suite is the bundled set."""

    settings: Settings
    folder: Path | None = None
    questions: Path | None = None
    suite: Path | None = None
    form: str = "jsonl"
    without: str = ""
    given_candidates: bool = False
    measures: tuple[str, ...] = ()
    limit: int | None = None
    thresholds: Path | None = None


def evaluate(plan: Plan) -> tuple[dict[str, Any], Mapping[str, float]]:
    """Return the report and the thresholds that it is held to. Raises RagError before anything slow is done."""
    measures = [measure_named(name) for name in plan.measures] or all_measures()
    without = stages_named(plan.without)
    prepared = _prepare(plan)
    suite = prepared.suite
    limits = _limits(plan, suite.name, {measure.name for measure in measures})
    if plan.limit:
        suite = replace(suite, questions=suite.questions[: plan.limit])
    chain = open_ablated(prepared.settings, without)
    system = ChainSystem(chain, prepared.ids, given_candidates=plan.given_candidates)
    if plan.given_candidates and not all(question.candidates for question in suite.questions):
        raise SuiteError("--given-candidates: not every question has candidate_doc_ids")
    identity = (
        replace(plan.settings, index=Path()),
        encoder_identity(plan.settings.encoder),
        chain.reranker.name,
        sorted(without),
        plan.given_candidates,
        plan.limit,
        code_hash("index", "rag", "eval"),
    )
    outcomes = run(suite, system, identity)
    cold = None if plan.folder or plan.suite or without else cold_start(prepared.settings, suite.questions[0].question)
    return make_report(outcomes, plan.settings, without, measures, cold_start=cold), limits


def _prepare(plan: Plan) -> Prepared:
    if plan.folder:
        return prepare_own(plan.folder, plan.questions or question_file(plan.folder), plan.settings)
    if plan.suite:
        suite = read_squad(plan.suite) if plan.form == "squad" else read_suite(plan.suite, plan.questions)
        return prepare_suite(suite, plan.settings)
    return prepare_bundled(plan.settings)


def _limits(plan: Plan, suite: str, measured: set[str]) -> dict[str, float]:
    """Return the thresholds: those of a file that is named; for the whole bundled set as it is, the bundled ones."""
    if plan.thresholds:
        limits = read_thresholds(plan.thresholds, suite)
    elif plan.folder or plan.suite or plan.without or plan.limit or plan.settings != _bundled(plan.settings):
        limits = {}
    else:
        limits = read_thresholds(FILE, suite)
    return {name: value for name, value in limits.items() if name in measured}


def _bundled(settings: Settings) -> Settings:
    """Return the default settings, which the bundled thresholds are for."""
    return Settings(index=settings.index)


def cold_start(settings: Settings, question: str) -> float:
    """Return the seconds that a whole new process takes to answer a question: the median of three."""
    seconds = []
    for _ in range(COLD_STARTS):
        started = time.perf_counter()
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "rag", "ask", question, "--index", settings.index],
            env=os.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode not in (0, 3):
            raise RagError(f"`rag ask` failed: {done.stderr.decode('utf-8', 'replace').strip()}")
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
