"""What goes to MLflow, without the values of secrets.

Of what has a form of MLflow's own, only what a notebook put into it is changed: ids, addresses on
the server, and names of MLflow's and ours stay, whatever somebody's secret is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import spool
from .redact import Values

_OURS = ("mlflow.", "galley.")
_LEADING = ("op", "run", "experiment")
_TERMS = frozenset(
    {
        *("run_id", "run_uuid", "source_run_id", "experiment_id", "experiment_ids", "model_id"),
        *("trace_id", "trace_ids", "request_id", "request_ids", "dataset_id", "assessment_id"),
        *("status", "state", "type", "stage", "version"),
        *("run_view_type", "view_type", "order_by", "page_token"),
    }
)
"""Fields of MLflow's calls that hold what it gave out itself, or one of its words."""
_OF_MODELS = frozenset(
    {"loader_module", "mlflow_version", "model_id", "model_uuid", "run_id", "utc_time_created"}
)
"""Fields of a model's description that MLflow fills by itself."""
_LABELS = frozenset({"key", "metric_key", "tag_key"})
_MAPS = frozenset({"tags", "params", "metadata", "trace_metadata", "request_metadata"})
_PLACE = re.compile(r"(runs|models|mlflow-artifacts):/")
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_JSON = ("{", "[", '"')
_ACROSS = re.compile(r'[{}\[\]",:]')
"""What stands between the texts and numbers of JSON."""
_LEAST_BINARY = 8
"""Bytes of a form below which it is in a file that is no text by chance: of a gigabyte of random
bytes, every fourth one holds any four."""
_PIECE = 2**20


class Cleaning:
    """Takes the values of one kernel's secrets out of what it logs."""

    def __init__(self, secrets: Values) -> None:
        self.secrets = secrets
        self._forms = [form.encode() for form in secrets.names]
        self._longest = max(map(len, self._forms), default=1)

    def record(self, record: spool.Record) -> spool.Record:
        """Return a record of a log: what is kept there is what is logged anew."""
        if not self.secrets:
            return record
        cleaned: spool.Record = self.secrets.tree(record, keys=False)
        cleaned |= {part: record[part] for part in _LEADING if part in record}
        for kind in ("params", "tags"):
            cleaned[kind] = {
                self.label(name): value if _is_local(value) else self.secrets.text(value)
                for name, value in record.get(kind, {}).items()
            }
        for point, given in zip(cleaned.get("metrics", ()), record.get("metrics", ()), strict=True):
            point["key"] = self.label(given["key"])
        return cleaned

    def label(self, name: str) -> str:
        """Return a name as MLflow takes it: the brackets can only be those around a secret's."""
        if name.startswith(_OURS):
            return name
        clean = self.secrets.text(name)
        return name if clean == name else clean.replace("[", "").replace("]", "")

    def body(self, text: Any) -> Any:
        """Return the JSON of a call of MLflow's."""
        if not self.secrets or not isinstance(text, str):
            return text
        body = json.loads(text)
        clean = self._cleaned(body, "")
        return text if clean == body else json.dumps(clean)

    def spans(self, spans: Any) -> list[Any]:
        """Return spans that are clean where they become what is sent."""
        return [_Span(span, self) if self.secrets else span for span in spans]

    def message(self, message: Any) -> Any:
        """Clean one of OpenTelemetry's messages in place, and return it."""
        for field, value in message.ListFields():
            if isinstance(value, str | bytes):
                if not field.name.endswith("_id"):
                    setattr(message, field.name, self._field(field.name, value))
            elif hasattr(value, "ListFields"):
                self.message(value)
            elif not isinstance(value, int | float):
                for place, one in enumerate(value):
                    if hasattr(one, "ListFields"):
                        self.message(one)
                    elif isinstance(one, str | bytes):
                        value[place] = self._field(field.name, one)
        return message

    def description(self, text: str) -> str:
        """Return a model's description (``MLmodel``), which stays one that MLflow can read."""
        import yaml

        if not self.secrets:
            return text
        try:
            described = yaml.safe_load(text)
        except yaml.YAMLError:
            return self.secrets.text(text)
        clean = self._described(described, "")
        if clean == described:
            return text
        return str(yaml.safe_dump(clean, default_flow_style=False, sort_keys=False))

    def deep(self, text: Any) -> Any:
        """Return a text, which may be JSON with texts that are JSON again, as traces are.

        JSON stays JSON: a number in it becomes a text. Only a value that is JSON itself, and so
        more than one text or number, is replaced as it stands.
        """
        if isinstance(text, str) and text.lstrip().startswith(_JSON):
            with suppress(ValueError, RecursionError):
                parsed = json.loads(text)
                nested = self._nested(parsed)
                clean = text if nested == parsed else json.dumps(nested)
                found = self.secrets.spans(clean)
                across = [one for one in found if _ACROSS.search(clean[one.start : one.end])]
                return self.secrets.marked(clean, across)
        return self.secrets.tree(text)

    def holds(self, content: bytes) -> bool:
        """Return whether a value is in there, in one of its forms."""
        return any(form in content for form in self._forms)

    def file_holds(self, file: Path) -> bool:
        """Return whether a value is in a file that is no text, of any size."""
        forms = [form for form in self._forms if len(form) >= _LEAST_BINARY]
        with file.open("rb") as opened:
            before = b""
            while piece := opened.read(_PIECE):
                if any(form in before + piece for form in forms):
                    return True
                before = (before + piece)[-self._longest :]
        return False

    def _cleaned(self, value: Any, field: str) -> Any:
        if isinstance(value, Mapping):
            return {
                self.label(key) if field in _MAPS else key: self._cleaned(
                    one, "" if field in _MAPS else key
                )
                for key, one in value.items()
            }
        if isinstance(value, list):  # of values of the field, or of objects with fields again
            return [self._cleaned(one, field if isinstance(one, str) else "") for one in value]
        return self._field(field, value) if isinstance(value, str) else value

    def _described(self, value: Any, field: str) -> Any:
        if field in _OF_MODELS or (field == "artifact_path" and _PLACE.match(str(value))):
            return value
        if isinstance(value, dict):
            return {
                self.secrets.tree(key) if field == "metadata" else key: self._described(
                    one, "metadata" if field == "metadata" else key
                )
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [self._described(one, field) for one in value]
        return self.deep(value) if isinstance(value, str) else value

    def _field(self, field: str, value: Any) -> Any:
        if field in _TERMS or (field == "source" and _PLACE.match(value)):
            return value
        if field in _LABELS:
            return self.label(value)
        if field == "filter":  # the names in it are those of what is searched
            return _LITERAL.sub(lambda found: self.secrets.text(found[0]), value)
        return self.deep(value)

    def _nested(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.secrets.text(key): self._nested(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._nested(one) for one in value]
        return self.deep(value) if isinstance(value, str) else self.secrets.tree(value)


class _Span:
    """A span of MLflow's that is sent without values; all else of it is as it is."""

    def __init__(self, span: Any, cleaning: Cleaning) -> None:
        self._whole = span
        self._cleaning = cleaning

    def to_otel_proto(self) -> Any:
        """Return what is sent of it."""
        return self._cleaning.message(self._whole.to_otel_proto())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


def _is_local(run_id: str) -> bool:
    return spool.LOCAL_RUN.fullmatch(run_id) is not None
