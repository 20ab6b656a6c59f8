"""Hand variables from one task of a pipeline to the next, as files.

This file belongs to the project: it needs no other module of its own and may be read and changed.
A task ends with ``handover.save("prepare", df=df)``, a later one begins with
``df = handover.load("prepare", "df")``. The values lie in ``products/prepare``, beside this file:

    values.json   what is there: the variables, in which file each one is, and how it is stored
    *.parquet     data frames, series and indexes that come back exactly as they were
    *.joblib      NumPy arrays and scikit-learn estimators
    *.pickle      everything else; functions by value, with cloudpickle where it is installed

What a notebook defines stays the notebook's: a class of the notebook is stored by its name, so the
loading notebook defines it before it loads, and a stored function looks up its global names in the
notebook that loads it.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import CellType, CodeType, FunctionType
from typing import Any

PRODUCTS = Path(__file__).resolve().parent / "products"


class HandoverError(Exception):
    """A value cannot be handed over, or is not there; the message says which one and why."""


def save(
    task: str,
    /,
    *,
    together: Iterable[Mapping[str, Any]] = (),
    states: Iterable[str] = (),
    **values: Any,
) -> None:
    """Store variables of a task, in place of all that it stored before.

    Args:
        task: name of the task that saves.
        together: groups of variables that share objects; each group is one file, so that what is
            shared stays shared.
        states: generators of random numbers that go on where they are now: ``random``,
            ``numpy.random``, ``torch``.
        values: the variables.

    Raises:
        HandoverError: a value cannot be stored; what the task stored before is left as it was.
    """
    positions = {name: _state(name)[0]() for name in states}
    target = PRODUCTS / task
    folder = PRODUCTS / f".{task}-{os.getpid()}-{os.urandom(4).hex()}"
    folder.mkdir(parents=True)
    try:
        entries: dict[str, dict[str, str]] = {}
        for name, value in values.items():
            entries[name] = _store(folder, len(entries), name, value, task)
        for group in together:
            entry = _store_group(folder, len(entries), dict(group), task)
            entries.update({name: {**entry, "type": _type(group[name])} for name in group})
        if positions:
            (folder / "states.pickle").write_bytes(pickle.dumps(positions, 5))
        manifest = {"format": 1, "task": task, "values": entries, "states": sorted(positions)}
        (folder / "values.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        _move(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def load(task: str, /, *names: str, states: Iterable[str] = ()) -> Any:
    """Return what a task stored: one value for one name, else a tuple in the order of the names.

    Args:
        task: name of the task that saved.
        states: generators of random numbers to set to where they were at the end of that task.

    Raises:
        HandoverError: the task stored nothing yet, or not this variable.
    """
    folder = PRODUCTS / task
    try:
        manifest = json.loads((folder / "values.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HandoverError(
            f"task '{task}' has handed over nothing yet: {folder} is missing; build '{task}' first"
        ) from None
    stored, files = manifest["values"], {}
    for name in names:
        if name not in stored:
            there = ", ".join(stored) or "nothing"
            raise HandoverError(
                f"task '{task}' did not hand over '{name}', but {there}; build it again"
            )
        entry = stored[name]
        if entry["file"] not in files:  # variables of one file come from one reading of it
            files[entry["file"]] = _read(folder / entry["file"], entry["how"], name, task)
    values = tuple(_pick(files[stored[name]["file"]], stored[name]["how"], name) for name in names)
    wanted = list(states)
    if wanted:  # at the very end: reading may have imported what uses random numbers
        missing = [name for name in wanted if name not in manifest["states"]]
        if missing:
            raise HandoverError(f"task '{task}' did not hand over the state of {missing[0]}")
        positions = pickle.loads((folder / "states.pickle").read_bytes())  # noqa: S301
        for name in wanted:
            _state(name)[1](positions[name])
    return values[0] if len(values) == 1 else (values or None)


def _move(folder: Path, target: Path) -> None:
    """Put a finished folder in its place, in one step, and then remove the one it replaces."""
    old = folder.with_name(f"{folder.name}.old")
    if target.exists():
        target.rename(old)
    folder.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _type(value: object) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def _state(name: str) -> tuple[Any, Any]:
    """Return what reads and what sets the state of a generator of random numbers."""
    if name == "random":
        module = importlib.import_module("random")
        return module.getstate, module.setstate
    if name == "numpy.random":
        module = importlib.import_module("numpy.random")
        return lambda: module.get_state(legacy=False), module.set_state
    if name == "torch":
        module = importlib.import_module("torch")
        return module.get_rng_state, module.set_rng_state
    raise HandoverError(f"unknown state '{name}': known are random, numpy.random, torch")


def _store(folder: Path, number: int, name: str, value: object, task: str) -> dict[str, str]:
    """Store one value in the best form that keeps it as it is."""
    # Numbered: names may differ only in case, which some file systems do not keep apart.
    stem = f"{number}-{name[:60]}"
    if _write_parquet(folder / f"{stem}.parquet", value):
        kind = type(value).__name__.lower()
        how = kind if kind in ("dataframe", "series") else "index"
        return {"file": f"{stem}.parquet", "how": how, "type": _type(value)}
    if _write_joblib(folder / f"{stem}.joblib", value):
        return {"file": f"{stem}.joblib", "how": "joblib", "type": _type(value)}
    _write_pickle(folder / f"{stem}.pickle", value, name, value, task)
    return {"file": f"{stem}.pickle", "how": "pickle", "type": _type(value)}


def _store_group(folder: Path, number: int, group: dict[str, Any], task: str) -> dict[str, str]:
    file = f"{number}-together.pickle"
    try:
        _write_pickle(folder / file, group, "", group, task)
    except HandoverError:
        for name, value in group.items():  # say which one of them it is
            _write_pickle(folder / file, value, name, value, task)
        raise
    return {"file": file, "how": "together"}


def _read(file: Path, how: str, name: str, task: str) -> Any:
    try:
        if how in ("dataframe", "series", "index"):
            return importlib.import_module("pandas").read_parquet(file, engine="pyarrow")
        if how == "joblib":
            return importlib.import_module("joblib").load(file)
        with file.open("rb") as stream:
            return pickle.load(stream)  # noqa: S301 - made by this pipeline
    except Exception as error:
        raise HandoverError(
            f"cannot load '{name}' of task '{task}' from {file}: {error}"
        ) from error


def _pick(content: Any, how: str, name: str) -> Any:
    if how == "together":
        return content[name]
    if how == "series":
        return content.iloc[:, 0].rename(None if content.columns[0] == "" else content.columns[0])
    return content.index if how == "index" else content


# Parquet: only for what certainly comes back as it was, which is then read back and compared.

_SAFE_DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "str", "string", "boolean", "category"),
    *("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"),
)


def _write_parquet(file: Path, value: object) -> bool:
    """Store a pandas value as Parquet if it survives that; False if not."""
    pandas = sys.modules.get("pandas")
    if pandas is None or type(value).__module__.partition(".")[0] != "pandas":
        return False
    try:
        frame = _as_frame(pandas, value)
        if frame is None or not _is_plain(pandas, frame):
            return False
        frame.to_parquet(file, engine="pyarrow")
        if _is_same(pandas, frame, file):
            return True
    except Exception:  # noqa: S110 - not a failure: the value is pickled instead
        pass
    file.unlink(missing_ok=True)
    return False


def _as_frame(pandas: Any, value: Any) -> Any:
    if type(value) is pandas.DataFrame:
        return value
    if type(value) is pandas.Series and (value.name is None or value.name):
        return value.to_frame("" if value.name is None else value.name)
    return pandas.DataFrame(index=value) if isinstance(value, pandas.Index) else None


def _is_plain(pandas: Any, frame: Any) -> bool:
    columns, levels = frame.columns, [frame.index]
    if isinstance(frame.index, pandas.MultiIndex):
        return False  # its levels and codes are not kept as they are
    return (
        not frame.attrs
        and frame.flags.allows_duplicate_labels
        and columns.is_unique
        and all(type(label) is str for label in columns)
        and all(type(name) is str or name is None for name in (*columns.names, *frame.index.names))
        and all(_is_plain_dtype(pandas, dtype) for dtype in frame.dtypes)
        and all(_is_plain_dtype(pandas, level.dtype) for level in levels)
    )


def _is_plain_dtype(pandas: Any, dtype: Any) -> bool:
    if isinstance(dtype, pandas.CategoricalDtype):
        return _is_plain_dtype(pandas, dtype.categories.dtype)
    return str(dtype) in _SAFE_DTYPES or str(dtype).startswith(("datetime64[", "timedelta64["))


def _is_same(pandas: Any, frame: Any, file: Path) -> bool:
    back = pandas.read_parquet(file, engine="pyarrow")
    return bool(
        _is_same_index(frame.columns, back.columns)
        and _is_same_index(frame.index, back.index)
        and all(_is_same_dtype(*pair) for pair in zip(frame.dtypes, back.dtypes, strict=True))
        and frame.equals(back)
    )


def _is_same_index(one: Any, other: Any) -> bool:
    same = type(one) is type(other) and _is_same_dtype(one.dtype, other.dtype)
    steps = [getattr(one, name, 0) == getattr(other, name, 0) for name in ("freq", "start", "step")]
    return bool(same and all(steps) and list(one.names) == list(other.names) and one.equals(other))


def _is_same_dtype(one: Any, other: Any) -> bool:
    if type(one) is not type(other) or one != other:
        return False
    if hasattr(one, "categories"):
        return _is_same_index(one.categories, other.categories) and one.ordered == other.ordered
    return type(getattr(one, "tz", None)) is type(getattr(other, "tz", None))


# joblib and pickle


def _write_joblib(file: Path, value: object) -> bool:
    """Store an array or an estimator with joblib; False if it is neither, or holds functions."""
    numpy, base = sys.modules.get("numpy"), sys.modules.get("sklearn.base")
    is_array = numpy is not None and isinstance(value, numpy.ndarray) and not value.dtype.hasobject
    if not is_array and not (base is not None and isinstance(value, base.BaseEstimator)):
        return False
    try:
        if not is_array:
            _Search(_Nowhere(), 5).dump(value)
        importlib.import_module("joblib").dump(value, file)
    except Exception:  # not a failure: the value is pickled instead
        file.unlink(missing_ok=True)
        return False
    return True


def _write_pickle(file: Path, content: object, name: str, value: object, task: str) -> None:
    try:
        with file.open("wb") as stream:
            _pickler(stream).dump(content)
    except Exception as error:
        file.unlink(missing_ok=True)
        raise HandoverError(
            f"cannot hand over '{name}' ({_type(value)}) from task '{task}': {error}; "
            "keep the cells that use it in one task"
        ) from error


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


class _Search(pickle.Pickler):
    """A dry run of pickle that fails when it meets a function of the notebook."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, FunctionType) and _is_ours(value):
            raise pickle.PicklingError(f"{value.__qualname__} is a function of the notebook")
        return NotImplemented


def _is_ours(value: Any) -> bool:
    return bool(value.__module__ == "__main__")


def _is_defined_by(main: Any, value: Any) -> bool:
    is_class = isinstance(value, type) and _is_ours(value)
    return is_class and getattr(main, value.__name__, None) is value


def _pickler(stream: Any) -> Any:
    """Return a pickler that stores the notebook's classes by name and its functions by value."""
    try:
        cloudpickle = importlib.import_module("cloudpickle")
    except ImportError:  # functions of the notebook are then refused, with their name
        return pickle.Pickler(stream, 5)

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc, name-defined]
        def reducer_override(self, value: Any) -> Any:
            main: Any = sys.modules["__main__"]
            if _is_defined_by(main, value):
                return str(value.__name__)
            if isinstance(value, FunctionType) and value.__globals__ is vars(main):
                return _taken_apart(value)
            return super().reducer_override(value)

    return Pickler(stream, 5)


def _taken_apart(function: FunctionType) -> tuple[Any, ...]:
    names = ("__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__")
    attributes = {name: getattr(function, name) for name in names}
    cells = [_content(cell) for cell in function.__closure__ or ()]
    state = (attributes, function.__dict__, dict(function.__annotations__), cells)
    made_of = (function.__code__, len(cells))
    return (_put_together, made_of, state, None, None, _complete)


def _content(cell: CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # a variable that has no value yet
        return ()


def _put_together(code: CodeType, cells: int) -> FunctionType:
    names = vars(sys.modules["__main__"])
    return FunctionType(code, names, code.co_name, None, tuple(CellType() for _ in range(cells)))


def _complete(function: FunctionType, state: tuple[Any, ...]) -> None:
    attributes, own, annotations, cells = state
    for name, value in attributes.items():
        setattr(function, name, value)
    function.__dict__.update(own)
    function.__annotations__ = annotations
    for cell, content in zip(function.__closure__ or (), cells, strict=True):
        if content:
            cell.cell_contents = content[0]
