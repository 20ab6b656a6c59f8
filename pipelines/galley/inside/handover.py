"""Hand variables from one task of a pipeline to the next, as files.

This file belongs to the project: it needs no other module of its own and may be read and changed.
A task ends with ``handover.save("prepare", df=df)``, a later one begins with
``df = handover.load("prepare", "df")``. The values lie in ``products/prepare``, beside this file:

    values.json   what is there: the variables, in which file each one is, and how it is stored
    *.parquet     data frames and series that come back exactly as they were
    *.joblib      NumPy arrays and scikit-learn estimators
    *.pickle      everything else; functions by value, where cloudpickle is installed

What a notebook defines stays the notebook's: a class of the notebook is stored by its name, so the
loading notebook defines it before it loads, and a stored function looks up its global names in the
notebook that loads it.
"""

from __future__ import annotations

import importlib
import io
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
    groups = [dict(group) for group in together]
    _refuse_secrets(task, {**values, **{name: one for g in groups for name, one in g.items()}})
    positions = {name: _generator(name)[0]() for name in states}
    products = Path(os.environ.get("GALLEY_PRODUCTS") or PRODUCTS)  # of one try, where there is one
    folder = products / f".{task}-{os.getpid()}-{os.urandom(4).hex()}"
    folder.mkdir(parents=True)
    try:
        entries: dict[str, dict[str, str]] = {}
        for name, value in values.items():
            entries[name] = _store(folder, len(entries), name, value, task)
        for group in groups:
            file = f"{len(entries)}-together.pickle"
            _write_pickle(folder / file, group, group, task)
            entries |= {name: {"file": file, "type": _type(group[name])} for name in group}
        files = {name: (folder / entry["file"]).read_bytes() for name, entry in entries.items()}
        _refuse_secrets(task, files)
        (folder / "states.pickle").write_bytes(pickle.dumps(positions, 5))
        manifest = {"format": 1, "task": task, "values": entries, "states": sorted(positions)}
        (folder / "values.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        old = folder.with_name(f"{folder.name}-old")
        if (products / task).exists():
            (products / task).rename(old)
        folder.rename(products / task)  # all of it at once
    finally:
        for left in products.glob(f"{folder.name}*"):
            shutil.rmtree(left, ignore_errors=True)


def load(task: str, /, *names: str, states: Iterable[str] = ()) -> Any:
    """Return what a task stored: one value for one name, else a tuple in the order of the names.

    Args:
        task: name of the task that saved.
        states: generators of random numbers to set to where they were at the end of that task.

    Raises:
        HandoverError: the task stored nothing yet, or not this variable, or it cannot be read.
    """
    folder = PRODUCTS / task
    if not (folder / "values.json").exists():
        raise HandoverError(f"task '{task}' has handed over nothing yet: build '{task}' first")
    manifest = json.loads((folder / "values.json").read_text(encoding="utf-8"))
    for kind, wanted in (("values", names), ("states", states := list(states))):
        for name in wanted:
            if name not in manifest[kind]:
                there = ", ".join(manifest[kind]) or "none"
                raise HandoverError(f"'{name}' is not among the {kind} of task '{task}': {there}")
    files: dict[str, Any] = {}  # variables of one file come from one reading of it
    values = []
    for name in names:
        file = manifest["values"][name]["file"]
        if file not in files:
            try:
                files[file] = _read(folder / file)
            except Exception as error:
                raise HandoverError(
                    f"cannot load '{name}' of task '{task}' from {folder / file}: "
                    f"{type(error).__name__}: {error}"
                ) from error
        kept = files[file]
        values.append(kept[name] if file.endswith("together.pickle") else kept)
    if states:  # at the very end: reading may have imported what draws random numbers
        positions = _read(folder / "states.pickle")
        for name in states:
            _generator(name)[1](positions[name])
    return values[0] if len(values) == 1 else (tuple(values) or None)


def _generator(name: str) -> tuple[Any, Any]:
    """Return what reads and what sets the position of a generator of random numbers."""
    module: Any = importlib.import_module(name)
    if name == "torch":
        return module.get_rng_state, module.set_rng_state
    if name == "numpy.random":
        return lambda: module.get_state(legacy=False), module.set_state
    return module.getstate, module.setstate


def _refuse_secrets(task: str, values: Mapping[str, Any]) -> None:
    """Do nothing unless something holds the value of a secret that Galley gave this run."""
    secrets: Any = sys.modules.get("galley_inside_secrets")
    if secrets is None:
        return
    for name, value in values.items():
        if secrets.holds(value):
            raise HandoverError(
                f"task '{task}' cannot hand over '{name}': it holds the value of a secret, which "
                "must not lie in a file; ask for the secret in the task that uses it"
            )


def _type(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _store(folder: Path, number: int, name: str, value: object, task: str) -> dict[str, str]:
    """Store one value in the plainest form that keeps it as it is."""
    # Numbered: names may differ only in case, which some file systems do not keep apart.
    file = folder / f"{number}-{name[:60]}"
    for store in (_as_parquet, _as_joblib):
        try:
            kept = store(file, value)
        except Exception:  # then it is pickled, which says what is wrong if that fails too
            kept = None
        if kept is not None:
            return {"file": kept.name, "type": _type(value)}
        for left in folder.glob(f"{file.name}.*"):
            left.unlink()
    _write_pickle(file.with_name(f"{file.name}.pickle"), value, {name: value}, task)
    return {"file": f"{file.name}.pickle", "type": _type(value)}


def _read(file: Path) -> Any:
    if file.suffix == ".parquet":
        frame = importlib.import_module("pandas").read_parquet(file, engine="pyarrow")
        if not file.stem.endswith(".series"):
            return frame
        return frame.iloc[:, 0].rename(frame.columns[0] or None)
    if file.suffix == ".joblib":
        return importlib.import_module("joblib").load(file)
    with file.open("rb") as stream:
        return pickle.load(stream)  # noqa: S301 - what this pipeline has written


# Parquet: only for what certainly comes back as it was; read back and compared at once.

_DTYPES = ("bool", "str", "string", "boolean", "float32", "float64", "datetime64", "timedelta64")
_INTEGERS = ("int8", "int16", "int32", "int64")


def _as_parquet(file: Path, value: Any) -> Path | None:
    pandas = sys.modules.get("pandas")
    if pandas is None or type(value) not in (pandas.DataFrame, pandas.Series):
        return None
    if type(value) is pandas.Series:
        if value.name is not None and (type(value.name) is not str or not value.name):
            return None  # "" stands for no name
        file, value = file.with_name(f"{file.name}.series"), value.to_frame(value.name or "")
    file = file.with_name(f"{file.name}.parquet")
    names = (*value.columns, *value.columns.names, *value.index.names)
    plain = all(type(name) is str or name is None for name in names) and value.columns.is_unique
    dtypes = (value.index.dtype, *value.dtypes)
    if not plain or value.attrs or not all(map(_is_safe, dtypes)) or not value.columns.size:
        return None
    value.to_parquet(file, engine="pyarrow")
    back = pandas.read_parquet(file, engine="pyarrow")
    same = (
        _is_same_index(value.columns, back.columns)
        and _is_same_index(value.index, back.index)
        and all(_is_same_dtype(*pair) for pair in zip(value.dtypes, back.dtypes, strict=True))
        and value.equals(back)
        and value.flags == back.flags
        and _is_by_column(value)
    )
    return file if same else None


def _is_by_column(frame: Any) -> bool:
    """Whether columns lie in memory as Parquet brings them back.

    The order of sums depends on it, and so the last bit of a model that is fitted to the frame.
    """
    blocks = (getattr(block.values, "flags", None) for block in frame._mgr.blocks)
    return all(flags is None or flags.c_contiguous for flags in blocks)


def _is_safe(dtype: Any) -> bool:
    if hasattr(dtype, "categories"):
        return _is_safe(dtype.categories.dtype)
    name = str(dtype).lower().partition("[")[0]
    # "Float64" tells NaN from a missing value, which Parquet does not.
    return name.removeprefix("u") in _INTEGERS or (name in _DTYPES and str(dtype)[0] != "F")


def _is_same_index(one: Any, other: Any) -> bool:
    same = type(one) is type(other) and _is_same_dtype(one.dtype, other.dtype)
    detail = ("freq", "start", "stop", "step", "names")
    return (
        same
        and one.equals(other)
        and all(getattr(one, name, None) == getattr(other, name, None) for name in detail)
    )


def _is_same_dtype(one: Any, other: Any) -> bool:
    if hasattr(one, "categories") and type(one) is type(other):
        return _is_same_index(one.categories, other.categories) and one.ordered == other.ordered
    zones = (type(getattr(one, "tz", None)), type(getattr(other, "tz", None)))
    return bool(type(one) is type(other) and one == other and zones[0] is zones[1])


# joblib and pickle


def _as_joblib(file: Path, value: Any) -> Path | None:
    numpy, base = sys.modules.get("numpy"), sys.modules.get("sklearn.base")
    if base is not None and isinstance(value, base.BaseEstimator):
        search = _Search(_Nowhere(), 5)
        search.arrays = {}
        search.dump(value)
    elif numpy is None or type(value) is not numpy.ndarray or not _is_native(value.dtype):
        return None
    file = file.with_name(f"{file.name}.joblib")
    importlib.import_module("joblib").dump(value, file)
    return file


def _is_native(dtype: Any) -> bool:
    return not dtype.hasobject and dtype.isnative  # joblib turns other byte orders


class _Nowhere:
    def write(self, data: Any) -> int:
        return len(data)


class _Search(pickle.Pickler):
    """A dry run that fails at what joblib would not keep: the notebook's functions, and sharing."""

    arrays: dict[object, Any]

    def persistent_id(self, value: Any) -> None:
        if type(value).__name__ == "ndarray":
            place = _place(value)
            if place in self.arrays or not _is_native(value.dtype):
                raise pickle.PicklingError("joblib would store an array twice, or turn its bytes")
            self.arrays[place] = value  # kept, so that no other array gets its memory

    def reducer_override(self, value: Any) -> Any:
        own = _is_process_wide(value) or _is_its_own_attributes(value)
        if own or getattr(value, "__module__", "") == "__main__":
            raise pickle.PicklingError("joblib would not keep it as it is")
        return NotImplemented


def _write_pickle(file: Path, content: Any, variables: dict[str, Any], task: str) -> None:
    try:
        with file.open("wb") as stream:
            _pickler(stream, share=content is variables).dump(content)
    except Exception as error:
        refused = [name for name, value in variables.items() if _is_refused(value)]
        name = (refused or list(variables))[0]
        raise HandoverError(
            f"task '{task}' cannot hand over '{name}' ({_type(variables[name])}): {error}; "
            "keep the cells that use it in one task"
        ) from error


def _is_refused(value: Any) -> bool:
    try:
        _pickler(_Nowhere()).dump(value)
    except Exception:
        return True
    return False


def _pickler(stream: Any, *, share: bool = False) -> Any:
    """Return a pickler that stores the notebook's classes by name and its functions by value.

    Args:
        share: arrays that share memory go on sharing it; the whole memory is stored for that.
    """
    try:
        base: Any = importlib.import_module("cloudpickle").Pickler
    except ImportError:  # then the notebook's functions are stored by name, too
        base = None
    main: Any = sys.modules["__main__"]
    arrays: dict[object, Any] = {}

    class Pickler(base or pickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            kind = type(value)
            if isinstance(value, (io.IOBase, memoryview)) and kind not in (io.BytesIO, io.StringIO):
                raise pickle.PicklingError("it is open in this process only")
            if isinstance(value, type) and _is_defined_in(main, value):
                return value.__name__
            if base and kind is FunctionType and value.__globals__ is vars(main):
                return _taken_apart(value)
            if _is_process_wide(value):
                return _numpy_generator, ()
            if _is_its_own_attributes(value):
                return _its_own_attributes, (kind,), None, None, iter(value.items())
            if f"{kind.__module__}.{kind.__name__}" == "numpy.ndarray":
                first = arrays.setdefault(_place(value), _owner(value))
                if first is not value:  # on the very same memory, with a shape and flags of its own
                    return _view, _seen_as(value, first, 0)
                if share:
                    return _as_view(value)
            return super().reducer_override(value) if base else NotImplemented

    return Pickler(stream, 5)


def _is_defined_in(main: Any, kind: Any) -> bool:
    return kind.__module__ == "__main__" and getattr(main, kind.__name__, None) is kind


def _is_process_wide(value: Any) -> bool:
    """Whether it is NumPy's own generator, which an estimator may hold: its position is a state."""
    return value is getattr(sys.modules.get("numpy.random.mtrand"), "_rand", NotImplemented)


def _numpy_generator() -> Any:
    return importlib.import_module("numpy.random.mtrand")._rand


def _is_its_own_attributes(value: Any) -> bool:
    """Whether it is a dict whose keys are its attributes, ``self.__dict__ = self``, and no more.

    One that says itself how it is copied, or keeps more, is taken as it says.
    """
    if not isinstance(value, dict) or getattr(value, "__dict__", None) is not value:
        return False
    kind = type(value)
    names = ("__new__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")
    own = any(getattr(kind, name, None) is not getattr(dict, name, None) for name in names)
    return not own and not any(vars(base).get("__slots__") for base in kind.__mro__)


def _its_own_attributes(kind: Any) -> Any:
    made = kind.__new__(kind)
    made.__dict__ = made
    return made


def _place(array: Any) -> tuple[Any, ...]:
    """Return what two arrays have in common that are the same but for being two objects."""
    address = array.__array_interface__["data"][0] if array.size else id(array)
    return address, array.dtype, array.shape, array.strides


def _owner(array: Any) -> Any:
    """Return the array that this one is nothing but a view of; itself where there is none."""
    while type(array.base) is type(array) and _place(array.base) == _place(array):
        array = array.base
    return array


def _as_view(array: Any) -> Any:
    """Take an array apart into the one whose memory it shares, and where it lies in that."""
    whole = array
    while type(whole.base) is type(array):
        whole = whole.base
    if whole is array or whole.dtype.hasobject:
        return NotImplemented
    start = array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return _view, _seen_as(array, whole, start)


def _seen_as(array: Any, whole: Any, start: int) -> tuple[Any, ...]:
    return whole, array.flags.writeable, array.shape, array.dtype, start, array.strides


def _view(whole: Any, writeable: bool, shape: Any, dtype: Any, start: int, strides: Any) -> Any:
    view = type(whole)(shape, dtype, whole, start, strides)
    if not writeable:
        view.flags.writeable = False
    return view


def _taken_apart(function: FunctionType) -> tuple[Any, ...]:
    names = ("__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__")
    attributes = {name: getattr(function, name) for name in names}
    attributes["__annotations__"] = function.__annotations__
    cells = function.__closure__ or ()
    return (
        *(_put_together, (function.__code__, len(cells))),
        *((attributes, function.__dict__, [_content(cell) for cell in cells]), None, None),
        _complete,
    )


def _content(cell: CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # a variable that has no value yet
        return ()


def _put_together(code: CodeType, cells: int) -> FunctionType:
    closure = tuple(CellType() for _ in range(cells))
    return FunctionType(code, vars(sys.modules["__main__"]), code.co_name, None, closure)


def _complete(function: FunctionType, state: tuple[Any, ...]) -> None:
    attributes, own, contents = state
    for name, value in (*attributes.items(), *own.items()):
        setattr(function, name, value)
    for cell, content in zip(function.__closure__ or (), contents, strict=True):
        if content:
            cell.cell_contents = content[0]
