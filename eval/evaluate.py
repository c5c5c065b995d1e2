"""A whole evaluation, from what a person asked for to the report."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.formats import read_squad, read_suite
from eval.injection import is_injection_folder, read_injection
from eval.measures import MEASURES, measure_named
from eval.preparing import Prepared, code_hash, prepare_own, prepare_suite, question_file, read_bundled
from eval.report import make_report
from eval.run import forget, run
from eval.stages import open_ablated, stages_named
from eval.suite import Suite, SuiteError
from eval.systems import ChainSystem
from eval.thresholds import FILE, read_thresholds
from index.encoding import encoder_identity
from index.errors import RagError
from rag.chain import Chain
from rag.settings import Settings

COLD_STARTS = 3


@dataclass(frozen=True)
class Plan:
    """What to evaluate, as the options of `rag eval` give it: neither folder nor suite is the bundled set."""

    settings: Settings
    folder: Path | None = None
    questions: Path | None = None
    suite: Path | None = None
    is_squad: bool = False
    without: str = ""
    given_candidates: bool = False
    measures: tuple[str, ...] = ()
    limit: int | None = None
    thresholds: Path | None = None

    @property
    def is_bundled(self) -> bool:
        """Say whether it is the bundled set, whole and with the settings that its thresholds are for."""
        chosen = (self.folder, self.suite, self.without, self.limit)
        where = (self.settings.index, self.settings.collection)
        return not any(chosen) and self.settings == Settings(*where, table=self.settings.table)


@dataclass(frozen=True)
class Evaluated:
    """The report, the thresholds it is held to, what to say beside it, and what to call when it is safe."""

    report: dict[str, Any]
    thresholds: dict[str, float]
    notes: list[str]
    done: Callable[[], None]


def evaluate(plan: Plan) -> Evaluated:
    """Ask all questions and make the report. What is wrong with the plan is raised before anything slow is done."""
    without = stages_named(plan.without)
    suite = None if plan.folder else _read(plan)
    if plan.suite and is_injection_folder(plan.suite):
        plan = replace(plan, given_candidates=True)  # an attack that is not found does no harm
    name = plan.folder.resolve().name if plan.folder else suite.name if suite else ""
    thresholds = read_thresholds(plan.thresholds or FILE, name) if plan.thresholds or plan.is_bundled else {}
    names = [measure_named(measure).name for measure in plan.measures]
    measures = [m for m in MEASURES.values() if not names or m.name in names or m.name in thresholds]
    if names and not plan.thresholds:
        thresholds = {measure: value for measure, value in thresholds.items() if measure in names}
    notes: list[str] = []
    if suite:
        prepared = prepare_suite(suite, plan.settings)
    else:
        prepared, built = _prepare_own(plan)
        notes = [f"not indexed: {document}: {reason}" for document, reason in built]
    if plan.limit:
        prepared = replace(prepared, suite=replace(prepared.suite, questions=prepared.suite.questions[: plan.limit]))
    chain = open_ablated(prepared.settings, without)
    identity = (*identity_of(plan.settings, chain), sorted(without), plan.given_candidates, plan.limit)
    system = ChainSystem(chain, prepared.ids, given_candidates=plan.given_candidates)
    outcomes = run(prepared.suite, system, identity)
    cold = cold_start(prepared.settings, outcomes[0].question.question) if plan.is_bundled and not names else None
    report = make_report(outcomes, plan.settings, without, measures, cold_start=cold)
    return Evaluated(report, thresholds, notes, lambda: forget(prepared.suite, identity))


def identity_of(settings: Settings, chain: Chain) -> tuple[object, ...]:
    """Return what answers depend on beside the suite."""
    settings = replace(settings, index=Path())
    return settings, encoder_identity(settings.encoder), chain.judge.gate, code_hash("index", "rag", "eval")


def _read(plan: Plan) -> Suite:
    if plan.suite is None:
        suite = read_bundled()
    elif plan.is_squad:
        suite = read_squad(plan.suite)
    elif is_injection_folder(plan.suite):
        suite = read_injection(plan.suite)
    else:
        suite = read_suite(plan.suite, plan.questions)
    if plan.given_candidates and not all(question.candidates for question in suite.questions):
        raise SuiteError("--given-candidates: not every question has candidate_doc_ids")
    return suite


def _prepare_own(plan: Plan) -> tuple[Prepared, list[tuple[str, str]]]:
    folder = plan.folder or Path()
    path = plan.questions or question_file(folder)
    if not path.exists():
        raise SuiteError(f"cannot read {path}: there is none yet, `rag eval init {folder}` writes a first one")
    prepared, built = prepare_own(folder, path, plan.settings)
    return prepared, built.skipped


def cold_start(settings: Settings, question: str) -> float:
    """Return the seconds that a whole new process takes to answer a question: the median of three."""
    seconds = []
    for _ in range(COLD_STARTS):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "rag", "ask", question, "--index", settings.place],
            env=os.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode not in (0, 3):
            raise RagError(f"`rag ask` failed: {done.stderr.decode('utf-8', 'replace').strip()}")
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
