"""What goes wrong, as HTTP says it: a status and `{"detail": ...}` with the words of the command line.

Below `/v1` the same stands in `error`, too, where clients of OpenAI's API look for it.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from index.errors import (
    CollectionMissingError,
    FilterError,
    IndexBusyError,
    PageError,
    QuestionError,
    RagError,
    StorageError,
    UnreadableDocumentError,
)
from ui.places import CrowdedError

OPENAI = "/v1/"


class Problem(BaseModel):
    """Why a request was not answered; a list of places and reasons if its values are not what they should be."""

    detail: str | list[dict[str, Any]]


REASONS = {
    400: "The request cannot be read",
    401: "A user name and a password are needed, or a token",
    403: "The request comes from another site, or the user's role does not allow it",
    404: "There is no such thing, or it is somebody else's",
    409: "The document is not now what it was when it was indexed",
    413: "The request is larger than what is read",
    422: "A value is not what it should be",
    429: "Too many wrong passwords: wait",
    503: "It does not work at the moment: no index, a busy index, no model, too many questions",
}
STATUSES: dict[type[Exception], int] = {
    CollectionMissingError: 404,
    QuestionError: 422,
    FilterError: 422,
    UnreadableDocumentError: 422,
    PageError: 409,
}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route's documentation says of its errors; those that every route may have come along."""
    every = {400, 401, 403, 404, 413, 422, 429, 503}
    return {status: {"model": Problem, "description": REASONS[status]} for status in sorted(every | set(statuses))}


def status_of(error: Exception) -> int:
    """Return the status for an error of ours: 503 unless the request is to blame."""
    return next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 503)


def problem(path: str, status: int, detail: object, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the response that says what is wrong."""
    body: dict[str, object] = {"detail": detail}
    if OPENAI in path:
        body["error"] = openai_error(detail if isinstance(detail, str) else json.dumps(detail), status)
    return JSONResponse(body, status, headers)


def openai_error(message: str, status: int) -> dict[str, object]:
    """Return what OpenAI's API says of an error."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"message": message, "type": kind, "param": None, "code": None}


def explain_errors(app: FastAPI) -> None:
    """Answer our errors, the database's and the file system's with their words."""

    @app.exception_handler(HTTPException)
    def explain_http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(request.url.path, error.status_code, error.detail, error.headers)

    @app.exception_handler(RequestValidationError)
    def explain_values(request: Request, error: RequestValidationError) -> JSONResponse:
        # Without the values themselves: they may be megabytes, or hold what JSON cannot.
        wrong = [{"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in error.errors()]
        return problem(request.url.path, 422, wrong)

    @app.exception_handler(RagError)
    def explain(request: Request, error: RagError) -> JSONResponse:
        wait = {"retry-after": "2"} if isinstance(error, IndexBusyError | CrowdedError) else None
        return problem(request.url.path, status_of(error), str(error), wait)

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.OperationalError)
    def explain_storage(request: Request, error: Exception) -> JSONResponse:
        return explain(request, StorageError(f"the index folder cannot be used: {error}"))
