"""Errors become ``application/problem+json`` here and nowhere else."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from galley.errors import BY_CODE, InvalidInput, PublicError
from galley.service import MLFLOW_PREFIX

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)
_CODES = {cls.status: code for code, cls in BY_CODE.items() if cls is not PublicError}
_MLFLOW = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    413: "RESOURCE_EXHAUSTED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
_SENTENCES = {
    404: "there is nothing at this address",
    405: "this address does not take that method",
}


def problem(body: dict[str, Any], *, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return ``body``, which carries its status, as a problem document."""
    return JSONResponse(body, status_code=body["status"], media_type=MEDIA_TYPE, headers=headers)


def _told(request: Request, body: dict[str, Any], headers: dict[str, str] | None) -> JSONResponse:
    """Return the problem; below MLflow's prefix also in the words that MLflow's client reads."""
    if request.url.path.startswith(MLFLOW_PREFIX):
        code = _MLFLOW.get(body["status"], "BAD_REQUEST")
        body = {**body, "error_code": code, "message": body["detail"]}
    return problem(body, headers=headers)


def install(app: FastAPI) -> None:
    """Make ``app`` answer every error as a problem document."""
    app.add_exception_handler(PublicError, _public)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _public(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PublicError)
    headers = {"Retry-After": "5"} if error.status == 503 else None
    return _told(request, error.problem(), headers)


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    findings = [
        {"field": field_path(tuple(entry["loc"])), "message": entry["msg"]}
        for entry in error.errors()
    ]
    first = findings[0]
    return problem(
        InvalidInput(
            f"{first['field'] or 'the body'}: {first['message']}",
            field=first["field"] or None,
            errors=findings,
        ).problem()
    )


def field_path(location: tuple[int | str, ...]) -> str:
    """Return pydantic's location as a dotted path, without the part of the request it names."""
    return ".".join(str(part) for part in location[1:])


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "error")
    return _told(
        request,
        {
            "type": f"urn:galley:{code}",
            "title": code.replace("-", " "),
            "status": error.status_code,
            "code": code,
            "detail": _SENTENCES.get(error.status_code, str(error.detail)),
        },
        dict(error.headers or {}),
    )


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("unexpected error in %s %s", request.method, request.url.path, exc_info=error)
    return problem(
        {
            "type": "urn:galley:internal",
            "title": "internal error",
            "status": 500,
            "code": "internal",
            "detail": "this is a fault of the platform; its log holds the cause",
        }
    )
