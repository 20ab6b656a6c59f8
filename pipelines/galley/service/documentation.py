"""The OpenAPI document: what TypeScript's types are generated from."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from galley.domain.debug import DebugPlan
from galley.domain.events import Event
from galley.service.problems import MEDIA_TYPE

_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457). `code` is stable; `detail` is for people.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "data": {"type": "object", "additionalProperties": True},
    },
}
_ANSWER = {
    "description": "A problem.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}},
}


def install(app: FastAPI) -> None:
    """Make ``app`` document its problems and its events as well."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        schemas = document["components"]["schemas"]
        if "Problem" not in schemas:
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            schemas["Problem"] = _PROBLEM
            for model in (Event, DebugPlan):  # told by streams and by the lab's bridge
                schema = model.model_json_schema(ref_template=_REF)
                schemas |= {**schema.pop("$defs", {}), model.__name__: schema}
            for operations in document["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
                    operation["responses"]["default"] = _ANSWER
        return document

    app.openapi = openapi  # type: ignore[method-assign]
