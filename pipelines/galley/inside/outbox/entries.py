"""What is logged, between MLflow's classes and the records of a log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.utils.proto_json_utils import message_to_json

from . import runs


def parsed(message: Any) -> Any:
    """Return one of MLflow's messages as JSON values."""
    return json.loads(message_to_json(message))


def as_text(entry: Any, check: Any) -> Any:
    """Return a parameter or tag with a text as value, as MLflow's check lets it pass."""
    text = type(entry)(entry.key, str(entry.value))
    return check(text.key, text.value) or text  # some releases' checks return nothing


def point_of(metric: Metric) -> dict[str, Any]:
    """Return a metric as its record has it."""
    point: dict[str, Any] = {
        "key": metric.key,
        "value": float(metric.value),
        "timestamp": int(metric.timestamp),
        "step": int(metric.step),
    }
    for name in ("model_id", "dataset_name", "dataset_digest"):
        if (value := getattr(metric, name, None)) is not None:
            point[name] = value
    return point


def check_unchanged(run: runs.RunState, params: Mapping[str, str]) -> None:
    """Raise MlflowException where a parameter has another value already, as the server does."""
    for key, value in params.items():
        known = run.params.get(key)
        if known is not None and known != value:
            raise MlflowException(
                f"Changing param values is not allowed. Param with key='{key}' was already logged "
                f"with value='{known}' for run ID='{run.id}'. Attempted logging new value "
                f"'{value}'.",
                INVALID_PARAMETER_VALUE,
            )
