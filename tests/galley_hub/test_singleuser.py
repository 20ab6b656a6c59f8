from __future__ import annotations

from pathlib import Path

from galley_hub.singleuser import prepare_home


def examples_in(folder: Path) -> str:
    (folder / "data").mkdir(parents=True)
    (folder / "train.ipynb").write_text("{}")
    (folder / "data" / "table.csv").write_text("a,b")
    (folder / "__init__.py").write_text("")
    return str(folder)


def test_examples_are_copied_once(tmp_path: Path) -> None:
    home, examples = tmp_path / "home", examples_in(tmp_path / "examples")
    home.mkdir()
    prepare_home(home, examples, "/datasets")
    assert (home / "examples" / "train.ipynb").exists()
    assert (home / "examples" / "data" / "table.csv").read_text() == "a,b"
    assert not (home / "examples" / "__init__.py").exists()
    (home / "examples" / "train.ipynb").unlink()
    prepare_home(home, examples, "/datasets")
    assert not (home / "examples" / "train.ipynb").exists(), "what was deleted stays deleted"


def test_an_own_folder_of_that_name_is_left_alone(tmp_path: Path) -> None:
    home, examples = tmp_path / "home", examples_in(tmp_path / "examples")
    (home / "examples").mkdir(parents=True)
    prepare_home(home, examples, "/datasets")
    assert list((home / "examples").iterdir()) == []


def test_datasets_are_shown_in_the_file_browser(tmp_path: Path) -> None:
    prepare_home(tmp_path, None, "/datasets")
    prepare_home(tmp_path, None, "/datasets")
    assert (tmp_path / "datasets").readlink() == Path("/datasets")
