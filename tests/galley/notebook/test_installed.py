from __future__ import annotations

import importlib.metadata

from galley.notebook.installed import installed_here

from .builders import INSTALLED


def test_this_environment_is_read() -> None:
    here = installed_here()
    (sklearn,) = here.providers("sklearn.svm")
    assert (sklearn.name, sklearn.version) == (
        "scikit-learn",
        importlib.metadata.version("scikit-learn"),
    )
    assert [one.name for one in here.providers("mlflow")] == ["mlflow"]
    assert [one.name for one in here.providers("mlflow.models")] == ["mlflow"]
    assert [one.name for one in here.providers("google.protobuf.message")] == ["protobuf"]
    assert here.providers("no_such_module_at_all") == ()


def test_an_editable_install_is_seen() -> None:
    assert [one.name for one in installed_here().providers("galley.widgets")] == ["galley"]


def test_a_shared_name_without_a_known_part_is_everybodys() -> None:
    assert len(INSTALLED.providers("google")) == 2
    assert len(INSTALLED.providers("google.cloud.storage")) == 2
