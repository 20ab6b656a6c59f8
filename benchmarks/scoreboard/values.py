"""Digests of values, for the benchmark alone: what a namespace holds, independent of galley.

Runs inside the interpreter that holds the values, so it needs only the standard library; numpy and
pandas are looked at when the notebook has imported them. ``None`` means that a value cannot be
judged (a generator, a figure, an open file, too large): the benchmark then says nothing about it.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import inspect
import pathlib
import re
import sys
import types
import uuid
from typing import Any

MAX_NODES = 300_000
MAX_BYTES = 400 * 2**20
MAX_DEPTH = 80

PLAIN = (
    bool | int | str | bytes | range | slice | datetime.date | datetime.time | datetime.timedelta
    | datetime.tzinfo | decimal.Decimal | fractions.Fraction | pathlib.PurePath | uuid.UUID
    | re.Pattern | type(Ellipsis) | type(NotImplemented) | types.NoneType
)  # fmt: skip
UNJUDGED = ("matplotlib", "IPython", "ipykernel", "zmq", "socket", "threading", "_thread", "_io")
"""Top-level packages whose objects hold process state behind what they show."""


CELL_FILE = re.compile(r"/tmp/ipykernel_\d+/\d+\.py|<ipython-input-[^>]*>")
"""How a kernel, and IPython without one, call the file that a cell's code is from."""


def _global_generator() -> Any:
    """Return the generator behind ``numpy.random.rand``; a new object where there is none."""
    return getattr(sys.modules.get("numpy.random.mtrand"), "_rand", object())


class Unjudged(Exception):
    """This value cannot be judged."""


def digest(value: Any) -> str | None:
    """Return a digest of a value; equal values of equal types have equal digests."""
    try:
        return _Walk().of(value).hex()
    except Unjudged:
        return None
    except Exception:
        # Any user's object may fail in any way when it is looked at.
        return None


def kind(value: Any) -> str:
    """Return ``module``, ``function``, ``class`` or ``value``."""
    if isinstance(value, types.ModuleType):
        return "module"
    if isinstance(value, type):
        return "class"
    return "function" if inspect.isroutine(value) else "value"


class _Walk:
    def __init__(self) -> None:
        self.nodes = 0
        self.bytes = 0
        self.done: dict[int, bytes] = {}
        self.open: set[int] = set()
        self.kept: list[Any] = []  # ids stay unique only while their objects live

    def of(self, value: Any) -> bytes:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(self.open) > MAX_DEPTH:
            raise Unjudged
        if isinstance(value, float | complex) and type(value) in (float, complex):
            return self.text(type(value).__name__, repr(value))
        if isinstance(value, PLAIN) and not isinstance(value, enum.Enum):
            return self.text(type(value).__qualname__, CELL_FILE.sub("<cell>", repr(value)))
        known = self.done.get(id(value))
        if known is not None:
            return known
        if id(value) in self.open:
            return b"cycle"
        self.open.add(id(value))
        try:
            answer = self.compound(value)
        finally:
            self.open.discard(id(value))
        self.done[id(value)] = answer
        self.kept.append(value)
        return answer

    def text(self, *parts: str) -> bytes:
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()

    def raw(self, *parts: bytes) -> bytes:
        self.bytes += sum(map(len, parts))
        if self.bytes > MAX_BYTES:
            raise Unjudged
        return hashlib.sha256(b"\0".join(parts)).digest()

    def all(self, name: str, *values: Any) -> bytes:
        return self.raw(name.encode(), *(self.of(one) for one in values))

    def compound(self, value: Any) -> bytes:
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if value is _global_generator():
            # Of the process, not of the value that refers to it, as scipy's distributions do.
            return self.text(name, "global")
        if type(value) in (list, tuple):
            return self.all(name, *value)
        if type(value) is dict:
            return self.all(name, *(part for pair in value.items() for part in pair))
        if type(value) in (set, frozenset):
            return self.raw(name.encode(), *sorted(self.of(one) for one in value))
        if isinstance(value, enum.Enum):
            return self.text(name, value.name)
        if isinstance(value, types.ModuleType):
            return self.text("module", value.__name__)
        if isinstance(value, types.CodeType):
            return self.all("code", value.co_code, value.co_names, value.co_varnames,
                            *value.co_consts)  # fmt: skip
        if isinstance(value, types.FunctionType):
            return self.function(value)
        if isinstance(value, types.MethodType):
            return self.all(name, value.__self__, value.__func__)
        if isinstance(value, type):
            return self.klass(value)
        if inspect.isroutine(value):
            return self.text("routine", getattr(value, "__qualname__", ""))
        if isinstance(value, functools.partial):
            return self.all(name, value.func, value.args, value.keywords)
        if name.split(".")[0] in UNJUDGED:
            raise Unjudged
        for found in (self.numpy(value, name), self.pandas(value, name)):
            if found is not None:
                return found
        return self.instance(value, name)

    def function(self, value: types.FunctionType) -> bytes:
        if value.__module__ not in ("__main__", None):
            return self.text("function", value.__module__, value.__qualname__)
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return self.all("function", value.__name__, value.__code__, value.__defaults__,
                        value.__kwdefaults__, *cells)  # fmt: skip

    def klass(self, value: type) -> bytes:
        if value.__module__ != "__main__":
            return self.text("class", value.__module__, value.__qualname__)
        own = {
            key: one
            for key, one in sorted(vars(value).items())
            if isinstance(one, types.FunctionType | PLAIN) and not key.startswith("__")
        }
        return self.all("class", value.__qualname__, own)

    def numpy(self, value: Any, name: str) -> bytes | None:
        numpy = sys.modules.get("numpy")
        if numpy is None:
            return None
        if isinstance(value, numpy.ma.MaskedArray):
            return self.all(name, numpy.asarray(value.filled()), numpy.ma.getmaskarray(value))
        if isinstance(value, numpy.ndarray):
            if value.dtype.hasobject:
                return self.all(name, str(value.dtype), value.shape, value.tolist())
            return self.raw(name.encode(), str(value.dtype).encode(), str(value.shape).encode(),
                            numpy.ascontiguousarray(value).tobytes())  # fmt: skip
        if isinstance(value, numpy.generic):
            return self.raw(name.encode(), str(value.dtype).encode(), value.tobytes())
        if isinstance(value, numpy.dtype):
            return self.text(name, str(value))
        if isinstance(value, numpy.random.RandomState):
            return self.all(name, value.get_state(legacy=False))
        if isinstance(value, numpy.random.Generator):
            return self.all(name, value.bit_generator.state)
        return None

    def pandas(self, value: Any, name: str) -> bytes | None:
        pandas = sys.modules.get("pandas")
        if pandas is None or not hasattr(pandas, "DataFrame"):
            return None
        if isinstance(value, pandas.DataFrame):
            columns = [value.iloc[:, at] for at in range(value.shape[1])]
            return self.all(name, value.columns, value.index, columns)
        if isinstance(value, pandas.Series):
            return self.all(name, value.name, str(value.dtype), value.index, self.column(value))
        if isinstance(value, pandas.MultiIndex):
            return self.all(name, list(value.names), [tuple(row) for row in value.tolist()])
        if isinstance(value, pandas.Index):
            return self.all(name, value.name, str(value.dtype), self.column(value))
        if isinstance(value, pandas.api.extensions.ExtensionArray):
            return self.all(name, str(value.dtype), [str(one) for one in value])
        if isinstance(value, pandas.Timestamp | pandas.Timedelta | pandas.Period | pandas.Interval):
            return self.text(name, repr(value))
        if value is pandas.NaT or value is pandas.NA:
            return self.text(name)
        return None

    def column(self, value: Any) -> Any:
        numpy = sys.modules["numpy"]
        if isinstance(value.dtype, numpy.dtype):
            return value.to_numpy()
        return [repr(one) for one in value.array]

    def instance(self, value: Any, name: str) -> bytes:
        if isinstance(value, types.GeneratorType | types.CoroutineType) or hasattr(value, "fileno"):
            raise Unjudged
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:
            raise Unjudged from error
        if isinstance(reduced, str):
            return self.text(name, reduced)
        _made_by, arguments, *rest = reduced
        parts = [list(part) if at else part for at, part in enumerate(rest) if part is not None]
        return self.all(name, arguments, *parts)
