"""Plain Ploomber projects for the tests: one notebook, and a diamond of three tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import yaml


def notebook(
    *cells: str | tuple[str, list[str]], mapped: bool = False, language: str = "python"
) -> dict[str, Any]:
    """Return a notebook of code cells; a cell may come with tags; ``mapped`` notes cell indices."""
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": language,
    }
    for index, cell in enumerate(cells):
        source, tags = (cell, []) if isinstance(cell, str) else cell
        metadata: dict[str, Any] = {"tags": tags} if tags else {}
        if mapped:
            metadata["galley"] = {"cell": index}
        code = nbformat.v4.new_code_cell(source, id=f"cell-{index}", metadata=metadata)
        made.cells.append(code)
    result: dict[str, Any] = json.loads(nbformat.writes(made))
    return result


def write_project(folder: Path, tasks: dict[str, dict[str, Any]]) -> Path:
    """Write a plain Ploomber project; a task is {notebook, products?, params?}."""
    (folder / "tasks").mkdir(parents=True, exist_ok=True)
    entries = []
    for name, task in tasks.items():
        (folder / "tasks" / f"{name}.ipynb").write_text(json.dumps(task["notebook"]))
        product = {"nb": f"output/{name}.ipynb", **task.get("products", {})}
        entry = {"source": f"tasks/{name}.ipynb", "name": name, "product": product}
        if "params" in task:
            entry["params"] = task["params"]
        entries.append(entry)
    spec = {
        "meta": {"extract_upstream": True, "extract_product": False},
        "tasks": entries,
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(spec))
    return folder


def single(folder: Path, *cells: str | tuple[str, list[str]], params: Any = None) -> Path:
    """Write a project of one task named ``report`` that depends on nothing."""
    head = ("upstream = None\nproduct = None", ["parameters"])
    first = cells[0] if cells else ""
    if isinstance(first, tuple) and "parameters" in first[1]:
        head = (f"{head[0]}\n{first[0]}", ["parameters"])
        cells = cells[1:]
    return write_project(folder, {"report": {"notebook": notebook(head, *cells, mapped=True)}})


def diamond(folder: Path, *, work: str = "") -> Path:
    """Write load → (left, right) → join; ``work`` is code of the two in the middle."""
    head = "product = None"
    save = "from pathlib import Path\nPath(product['data']).write_text({value})"
    read = "Path(upstream[{name!r}]['data']).read_text()"

    def task(upstream: str, *cells: str, name: str) -> dict[str, Any]:
        return {
            "notebook": notebook((f"upstream = {upstream}\n{head}", ["parameters"]), *cells),
            "products": {"data": f"output/{name}.txt"},
        }

    imports = "from pathlib import Path"
    left, right = read.format(name="left"), read.format(name="right")
    return write_project(
        folder,
        {
            "load": task("None", save.format(value="'1'"), name="load"),
            "left": task(
                "['load']",
                f"{imports}\nvalue = int({read.format(name='load')}) + 1\n{work}",
                save.format(value="str(value)"),
                name="left",
            ),
            "right": task(
                "['load']",
                f"{imports}\nvalue = int({read.format(name='load')}) + 2\n{work}",
                save.format(value="str(value)"),
                name="right",
            ),
            "join": task(
                "['left', 'right']",
                f"{imports}\ntotal = int({left}) + int({right})\nprint('total', total)",
                save.format(value="str(total)"),
                name="join",
            ),
        },
    )
