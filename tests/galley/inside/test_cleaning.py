"""What is taken out of what goes to MLflow, and what is left as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from galley.inside.outbox import spool
from galley.inside.outbox.cleaning import Cleaning
from galley.inside.outbox.redact import Values

DSN = "db://reader:tr0ub4dor&'3\"\\@h"
WEAK = {"a": "mlflow", "b": "runs", "c": "tags", "d": "params", "e": "model", "f": "galley"}


@pytest.fixture
def cleaning() -> Cleaning:
    return Cleaning(Values({"dsn": DSN, **WEAK}))


def sent(cleaning: Cleaning, body: dict[str, Any]) -> Any:
    text = cleaning.body(json.dumps(body))
    assert "tr0ub4dor" not in text
    return json.loads(text)


def test_a_body_keeps_ids_and_names_and_loses_values(cleaning: Cleaning) -> None:
    body = {
        "run_id": "mlflow-1",
        "experiment_ids": ["galley", "model"],
        "source": "runs:/mlflow-1/model",
        "tags": [{"key": "mlflow.note.content", "value": DSN}, {"key": f"of {DSN}", "value": "1"}],
        "params": [{"key": "dsn", "value": DSN}],
        "metrics": [{"key": f"of {DSN}", "value": 0.5, "model_id": "model-1"}],
        "description": f"for {DSN}",
        "datasets": [{"dataset": {"source": json.dumps({"uri": DSN}), "name": DSN}}],
    }
    assert sent(cleaning, body) == {
        **body,
        "tags": [
            {"key": "mlflow.note.content", "value": "[secret dsn]"},
            {"key": "of secret dsn", "value": "1"},
        ],
        "params": [{"key": "dsn", "value": "[secret dsn]"}],
        "metrics": [{"key": "of secret dsn", "value": 0.5, "model_id": "model-1"}],
        "description": "for [secret dsn]",
        "datasets": [{"dataset": {"source": '{"uri": "[secret dsn]"}', "name": "[secret dsn]"}}],
    }


def test_maps_of_a_trace_lose_keys_too(cleaning: Cleaning) -> None:
    info = {
        "trace_id": "tr-mlflow",
        "request_preview": json.dumps({"deep": json.dumps({"dsn": DSN})}),
        "tags": {DSN: "1", "mlflow.traceName": DSN},
        "trace_metadata": {"mlflow.sourceRun": "1", "dsn": DSN},
    }
    found = sent(cleaning, {"trace": {"trace_info": info}})["trace"]["trace_info"]
    assert found["trace_id"] == "tr-mlflow"
    assert json.loads(json.loads(found["request_preview"])["deep"]) == {"dsn": "[secret dsn]"}
    assert found["tags"] == {"secret dsn": "1", "mlflow.traceName": "[secret dsn]"}
    assert found["trace_metadata"] == {"mlflow.sourceRun": "1", "dsn": "[secret dsn]"}


PIN, KEY = "48151623", '{"type": "service_account", "key": "tr0ub4dor"}'


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (f'{{"pin": {PIN}, "of": [1, "{PIN}"]}}', {"pin": "[secret p]", "of": [1, "[secret p]"]}),
        (f' {{"at": 9{PIN}9}}', {"at": int(f"9{PIN}9")}),
        (json.dumps({"deep": f'{{"pin": {PIN}}}'}), {"deep": '{"pin": "[secret p]"}'}),
        (json.dumps({"account": KEY}), {"account": "[secret k]"}),
        ('{"on": true, "none": null}', {"on": True, "none": None}),
    ],
)
def test_json_stays_json_also_where_a_number_is_a_value(text: str, clean: Any) -> None:
    cleaning = Cleaning(Values({"p": PIN, "k": KEY, "t": "true", "n": "null"}))
    assert json.loads(cleaning.deep(text)) == clean


def test_a_value_that_is_json_goes_from_json_that_it_is_part_of() -> None:
    clean = Cleaning(Values({"k": KEY})).deep(f'{{"account": {KEY}}}')
    assert clean == '{"account": [secret k]}'


def test_names_without_a_value_keep_their_brackets(cleaning: Cleaning) -> None:
    assert cleaning.label("docs[0]") == "docs[0]"


def test_a_filter_finds_what_was_logged() -> None:
    cleaning = Cleaning(Values({"user": "reader-1", **WEAK}))
    text = "tags.`mlflow.user` = 'reader-1' and params.dsn != \"reader-1\" and params.model = 'x'"
    assert sent(cleaning, {"filter": text}) == {
        "filter": "tags.`mlflow.user` = '[secret user]' and params.dsn != \"[secret user]\" "
        "and params.model = 'x'"
    }


def test_without_a_value_in_it_nothing_changes(cleaning: Cleaning) -> None:
    body = '{"run_id":  "1", "value": [1.50, null, true]}'
    assert cleaning.body(body) == body
    assert cleaning.body(None) is None
    assert Cleaning(Values({})).body("no JSON, and nobody looks") == "no JSON, and nobody looks"
    assert Cleaning(Values({})).description(": no YAML") == ": no YAML"


def test_a_model_that_is_described_without_values_can_still_be_read(cleaning: Cleaning) -> None:
    described = {
        "artifact_path": "mlflow-artifacts:/workspaces/lab/1/models/m-1/artifacts",
        "flavors": {"python_function": {"loader_module": "mlflow.sklearn", "note": DSN}},
        "metadata": {"dsn": DSN, "at": f"{DSN}:5432", DSN: [DSN], "run_id": DSN},
        "mlflow_version": "3.17.0",
        "run_id": "galley",
        "signature": {"inputs": json.dumps([{"name": DSN}])},
    }
    text = cleaning.description(yaml.safe_dump(described, width=20))  # folded within the value
    assert yaml.safe_load(text) == {
        **described,
        "flavors": {"python_function": {"loader_module": "mlflow.sklearn", "note": "[secret dsn]"}},
        "metadata": {
            "dsn": "[secret dsn]",
            "at": "[secret dsn]:5432",
            "[secret dsn]": ["[secret dsn]"],
            "run_id": "[secret dsn]",
        },
        "signature": {"inputs": '[{"name": "[secret dsn]"}]'},
    }
    assert cleaning.description(f"{{ {DSN}") == "{ [secret dsn]", "what is no YAML is a text"


def test_a_value_is_found_in_a_file_of_any_size(
    cleaning: Cleaning, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galley.inside.outbox.cleaning._PIECE", 7)
    file = tmp_path / "model.pkl"
    for start in range(20):
        file.write_bytes(b"\x80" * start + DSN.encode() + b"\x80" * 30)
        assert cleaning.file_holds(file), start
    file.write_bytes(DSN.encode()[:20] + b"\x80" + DSN.encode()[20:])
    assert not cleaning.file_holds(file)


def test_a_record_of_the_log_keeps_what_leads_to_its_run(cleaning: Cleaning) -> None:
    local = spool.local_run()
    record = {"op": "batch", "run": local, "tags": {"mlflow.parentRunId": local, DSN: DSN}}
    found = cleaning.record(record)
    assert found["run"] == local
    assert found["tags"] == {"mlflow.parentRunId": local, "secret dsn": "[secret dsn]"}
