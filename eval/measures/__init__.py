"""The measures by name, in the order of the report; one file for each family, with definitions and sources."""

from eval.measures import abstention, answering, citations, followups, latency, retrieval
from eval.measures.measure import Estimate, Measure, Row, estimate, paired_test
from index.errors import RagError

FAMILIES = {
    "Retrieval": retrieval.MEASURES,
    "Answer": answering.MEASURES,
    "Citations": citations.MEASURES,
    "Abstention": abstention.MEASURES,
    "Follow-ups": followups.MEASURES,
    "Latency": latency.MEASURES,
}
MEASURES = {measure.name: measure for family in FAMILIES.values() for measure in family}


def measure_named(name: str) -> Measure:
    """Return a measure. Raises RagError naming those that there are."""
    if name not in MEASURES:
        raise RagError(f"no measure {name!r}: there are {', '.join(MEASURES)}")
    return MEASURES[name]


__all__ = ["FAMILIES", "MEASURES", "Estimate", "Measure", "Row", "estimate", "measure_named", "paired_test"]
