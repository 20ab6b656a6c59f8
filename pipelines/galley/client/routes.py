"""What the groups of routes share: a request that answers with a domain model."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from galley.client.transport import Transport

T = TypeVar("T")


class Routes:
    """A group of the service's routes; :class:`~galley.client.Client` joins them."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _get(self, answer: type[T], path: str, **params: Any) -> T:
        response = self._transport.request("GET", path, params=params)
        return TypeAdapter(answer).validate_json(response.content)

    def _send(
        self,
        answer: type[T],
        path: str,
        body: BaseModel | None = None,
        *,
        method: str = "POST",
        creates: bool = False,
    ) -> T:
        content = None if body is None else body.model_dump(mode="json")
        response = self._transport.request(method, path, body=content, creates=creates)
        return TypeAdapter(answer).validate_json(response.content)
