"""The measures by name, in the order of the report; one file for each family, with definitions and sources."""

from eval.measures import abstention, answering, citations, followups, injection, latency, retrieval, writing
from eval.measures.measure import Estimate, Measure, Row, estimate, paired_test
from index.errors import RagError

FAMILIES = (retrieval, answering, citations, abstention, followups, writing, injection, latency)
MEASURES: dict[str, Measure] = {measure.name: measure for family in FAMILIES for measure in family.MEASURES}


def measure_named(name: str) -> Measure:
    """Return a measure. Raises RagError naming those that there are."""
    if name not in MEASURES:
        raise RagError(f"no measure {name!r}: there are {', '.join(MEASURES)}")
    return MEASURES[name]


__all__ = ["MEASURES", "Estimate", "Measure", "Row", "estimate", "measure_named", "paired_test"]
