"""What the API says of itself is true: schemathesis sends what the description allows, and what it does not.

It reports a 500, a status, a type or a body that is not described, and values that are taken though the description
calls them wrong. The number of examples is bounded, so that this is a part of `make check`.
"""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from rag.settings import Settings
from server.app import OPENAPI, create_api, create_app
from tests.serving import BROWSER
from ui.desk import Desk

HEADERS = {"host": "127.0.0.1", "cookie": f"rag_browser={BROWSER}"}
EXAMPLES = 20
load_all_checks()
DESCRIBED = create_api(Desk(Settings())).openapi()["paths"]
OPERATIONS = [
    (path, method)
    for path, methods in DESCRIBED.items()
    for method in methods
    # Schemathesis does not say what it sends for a file, and every upload that is taken is indexed.
    if (path, method) != ("/api/documents", "post")
]
# What is in a question or a filter, and who says the last message, is more than a schema can say: status 422.
QUESTIONS = ("/api/ask", "/api/search", "/api/conversations/{id}/turns", "/v1/chat/completions")


def takes_anything(path: str, method: str) -> bool:
    """Say whether there is no value that the description calls wrong: no body, and parameters that are just text."""
    described = DESCRIBED[path][method]
    schemas = [parameter["schema"] for parameter in described.get("parameters", ())]
    return "requestBody" not in described and all(schema.keys() <= {"type", "title"} for schema in schemas)


def check(
    desk: Desk, path: str, method: str, mode: GenerationMode, collection: str = "default", examples: int = EXAMPLES
) -> None:
    described = schemathesis.openapi.from_asgi(OPENAPI, create_app(desk, with_page=False), headers=HEADERS)
    desk.chain()

    @given(case=described[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=examples, derandomize=True, suppress_health_check=list(HealthCheck))
    def sends(case: schemathesis.Case) -> None:
        if mode is GenerationMode.POSITIVE and (collection != "default" or "collection" in (case.query or {})):
            case.query["collection"] = collection  # whatever else is allowed would only be none that there is
        case.call_and_validate(headers=HEADERS, excluded_checks=[positive_data_acceptance] if path in QUESTIONS else [])

    sends()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_the_description_allows_is_answered_as_it_says(desk: Desk, path: str, method: str) -> None:
    check(desk, path, method, GenerationMode.POSITIVE)


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if not takes_anything(*one)])
def test_what_the_description_calls_wrong_is_refused(desk: Desk, path: str, method: str) -> None:
    check(desk, path, method, GenerationMode.NEGATIVE)


@pytest.mark.parametrize(("path", "method"), [one for one in OPERATIONS if one[0] not in ("/healthz", "/readyz")])
def test_a_collection_that_is_not_there_is_answered_as_it_says(desk: Desk, path: str, method: str) -> None:
    check(desk, path, method, GenerationMode.POSITIVE, collection="nothing", examples=2)
