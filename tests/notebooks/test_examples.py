"""The examples run from a clean copy, with other values than the ones they were saved with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import nbformat
import papermill
import pytest
from galley.notebook.analysis import analyse
from galley.notebook.installed import installed_here
from galley.notebook.parameters import complete, infer, rehearsal_parameters

FOLDER = Path(__file__).parents[2] / "notebooks"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An MLflow database of its own, made once: its migrations take seconds."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.search_experiments()
    yield uri
    mlflow.set_tracking_uri(before)


def raw(name: str) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return notebook


def execute(
    name: str, parameters: dict[str, Any], folder: Path, tracking: str, patch: pytest.MonkeyPatch
) -> Any:
    """Run a clean copy as a run would: all values injected; return its MLflow run."""
    patch.setenv("MLFLOW_TRACKING_URI", tracking)
    patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    patch.setenv("MLFLOW_EXPERIMENT_NAME", folder.name)
    experiment = mlflow.create_experiment(
        folder.name, artifact_location=(folder / "artifacts").as_uri()
    )
    clean = nbformat.from_dict(raw(name))
    for cell in clean.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(clean, folder / name)
    papermill.execute_notebook(
        folder / name,
        folder / "executed.ipynb",
        complete(infer(raw(name)), parameters),
        cwd=folder,
        progress_bar=False,
        execution_timeout=120,
    )
    (run,) = mlflow.MlflowClient().search_runs([experiment])
    return run


def artifacts(run: Any) -> set[str]:
    return {item.path for item in mlflow.MlflowClient().list_artifacts(run.info.run_id)}


def models(run: Any) -> list[Any]:
    return list(mlflow.MlflowClient().search_logged_models(experiment_ids=[run.info.experiment_id]))


def test_there_is_one_of_each_kind() -> None:
    assert EXAMPLES == [
        "diabetes_report.ipynb",
        "pick_the_best_model.ipynb",
        "train_and_score.ipynb",
    ]
    listed = (FOLDER / "README.md").read_text()
    assert all(f"[{name}]({name})" in listed for name in EXAMPLES)


@pytest.mark.integration
def test_train_and_score(tmp_path: Path, tracking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = execute(
        "train_and_score.ipynb",
        {"n_trees": 20, "max_depth": 3, "test_share": 0.4},
        tmp_path,
        tracking,
        monkeypatch,
    )
    assert run.data.params["n_trees"] == "20"
    assert run.data.params["max_depth"] == "3"
    assert set(run.data.metrics) == {"roc_auc", "accuracy", "precision", "recall"}
    assert run.data.metrics["roc_auc"] > 0.95
    assert "roc_and_confusion.png" in artifacts(run)
    (model,) = models(run)
    assert model.name == "model"


@pytest.mark.integration
def test_pick_the_best_model(
    tmp_path: Path, tracking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = execute(
        "pick_the_best_model.ipynb",
        {"candidates": ["random forest", "nearest neighbours"], "folds": 3, "seed": 1},
        tmp_path,
        tracking,
        monkeypatch,
    )
    assert run.data.params["best"] in {"random forest", "nearest neighbours"}
    assert {"cv_random_forest", "cv_nearest_neighbours", "cv_best", "test_accuracy"} == set(
        run.data.metrics
    )
    assert run.data.metrics["test_accuracy"] > 0.85
    assert {"candidates.png", "candidates.csv"} <= artifacts(run)
    assert len(models(run)) == 1


@pytest.mark.integration
def test_diabetes_report(tmp_path: Path, tracking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = execute(
        "diabetes_report.ipynb",
        {"logical_date": "2026-03-29", "age_bands": [40], "top": 3},
        tmp_path,
        tracking,
        monkeypatch,
    )
    assert run.data.params["logical_date"] == "2026-03-29"
    assert run.data.metrics["patients"] == 442
    assert models(run) == []
    assert "Report for Sunday, 29 March 2026" in (tmp_path / "executed.ipynb").read_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_passes_its_own_analysis(name: str) -> None:
    analysis = analyse(raw(name), {}, installed_here())
    assert [check.message for check in analysis.checks] == []
    assert analysis.title
    schema = analysis.parameters.properties
    assert len(schema) >= 3
    assert all(one.get("type") and one.get("description") for one in schema.values())
    assert set(rehearsal_parameters(raw(name))) <= set(schema)


def test_one_takes_the_date_and_one_asks_for_a_cheaper_rehearsal() -> None:
    assert infer(raw("diabetes_report.ipynb")).properties["logical_date"]["format"] == "date"
    assert rehearsal_parameters(raw("train_and_score.ipynb")) == {"n_trees": 30}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_saved_small_with_its_outputs_and_without_traces(name: str) -> None:
    path = FOLDER / name
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 300_000
    assert notebook.metadata.kernelspec.name == "python3"
    identities = [cell.id for cell in notebook.cells]
    assert len(set(identities)) == len(identities)
    assert all(re.fullmatch(r"[a-z-]+", identity) for identity in identities)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    images = [
        output for cell in code for output in cell.outputs if "image/png" in output.get("data", {})
    ]
    assert len(images) >= 1
    assert sum(cell.cell_type == "markdown" for cell in notebook.cells) >= 4
    text = path.read_text()
    assert not re.search(r"/(home|root|Users|tmp)/|site-packages|Traceback", text)
    assert str(FOLDER.parent) not in text
