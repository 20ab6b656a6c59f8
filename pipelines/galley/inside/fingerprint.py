"""Say what a namespace holds without keeping any of it: a digest of each variable's value.

One file that works by itself, with only the standard library: it is executed in kernels of any
environment. Other libraries are used only where they are loaded already, because only then can
there be a value of theirs.

What counts
    A value is walked in a canonical order and written into SHA-256. Exact types count (1, True and
    1.0 differ), floats count bit by bit (0.0 and -0.0 differ; NaN is NaN), the order of a dict
    counts, the order of a set does not. That an object occurs twice within a value counts if it
    can change. Objects are walked through what pickle would take of them; nothing of theirs is
    printed, compared or iterated, and nothing is changed.

What is left out, because it is not the value
    addresses and ids            another process has others
    memory order, views          how an array lies in memory; two arrays of one value that share it
    blocks, chunks, caches       how pandas and pyarrow keep a table; see ``_LEFT_OUT``
    line numbers, file names     of functions: the same source stands elsewhere after a split
    contents of ``lru_cache``    they make a function faster and change nothing that it returns
    type of a fill value         of a masked array: pickle gives it another one
    parts of a figure in a list  what they look like: the picture is an output and is compared
    callbacks of a widget        nobody moves it in a run; its value and what it shows count
    outputs of an output widget  the page says them back whenever a later cell runs; they are
                                 compared as outputs, by the states that the notebook keeps
    bytes of NaN                 all NaN of one type are equal: Parquet keeps only one of them

What cannot be compared has no digest, and says why: running generators, open files, connections,
locks, figures, and whatever pickle cannot take apart. Not comparable never means equal.
"""

from __future__ import annotations

import array
import collections
import copyreg
import datetime
import enum
import functools
import hashlib
import importlib
import io
import itertools
import os
import pickle
import re
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

NODES = 5_000_000
"""Objects that are walked in one variable; a variable with more is not compared."""

DEPTH = 200
"""Levels that are walked; a variable that nests deeper is not compared."""

PAIRS = 500
"""Pairs of variables with overlapping arrays that are told apart."""

_OF_THE_PAGE = frozenset(
    {"comm", "keys", "log", "parent", "_view_count"} | {"msg_id", "outputs"}  # of an Output
)
"""Traits of ipywidgets' own that connect a widget with a page."""
_OF_TRAITLETS = frozenset(
    {"_trait_notifiers", "_trait_validators", "_cross_validation_lock", "_model_id"}
    | {"_property_lock", "_holding_sync", "_states_to_send", "_log_default"}
)

_OWN = re.compile(r"__\w*|_|_\d+|_i+|_i\d+|_[iod]h|_exit_code")
"""Names of IPython's history, and dunder names; any other underscore is the author's."""
_IPYTHON = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})

# Attributes that are not part of the value: package, name. They are filled when first needed.
_LEFT_OUT = {
    ("pandas", "_cache"),  # results of cached properties
    ("pandas", "_item_cache"),  # columns looked at (pandas 2)
    ("scipy", "_has_sorted_indices"),  # what a look at the indices has shown
    ("scipy", "_has_canonical_format"),
    ("sklearn", "_stop_words_id"),  # an address
    ("sklearn", "_deprecated_key_to_warnings"),  # of a Bunch, which pickle takes from it
}

# Environment variables that differ from run to run or kernel to kernel without the notebook.
_PLATFORM = ("GALLEY_", "MLFLOW_", "DASK_", "JPY_", "JUPYTER", "KERNEL_", "PLOOMBER_", "PYDEVD_")
_PROCESS = frozenset({"IPYTHONDIR", "PWD", "OLDPWD", "SHLVL", "_", "TMPDIR", "PPID", "COLUMNS"})

_FILES = (io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO)

# What belongs to its process: (package, class among the bases) → what it is.
_STUCK = {
    ("builtins", "coroutine"): "a coroutine",
    ("builtins", "async_generator"): "an asynchronous generator",
    ("builtins", "memoryview"): "a view of memory",
    ("builtins", "frame"): "a running function",
    ("builtins", "traceback"): "a traceback",
    ("_io", "_IOBase"): "an open file",
    ("_io", "TextIOWrapper"): "an open file",
    ("_csv", "reader"): "a reader of an open file",
    ("_csv", "writer"): "a writer of an open file",
    ("socket", "socket"): "a socket",
    ("_socket", "socket"): "a socket",
    ("mmap", "mmap"): "mapped memory",
    ("sqlite3", "Connection"): "a connection to a database",
    ("sqlite3", "Cursor"): "a cursor of a database",
    ("sqlalchemy", "Engine"): "a connection to a database",
    ("sqlalchemy", "Connection"): "a connection to a database",
    ("sqlalchemy", "Session"): "a session of a database",
    ("duckdb", "DuckDBPyConnection"): "a connection to a database",
    ("psycopg2", "connection"): "a connection to a database",
    ("psycopg", "BaseConnection"): "a connection to a database",
    ("h5py", "HLObject"): "part of an open file",
    ("netCDF4", "Dataset"): "an open file",
    ("zipfile", "ZipFile"): "an open file",
    ("tarfile", "TarFile"): "an open file",
    ("requests", "Session"): "a connection to a host",
    ("_thread", "lock"): "a lock",
    ("_thread", "RLock"): "a lock",
    ("_thread", "_local"): "data of a thread",
    ("threading", "Thread"): "a thread",
    ("concurrent", "Executor"): "a pool of threads or processes",
    ("concurrent", "Future"): "a result that is still to come",
    ("multiprocessing", "BaseProcess"): "a process",
    ("subprocess", "Popen"): "a process",
    ("_asyncio", "Future"): "a result that is still to come",
    ("asyncio", "AbstractEventLoop"): "an event loop",
    ("distributed", "Client"): "a connection to a cluster",
    ("distributed", "Future"): "a result on a cluster",
    ("weakref", "ReferenceType"): "a weak reference",
    ("builtins", "weakref"): "a weak reference",
    ("_ctypes", "_SimpleCData"): "memory of a C library",
    ("_ctypes", "_Pointer"): "memory of a C library",
    ("_ctypes", "Structure"): "memory of a C library",
    ("_ctypes", "Union"): "memory of a C library",
    ("_ctypes", "Array"): "memory of a C library",
    ("_ctypes", "CFuncPtr"): "a function of a C library",
    ("ctypes", "CDLL"): "a C library",
    ("matplotlib", "Artist"): "part of a figure",
    ("matplotlib", "Animation"): "part of a figure",
    ("matplotlib", "FigureManagerBase"): "part of a figure",
    ("IPython", "DisplayHandle"): "a handle on an output",
}


def snapshot(namespace: Mapping[str, Any], *, crossing: Iterable[str] = ()) -> dict[str, Any]:
    """Describe the variables of a namespace, what they share, and the state of the process.

    Args:
        namespace: the globals of a notebook; IPython's names and those with a leading underscore
            are left out.
        crossing: variables that shall be handed over: it is tried whether pickle takes them.

    Returns:
        ``{"names": {name: {"type", "digest", "form", "size", "summary", "why", "stuck"}},
        "aliases": [[name, …], …], "states": {state: digest}}``, ready for JSON. ``size`` is in
        bytes. ``aliases`` are the groups of variables that reach an object in common that can
        change; a variable may be in several.
    """
    variables = {
        name: value
        for name, value in dict(namespace).items()
        if isinstance(name, str) and not _is_ipython(name, value)
    }
    wanted = set(crossing)
    filters = getattr(sys.modules.get("warnings"), "filters", [])
    quiet = ("ignore", None, Warning, None, 0)
    # Not catch_warnings(): that makes Python forget which warnings it has shown once already.
    filters.insert(0, quiet)
    try:
        shared = _Shared()
        facts = {name: _fact(name, value, shared) for name, value in variables.items()}
        for name in wanted & facts.keys():
            facts[name]["stuck"] = facts[name]["stuck"] or _refusal(variables[name])
        return {"names": facts, "aliases": shared.groups(), "states": _states()}
    finally:
        if quiet in filters:
            filters.remove(quiet)


def digest(value: object) -> str | None:
    """Return the digest of one value, None where it cannot be compared."""
    found: str | None = snapshot({"value": value})["names"]["value"]["digest"]
    return found


def _is_ipython(name: str, value: object) -> bool:
    if name == "open":  # IPython's own, unless the notebook has bound another
        return getattr(value, "__module__", "").partition(".")[0] in ("IPython", "_io", "io")
    return name in _IPYTHON or _OWN.fullmatch(name) is not None


def _fact(name: str, value: Any, shared: _Shared) -> dict[str, Any]:
    kind = _name(type(value)).removeprefix("builtins.")
    fact: dict[str, Any] = {"type": kind, "digest": None, "form": "", "size": None}
    if issubclass(type(value), types.ModuleType):  # isinstance() would ask the value
        form = hashlib.sha256(b"module").hexdigest()
        found = {"type": "module", "digest": value.__name__, "form": form}
        summary = f"module {value.__name__}"
        return {**fact, **found, "summary": summary, "why": None, "stuck": None}
    walk = _Walk(shared, name)
    walk.run(value)
    fact["form"] = walk.form.hexdigest()
    fact["digest"] = None if walk.why else walk.value.hexdigest()
    fact["size"] = walk.size
    try:
        fact["summary"] = _summary(value)
    except Exception:  # a few words are not worth an error
        fact["summary"] = ""
    return {**fact, "why": walk.why, "stuck": walk.stuck}


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _package(kind: type) -> str:
    return str(kind.__module__).partition(".")[0]


# What variables have in common


class _Shared:
    """Which variable reaches which object; keeps temporary objects so that ids stay unique."""

    def __init__(self) -> None:
        self.keep: list[object] = []
        self.classes: dict[type, bytes] = {}
        self.open_classes: list[type] = []
        self._first: dict[int, str] = {}
        self._more: dict[int, set[str]] = {}
        self._arrays: list[tuple[int, int, str, Any, bool]] = []

    def reach(self, value: object, variable: str) -> None:
        """Note that a variable reaches an object that can change."""
        first = self._first.setdefault(id(value), variable)
        if first != variable:
            self._more.setdefault(id(value), {first}).add(variable)

    def reach_memory(self, one: Any, variable: str, *, of_frame: bool) -> None:
        """Note that a variable reaches the memory of an array.

        Args:
            of_frame: it belongs to a pandas value, which copies on write.
        """
        if one.size:
            numpy = sys.modules["numpy"]
            bounds = getattr(numpy, "byte_bounds", None) or numpy.lib.array_utils.byte_bounds
            low, high = bounds(one)
            self._arrays.append((low, high, variable, one, of_frame))

    def groups(self) -> list[list[str]]:
        """Return the variables that reach one object, for each that several reach.

        Those that are among others are left out. Two that share something with a third one need
        not share anything with each other.
        """
        found = {frozenset(one) for one in self._more.values()}
        found = {one for one in found if not any(one < other for other in found)}
        return sorted(map(sorted, found | self._of_memory(found)))

    def _of_memory(self, known: set[frozenset[str]]) -> set[frozenset[str]]:
        """Return the pairs of variables whose arrays overlap, but those that are known.

        Where there are too many, all that have arrays are taken to share with each other.
        """
        pairs: set[frozenset[str]] = set()
        if all(of_frame for *_, of_frame in self._arrays):
            return pairs
        active: list[tuple[int, int, str, Any, bool]] = []
        for entry in sorted(self._arrays, key=lambda one: one[:2]):
            active = [one for one in active if one[1] > entry[0]]
            for other in active:
                if other[2] == entry[2] or (other[4] and entry[4]):
                    continue
                pair = frozenset((other[2], entry[2]))
                if pair in pairs or any(pair <= one for one in known):
                    continue
                if _overlap(other[3], entry[3]):
                    pairs.add(pair)
            if len(pairs) > PAIRS:
                return {frozenset(variable for *_, variable, _one, _of_frame in self._arrays)}
            active.append(entry)
        return pairs


def _copies_on_write() -> bool:
    """Whether no two values of pandas see each other's changes, whatever memory they share."""
    return not sys.modules["pandas"].__version__.startswith(("0.", "1.", "2."))


def _overlap(one: Any, other: Any) -> bool:
    try:
        return bool(sys.modules["numpy"].shares_memory(one, other, max_work=10_000))
    except Exception:  # too hard to tell
        return True


# The walk


class _TooLarge(Exception):
    """The budget of a walk is spent."""


class _Walk:
    """Writes one value into two digests: of all of it, and of its form without its values."""

    def __init__(self, shared: _Shared, variable: str | None):
        self.value, self.form = hashlib.sha256(), hashlib.sha256()
        self.why: str | None = None
        self.stuck: str | None = None
        self.size = 0
        self.nodes = 0
        self.variable = variable
        self.shared = shared
        self._memos: list[dict[Any, int]] = [{}]
        self._depth = 0
        self._structural = self._of_pandas = 0
        self._gathered = False
        self._pending, self._shape = bytearray(), bytearray()

    def run(self, value: object) -> None:
        """Walk a value to its end, whatever it is."""
        limit = sys.getrecursionlimit()
        self._gathered = type(value) in (list, tuple, dict)
        try:
            sys.setrecursionlimit(max(limit, 20 * DEPTH))
            self.visit(value)
        except _TooLarge:
            self.fail(f"too large to compare: more than {NODES:,} objects")
        except RecursionError:
            self.fail(f"nested too deep to compare: more than {DEPTH} levels")
        except Exception as error:  # of a library that does not let itself be looked into
            self.fail(f"cannot be looked into ({type(error).__name__}: {error})"[:300])
        finally:
            sys.setrecursionlimit(limit)
        self.flush()

    def fail(self, why: str, stuck: str | None = None) -> None:
        """Note that the value cannot be compared; the walk goes on for what it shares."""
        self.why = self.why or why
        self.stuck = self.stuck or stuck

    def leaf(self, tag: bytes, data: bytes) -> None:
        """Write a value without parts; its form is only the tag."""
        pending = self._pending
        pending += tag
        pending += len(data).to_bytes(8, "little")
        pending += data
        self._shape += tag
        if self._structural:
            self._shape += len(data).to_bytes(8, "little") + data
        self.size += len(data) + 16
        if len(pending) > 1 << 16 or len(self._shape) > 1 << 16:
            self.flush()

    def node(self, tag: bytes, data: bytes | str | int = b"") -> None:
        """Write what belongs to the form as well: a type, a length, a column's name."""
        self._structural += 1
        if isinstance(data, int):
            data = data.to_bytes(8, "little")
        self.leaf(tag, data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
        self._structural -= 1

    def bulk(self, data: Any) -> None:
        """Write a buffer of bytes without copying it; its length is known from what precedes."""
        self.flush()
        self.value.update(data)
        if self._structural:
            self.form.update(data)
        self.size += memoryview(data).nbytes

    def flush(self) -> None:
        """Bring what is pending into the digests."""
        self.value.update(self._pending)
        self.form.update(self._shape)
        self._pending.clear()
        self._shape.clear()

    def visit(self, value: Any) -> None:
        """Write one value."""
        self.nodes += 1
        if self.nodes > NODES:
            raise _TooLarge
        kind = type(value)
        atom = _ATOMS.get(kind)
        if atom is not None:
            tag, encode = atom
            self.leaf(tag, encode(value))
            return
        self._depth += 1
        if self._depth > DEPTH:
            self._depth -= 1
            raise RecursionError
        try:
            handler = _HANDLERS.get(kind)
            if handler is None:
                handler = _HANDLERS[kind] = _handler(kind)
            handler(self, value)
        finally:
            self._depth -= 1

    def again(self, value: object) -> bool:
        """Note an object that can change; True if this walk was there before."""
        if self.known(value):
            return True
        self.enter(value)
        if self.variable is not None:
            self.shared.reach(value, self.variable)
        return False

    def known(self, value: object) -> bool:
        """Write where this walk was before, if it was."""
        return self.known_as(id(value))

    def known_as(self, key: object) -> bool:
        """Write where this walk was before, if it was; ``key`` stands for a value."""
        for memo in self._memos:
            before = memo.get(key)
            if before is not None:
                self.node(b"@", before)
                return True
        return False

    def enter(self, value: object) -> None:
        """Remember where this walk is."""
        memo = self._memos[-1]
        memo[id(value)] = len(memo) + (len(self._memos) << 32)
        self.shared.keep.append(value)

    def apart(self, value: object) -> bytes:
        """Return what a part is by itself, for sorting."""
        atom = _ATOMS.get(type(value))
        if atom is not None:
            return atom[0] + atom[1](value)
        walk = _Walk(self.shared, self.variable)
        walk.nodes, walk._depth, walk._memos = self.nodes, self._depth, [*self._memos, {}]
        walk.visit(value)
        walk.flush()
        self.nodes = walk.nodes
        if walk.why:
            self.fail(walk.why, walk.stuck)
        return walk.value.digest()

    # Containers

    def sequence(self, items: list[Any] | tuple[Any, ...]) -> None:
        """Write values in their order; many of one simple type at once."""
        self.node(b"#", len(items))
        kinds = set(map(type, items)) if len(items) > 8 else ()
        if len(kinds) == 1:
            (kind,) = kinds
            encoded = _encode_many(kind, items)
            if encoded is not None:
                self.node(b"*", _name(kind))
                for part in encoded:
                    self.bulk(part)
                return
        for item in items:
            self.visit(item)

    def mapping(self, keys: list[Any], values: list[Any]) -> None:
        """Write a dict: its keys belong to its form."""
        self._structural += 1
        self.sequence(keys)
        self._structural -= 1
        self.sequence(values)

    def list_(self, value: Any) -> None:
        if not self.again(value):
            self.typed(b"L", value)
            self.sequence(list(list.__iter__(value)))
            self.extras(value, list)

    def tuple_(self, value: Any) -> None:
        self.typed(b"(", value)
        self.sequence(list(tuple.__iter__(value)))
        self.extras(value, tuple)

    def dict_(self, value: Any) -> None:
        if not self.again(value):
            self.typed(b"{", value)
            base = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
            pairs = list(base.items(value))
            self.mapping([key for key, _ in pairs], [one for _, one in pairs])
            if isinstance(value, collections.defaultdict):
                self.visit(value.default_factory)
            self.extras(value, dict)

    def set_(self, value: Any) -> None:
        frozen = isinstance(value, frozenset)
        if not frozen and self.again(value):
            return
        base: Any = frozenset if frozen else set
        self.typed(b"S", value)
        items = list(base.__iter__(value))
        if len(set(map(type, items)) - {int}) == 0 or len(set(map(type, items)) - {str}) == 0:
            self.sequence(sorted(items))
        else:
            order = sorted((self.apart(one), number) for number, one in enumerate(items))
            self.sequence([items[number] for _, number in order])
        self.extras(value, base)

    def deque_(self, value: Any) -> None:
        if not self.again(value):
            self.typed(b"D", value)
            self.visit(value.maxlen)
            self.sequence(list(collections.deque.__iter__(value)))
            self.extras(value, collections.deque)

    def bytes_(self, value: Any) -> None:
        if not self.again(value):
            self.typed(b"b", value)
            self.leaf(b"b", bytes(value))

    def array_(self, value: Any) -> None:
        if not self.again(value):
            self.typed(b"a", value)
            self.leaf(value.typecode.encode(), value.tobytes())

    def typed(self, tag: bytes, value: object) -> None:
        """Write the type of a value."""
        kind = type(value)
        self.node(tag, _name(kind))
        if kind.__module__ == "__main__":
            self.class_of(kind)

    def extras(self, value: Any, base: type) -> None:
        """Write the attributes that a subclass adds to a container."""
        if type(value) is not base and type(value).__module__ != "collections":
            self.attributes(value, _attributes(value))

    def attributes(self, value: object, found: dict[Any, Any]) -> None:
        """Write attributes, but those that are not part of the value."""
        packages = {_package(kind) for kind in type(value).__mro__}
        keys = [key for key in found if not any((one, key) in _LEFT_OUT for one in packages)]
        self.mapping(keys, [found[key] for key in keys])

    # Simple values with a subclass, enumerations and the like

    def subclass(self, value: Any, base: type) -> None:
        """Write a value of a subclass of a simple type."""
        tag, encode = _ATOMS[base]
        self.typed(b"<", value)
        self.leaf(tag, encode(value))
        self.attributes(value, _attributes(value))

    def enum_(self, value: Any) -> None:
        self.typed(b"E", value)
        self.leaf(b"e", str(value._name_).encode())
        self.visit(value._value_)

    def proxy(self, value: Any) -> None:
        self.node(b"P", "mappingproxy")
        self.visit(dict(value))

    # Code

    def function(self, value: Any) -> None:
        """Write a function: a library's by name, the notebook's by its code."""
        if _by_name(value):
            self.leaf(b"f", f"{value.__module__}.{value.__qualname__}".encode())
            return
        if self.known(value):
            return
        self.enter(value)
        self.node(b"F", f"{value.__module__}.{value.__qualname__}")
        self.code(value.__code__)
        self.visit(value.__defaults__)
        self.visit(value.__kwdefaults__)
        self.visit(value.__dict__)
        if sys.version_info < (3, 14):  # from then on looking at them runs code
            self.visit(value.__annotations__)
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
            self.leaf(b"c", name.encode())
            self.visit(cell)

    def cell(self, value: Any) -> None:
        if not self.again(value):
            try:
                content = value.cell_contents
            except ValueError:
                self.leaf(b"c", b"empty")
            else:
                self.node(b"C")
                self.visit(content)

    def code(self, value: Any) -> None:
        """Write compiled code, without where it stands."""
        numbers = (value.co_argcount, value.co_posonlyargcount, value.co_kwonlyargcount)
        self.leaf(b"k", repr((*numbers, value.co_flags, value.co_name, value.co_names)).encode())
        names = (value.co_varnames, value.co_freevars, value.co_cellvars, value.co_qualname)
        self.leaf(b"k", repr(names).encode("utf-8", "surrogatepass"))
        self.leaf(b"k", value.co_code)
        self.leaf(b"k", value.co_exceptiontable)
        for constant in value.co_consts:
            self.visit(constant)

    def builtin(self, value: Any) -> None:
        """Write a function of a C library, or a method of one of its objects."""
        owner = getattr(value, "__self__", None)
        self.leaf(b"u", f"{getattr(value, '__module__', '')}.{value.__qualname__}".encode())
        if owner is not None and not isinstance(owner, types.ModuleType):
            self.visit(owner)

    def descriptor(self, value: Any) -> None:
        self.leaf(b"d", f"{_name(value.__objclass__)}.{value.__name__}".encode())

    def method(self, value: Any) -> None:
        self.node(b"M")
        self.visit(value.__func__)
        self.visit(value.__self__)

    def wrapped(self, value: Any) -> None:
        self.typed(b"W", value)
        self.visit(value.__func__)

    def property_(self, value: Any) -> None:
        self.typed(b"W", value)
        for one in (value.fget, value.fset, value.fdel):
            self.visit(one)

    def cached_property(self, value: Any) -> None:
        self.typed(b"W", value)
        self.visit(value.func)

    def lru_cache(self, value: Any) -> None:
        self.node(b"W", "lru_cache")
        self.visit(value.__wrapped__)
        self.visit(value.cache_parameters())

    def partial(self, value: Any) -> None:
        if not self.again(value):
            self.typed(b"p", value)
            for one in (value.func, value.args, value.keywords, vars(value)):
                self.visit(one)

    def module(self, value: Any) -> None:
        self.leaf(b"m", value.__name__.encode())

    def class_(self, value: Any) -> None:
        """Write a class: a library's by name, the notebook's by what it defines."""
        self.leaf(b"t", f"{_name(value)}".encode())
        if value.__module__ == "__main__":
            self.class_of(value)

    def class_of(self, kind: Any) -> None:
        """Write the definition of a class of the notebook."""
        shared = self.shared
        if kind in shared.open_classes:  # it mentions itself
            self.leaf(b"t", b"open %d" % shared.open_classes.index(kind))
            return
        known = shared.classes.get(kind)
        if known is None:
            shared.open_classes.append(kind)
            try:
                walk = _Walk(shared, None)
                walk._depth = self._depth
                walk.definition(kind)
                walk.flush()
            finally:
                shared.open_classes.pop()
            if walk.why:
                self.fail(f"class {kind.__qualname__}: {walk.why}")
                return
            known = walk.value.digest()
            if not shared.open_classes:
                shared.classes[kind] = known
        self.leaf(b"t", known)

    def definition(self, kind: Any) -> None:
        self.visit(type(kind))
        self.sequence(list(kind.__bases__))
        members = dict(type.__dict__["__dict__"].__get__(kind))
        if isinstance(kind, enum.EnumMeta):
            methods = (types.FunctionType, staticmethod, classmethod)
            values = {name: one._value_ for name, one in kind._member_map_.items()}
            members = {n: one for n, one in members.items() if isinstance(one, methods)}
            members = {n: one for n, one in members.items() if not _by_name(one)}
            self.mapping(list(values), list(values.values()))
        members = {n: one for n, one in members.items() if n not in _NOT_DEFINED}
        self.mapping(list(members), list(members.values()))

    # Any other object

    def iterator(self, value: Any) -> None:
        """Write what an iterator goes through and how far it is; it is not moved on.

        From Python 3.14 on, those of itertools do not say it.
        """
        if type(value).__module__ == "_collections":  # nor a deque's whether that has changed since
            self.kept(value, "an iterator")
            return
        self.object_(value)
        self.stuck = self.stuck or "an iterator belongs to its own process"

    def generator(self, value: Any) -> None:
        """Write a generator that has not begun, or has ended; in between nobody sees all of it."""
        frame = value.gi_frame
        if frame is not None and (value.gi_running or value.gi_suspended):
            self.kept(value, "a generator")
        elif not self.again(value):
            self.node(b"ended" if frame is None else b"begins", value.__qualname__)
            if frame is not None:
                self.code(value.gi_code)
                seen = frame.f_locals
                given = dict(seen)
                if sys.version_info < (3, 13):
                    seen.clear()  # the frame keeps this copy, and with it what it deletes later
                self.mapping(list(given), list(given.values()))
            self.stuck = self.stuck or "a generator belongs to its own process"

    def kept(self, value: Any, what: str) -> None:
        """Note an object that belongs to its process."""
        if not self.again(value):
            if type(value) in _FILES and value.closed:
                # What `with open(…) as file` leaves behind: nothing can come of it any more.
                self.node(b"closed", _name(type(value)))
                self.visit([getattr(value, name, None) for name in ("name", "mode", "encoding")])
                self.stuck = self.stuck or "a closed file belongs to its own process"
                return
            self.node(b"!", _name(type(value)))
            if what == "part of a figure" and self._gathered:
                # As `n, bins, patches = plt.hist(x)` gives it; the rest of the list is compared.
                self.stuck = self.stuck or f"{what} belongs to its own process"
                return
            if what == "part of a figure":
                why = "part of a figure: its picture is compared instead"
            else:
                why = f"{what} cannot be looked into without changing it"
            self.fail(f"{_name(type(value))}: {why}", f"{what} belongs to its own process")

    def object_(self, value: Any) -> None:
        """Write an object through its attributes, or through what pickle would take of it."""
        kind = type(value)
        if self.known(value):
            return
        if kind.__module__ == "__main__" and _is_python(kind):
            self.again(value)
            self.typed(b"O", value)
            self.attributes(value, _attributes(value))
            return
        try:
            reduced = _reduce(value)
        except RecursionError:
            raise
        except Exception as error:
            self.again(value)
            self.node(b"!", _name(kind))
            self.fail(f"{_name(kind)} cannot be taken apart ({error})"[:300])
            return
        if isinstance(reduced, str):  # there is only one of it
            self.leaf(b"g", f"{_name(kind)} {reduced}".encode())
            return
        if (_package(kind), kind.__name__) not in _FIXED:
            self.again(value)
        self.typed(b"O", value)
        self.shared.keep.append(reduced)
        maker, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        self.visit(maker)
        self.visit(tuple(arguments))
        if type(state) is dict and not state:
            self.visit(None)  # an exception has a __dict__ only once somebody has looked at it
        elif type(state) is dict:
            self.attributes(value, state)
        elif type(state) is tuple and len(state) == 2 and type(state[1]) is dict:
            self.attributes(value, {**(state[0] if type(state[0]) is dict else {}), **state[1]})
            self.visit(None if type(state[0]) is dict else state[0])
        else:
            self.visit(state)
        if items is not None:
            self.sequence(list(items))
        if pairs is not None:
            found = list(pairs)
            self.mapping([key for key, _ in found], [one for _, one in found])

    def pandas_object(self, value: Any) -> None:
        """Write what has frames and their arrays, as a groupby: they are as safe as columns."""
        self._of_pandas += 1
        self.object_(value)
        self._of_pandas -= 1

    def widget(self, value: Any) -> None:
        """Write what a widget shows, is set to and keeps; it stays with the page of its process."""
        if not self.again(value):
            self.typed(b"W", value)
            held = _attributes(value)
            shown = held.pop("_trait_values", {})
            names = sorted(name for name in shown if not _is_of_the_page(type(value), name))
            self.mapping(names, [shown[name] for name in names])
            kept = {name: one for name, one in held.items() if name not in _OF_TRAITLETS}
            self.attributes(value, {n: one for n, one in kept.items() if not _is_dispatcher(one)})
            self.stuck = self.stuck or "a widget belongs to the page of its own process"

    # NumPy

    def ndarray(self, value: Any) -> None:
        # Two arrays on the very same memory are one: which of them it is that an object gives out
        # depends on who has made the memory, not on the notebook.
        place = _place(value)
        if self.known(value) or (place is not None and self.known_as(place)):
            return
        self.again(value)
        if place is not None:
            self._memos[-1][place] = self._memos[-1][id(value)]
        self.typed(b"n", value)
        self.numbers(value)
        if self.variable is not None:
            self.shared.reach_memory(
                _plain(value), self.variable, of_frame=self._of_pandas > 0 and _copies_on_write()
            )
        if _name(type(value)) not in ("numpy.ndarray", "numpy.matrix", "numpy.memmap"):
            self.attributes(value, getattr(value, "__dict__", {}))

    def masked(self, value: Any) -> None:
        if not self.again(value):
            self.typed(b"n", value)
            self.numbers(value.data)
            self.numbers(sys.modules["numpy"].ma.getmaskarray(value))
            numpy, fill = sys.modules["numpy"], value.fill_value
            self.visit(fill.item() if isinstance(fill, numpy.generic) else fill)

    def numbers(self, one: Any) -> None:
        """Write dtype, shape and elements of an array, in C order."""
        one = _plain(one)
        self.node(b"n", f"{one.dtype.str} {one.dtype} {one.shape}")
        self.elements(one)

    def elements(self, one: Any) -> None:
        numpy, dtype = sys.modules["numpy"], one.dtype
        if dtype.names is not None:  # field by field: what lies between them is anything
            for name in dtype.names:
                self.elements(one[name])
        elif dtype.kind in "OT":
            self.sequence(one.ravel().tolist())
        else:
            if dtype.kind in "fc" and dtype.char in "gG":  # the last bytes of each are anything
                high = one.astype("c16" if dtype.kind == "c" else "f8")
                self.elements(high)
                one = (one - high).astype(high.dtype)
            for part in _parts(one):
                self.bulk(_without_nan(numpy, part).view(numpy.uint8))

    def scalar(self, value: Any) -> None:
        self.node(b"N", _name(type(value)))
        self.numbers(sys.modules["numpy"].asarray(value))

    def dtype(self, value: Any) -> None:
        self.leaf(b"N", f"{value.str} {value}".encode())

    def random_generator(self, value: Any) -> None:
        if value is getattr(sys.modules.get("numpy.random.mtrand"), "_rand", None):
            self.leaf(b"g", b"the global generator of numpy.random")  # one of the states
            return
        if self.again(value):
            return
        self.typed(b"N", value)
        bits = value if hasattr(value, "state") else getattr(value, "bit_generator", None)
        if bits is None:  # RandomState
            bits = value._bit_generator
        self.node(b"N", _name(type(bits)))
        self.visit(bits.state)
        seed = getattr(bits, "seed_seq", None)
        self.visit(None if seed is None else seed.state)

    # pandas

    def frame(self, value: Any) -> None:
        if self.again(value):
            return
        self.typed(b"T", value)
        self.node(b"T", f"{value.shape} {value.flags.allows_duplicate_labels}")
        self.visit(value.attrs)
        self._structural += 1
        self.visit(value.columns)
        self._structural -= 1
        self.visit(value.index)
        base: Any = next(kind for kind in type(value).__mro__ if kind.__name__ == "DataFrame")
        for column in base._iter_column_arrays(value):
            self.column(column)
        extra = {n: value.__dict__[n] for n in getattr(value, "_metadata", ()) if n in vars(value)}
        self.visit(extra)

    def series(self, value: Any) -> None:
        if self.again(value):
            return
        self.typed(b"T", value)
        self.node(b"T", f"{value.shape} {value.flags.allows_duplicate_labels}")
        self.visit(value.attrs)
        self._structural += 1
        self.visit(value.name)
        self._structural -= 1
        self.visit(value.index)
        self.column(value._values)

    def column(self, one: Any, *, of_index: bool = False) -> None:
        """Write the array of a column, or of an index, which cannot change."""
        if type(one).__module__ == "numpy":
            if self.variable is not None and not of_index:
                self.shared.reach_memory(one, self.variable, of_frame=_copies_on_write())
            self.numbers(one)
        else:
            self.visit(one)

    def index(self, value: Any) -> None:
        self.typed(b"I", value)
        self.node(b"I", len(value))
        self.visit(list(value.names))
        if hasattr(value, "codes") and hasattr(value, "levels"):
            for level, codes in zip(value.levels, value.codes, strict=True):
                self.visit(level)
                self.numbers(sys.modules["numpy"].asarray(codes))
        elif type(value).__name__ == "RangeIndex":
            self.leaf(b"I", repr((value.start, value.stop, value.step)).encode())
        else:
            self.visit(getattr(value, "freqstr", None))
            self.column(value._values, of_index=True)

    def pandas_dtype(self, value: Any) -> None:
        self.typed(b"X", value)
        self.node(b"X", f"{value} {getattr(value, 'storage', '')} {getattr(value, 'na_value', '')}")
        if hasattr(value, "categories"):
            self.visit((value.categories, value.ordered))

    def extension(self, value: Any) -> None:
        """Write an array of pandas' own."""
        self.typed(b"X", value)
        self.node(b"X", len(value))
        self.pandas_dtype(value.dtype)
        own = getattr(value, "__dict__", {})
        if hasattr(value, "_pa_array"):
            self.chunked(value._pa_array)
        elif hasattr(value, "categories") and hasattr(value, "codes"):
            self.numbers(sys.modules["numpy"].asarray(value.codes))
        elif "_mask" in own and "_data" in own:
            self.numbers(own["_mask"])
            data = own["_data"].copy()
            data[own["_mask"]] = 0
            self.numbers(data)
        elif hasattr(value, "asi8"):
            self.numbers(value.asi8)
        elif hasattr(value, "_ndarray"):
            self.numbers(value._ndarray)
        else:
            self.object_(value)

    # pyarrow, polars, torch

    def arrow(self, value: Any) -> None:
        """Write a table, column by column."""
        self.typed(b"A", value)
        self.node(b"A", value.schema.to_string(truncate_metadata=False))
        for column in value.columns:
            self.chunked(column)

    def chunked(self, value: Any) -> None:
        """Write an array of pyarrow, however it is cut into chunks."""
        pa, numpy = sys.modules["pyarrow"], sys.modules.get("numpy")
        self.node(b"A", f"{value.type} {len(value)}")
        kind, types_ = value.type, pa.types
        text = types_.is_string(kind) or types_.is_large_string(kind)
        if text or types_.is_binary(kind) or types_.is_large_binary(kind):
            kind = pa.large_string() if text else pa.large_binary()
            value = value.cast(kind)
        if hasattr(value, "chunks"):
            value = pa.concat_arrays(value.chunks) if value.num_chunks else pa.array([], type=kind)
        if numpy is not None and kind in (pa.large_string(), pa.large_binary()):
            self._valid(numpy, value)
            value = value.fill_null("" if text else b"")
            _, offsets, data = value.buffers()
            bounds = numpy.frombuffer(offsets, numpy.int64) if offsets else numpy.zeros(1, "i8")
            bounds = bounds[value.offset : value.offset + len(value) + 1]
            self.bulk(numpy.diff(bounds).view(numpy.uint8))
            if data is not None and len(bounds):
                self.bulk(memoryview(data)[int(bounds[0]) : int(bounds[-1])])
        elif numpy is not None and (
            types_.is_integer(kind) or types_.is_floating(kind) or types_.is_temporal(kind)
        ):
            self._valid(numpy, value)
            if types_.is_temporal(kind):
                value = value.view(pa.int64() if kind.bit_width == 64 else pa.int32())
            self.numbers(value.fill_null(0).to_numpy(zero_copy_only=False))
        else:
            self.sequence(value.to_pylist())

    def _valid(self, numpy: Any, value: Any) -> None:
        valid = value.is_valid().to_numpy(zero_copy_only=False)
        self.bulk(numpy.ascontiguousarray(valid).view(numpy.uint8))

    def polars_frame(self, value: Any) -> None:
        if not self.again(value):
            self.typed(b"A", value)
            for column in value.get_columns():
                self.polars_series(column)

    def polars_series(self, value: Any) -> None:
        self.typed(b"A", value)
        self.node(b"A", f"{value.name} {value.dtype}")
        numeric = getattr(value.dtype, "is_numeric", bool)() and not value.null_count()
        if numeric and "numpy" in sys.modules and "Decimal" not in str(value.dtype):
            self.numbers(value.to_numpy())
        else:
            self.sequence(value.to_list())

    def tensor(self, value: Any) -> None:
        if self.again(value):
            return
        torch = sys.modules["torch"]
        if value.grad_fn is not None:
            self.kept(value.grad_fn, "a step of a gradient's computation")
        self.typed(b"n", value)
        self.node(b"n", f"{value.dtype} {tuple(value.shape)} {value.device} {value.requires_grad}")
        flat = value.detach().cpu().contiguous().reshape(-1)
        self.numbers(flat.view(torch.uint8).numpy())
        self.visit(value.grad if value.is_leaf else None)


# How simple values are written


def _float(value: float) -> bytes:
    return b"nan" if value != value else array.array("d", (value,)).tobytes()


def _complex(value: complex) -> bytes:
    return _float(value.real) + b"|" + _float(value.imag)


def _integer(value: int) -> bytes:
    value = int(value)
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def _text(value: str) -> bytes:
    return str.encode(value, "utf-8", "surrogatepass")


def _zone(value: Any) -> bytes:
    if value.key is None:
        raise ValueError("a time zone without a name")
    return _text(value.key)


_ATOMS: dict[type, tuple[bytes, Callable[[Any], bytes]]] = {
    type(None): (b"0", lambda _: b""),
    bool: (b"?", lambda value: b"1" if value else b"0"),
    int: (b"i", _integer),
    float: (b"d", _float),
    complex: (b"z", _complex),
    str: (b"s", _text),
    bytes: (b"y", bytes),
    type(...): (b".", lambda _: b""),
    type(NotImplemented): (b"!", lambda _: b""),
    range: (b"r", lambda value: repr(value).encode()),
    datetime.date: (b"3", lambda value: value.isoformat().encode()),
    datetime.timedelta: (b"4", lambda one: f"{one.days} {one.seconds} {one.microseconds}".encode()),
    datetime.timezone: (b"6", lambda value: repr(value).encode()),
}

# The same for types of modules that need not be loaded: package, name.
_MORE_ATOMS: dict[tuple[str, str], tuple[bytes, Callable[[Any], bytes]]] = {
    ("decimal", "Decimal"): (b"1", lambda value: repr(value).encode()),
    ("fractions", "Fraction"): (b"2", lambda value: repr(value).encode()),
    ("uuid", "UUID"): (b"8", lambda value: value.bytes),
    ("zoneinfo", "ZoneInfo"): (b"7", _zone),
    ("pathlib", "PurePosixPath"): (b"9", lambda value: _text(str(value))),
    ("pathlib", "PureWindowsPath"): (b"w", lambda value: _text(str(value))),
    ("pathlib", "PosixPath"): (b"h", lambda value: _text(str(value))),
    ("pathlib", "WindowsPath"): (b"q", lambda value: _text(str(value))),
}


def _encode_many(kind: type, items: Any) -> list[Any] | None:
    """Return many values of one simple type as buffers, None if they have to be walked."""
    try:
        if kind is float:
            if any(value != value for value in items):
                return None
            return [array.array("d", items)]
        if kind is int:
            return [array.array("q", items)]
        if kind is str:
            lengths = array.array("q", map(len, items))
            return [lengths, "".join(items).encode("utf-8", "surrogatepass")]
        if kind in (bool, type(None)):
            return [bytes(map(bool, items))]
    except OverflowError:  # an integer of more than 64 bits
        pass
    return None


def _place(array: Any) -> tuple[Any, ...] | None:
    """Return what two arrays have in common that are the same but for being two objects.

    None of an empty one, and of a subclass's, which may have attributes of its own.
    """
    if not array.size or _name(type(array)) != "numpy.ndarray":
        return None
    return array.__array_interface__["data"][0], array.dtype, array.shape, array.strides


def _plain(one: Any) -> Any:
    """Return an array as nothing but an array, on the same memory."""
    ndarray = sys.modules["numpy"].ndarray
    return ndarray.view(one, ndarray)


def _parts(one: Any) -> Iterable[Any]:
    """Yield the elements of an array in C order, some megabytes at a time, flat and contiguous."""
    numpy = sys.modules["numpy"]
    if one.flags.c_contiguous:
        flat = one.reshape(-1)
        for start in range(0, flat.size, 1 << 19):
            yield flat[start : start + (1 << 19)]
    elif one.ndim == 1 or one.size <= 1 << 19:
        rows = 1 << 19 if one.ndim == 1 else max(1, len(one))
        for start in range(0, len(one), rows):
            yield numpy.ascontiguousarray(one[start : start + rows]).reshape(-1)
    else:
        rows = max(1, (1 << 19) // max(1, one.size // len(one)))
        for start in range(0, len(one), rows):
            yield numpy.ascontiguousarray(one[start : start + rows]).reshape(-1)


def _without_nan(numpy: Any, part: Any) -> Any:
    """Return floats with one kind of NaN."""
    if part.dtype.kind == "c":
        part = part.view(f"{part.dtype.byteorder}f{part.dtype.itemsize // 2}")
    if part.dtype.kind == "f":
        wrong = part != part
        if wrong.any():
            part = part.copy()
            part[wrong] = numpy.nan
    return part


# How any other object is taken apart

_HEAP_TYPE = 1 << 9
_NOT_DEFINED = frozenset(
    {
        *("__dict__", "__weakref__", "__module__", "__abstractmethods__", "_abc_impl"),
        *("__firstlineno__", "__static_attributes__", "__annotate__", "__annotate_func__"),
        "__slotnames__",  # written by pickle, when it looks at an instance
        "__annotations_cache__",
        *("__pydantic_core_schema__", "__pydantic_validator__", "__pydantic_serializer__"),
        *("__pydantic_parent_namespace__", "__signature__"),  # made from the fields, which count
    }
)


def _is_of_the_page(kind: type, name: str) -> bool:
    """Whether a trait of a widget connects it with a page, and is no author's of that name."""
    if name not in _OF_THE_PAGE:
        return False
    owner = next((base for base in kind.__mro__ if name in vars(base)), kind)
    return _package(owner) in {"ipywidgets", "traitlets"}


def _is_dispatcher(value: Any) -> bool:
    return type(value).__name__ == "CallbackDispatcher"


def _is_python(kind: type) -> bool:
    """Whether all that an instance holds is in its attributes and slots."""
    size = object.__basicsize__
    for base in kind.__mro__:
        if base is not object and not base.__flags__ & _HEAP_TYPE:
            return False
        members = vars(base)
        size += 8 * sum(type(one) is types.MemberDescriptorType for one in members.values())
    return kind.__basicsize__ <= size + 16 and not kind.__itemsize__


def _attributes(value: object) -> dict[str, Any]:
    """Return the attributes and slots of an object, without asking it."""
    found: dict[str, Any] = {}
    for base in type(value).__mro__:
        for name, one in vars(base).items():
            if type(one) is types.MemberDescriptorType and base.__flags__ & _HEAP_TYPE:
                try:
                    found[f"{base.__name__}.{name}"] = one.__get__(value)
                except AttributeError:
                    continue
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return found
    return {**found, **own} if type(own) is dict else found


# Objects that cannot change: package, name. Which of two equal ones it is does not count.
_FIXED = {
    *(
        ("pandas", name)
        for name in ("Timestamp", "Timedelta", "Period", "Interval", "NAType", "NaTType")
    ),
    *(("typing", name) for name in ("_GenericAlias", "_UnionGenericAlias", "_LiteralGenericAlias")),
    *(("typing", name) for name in ("_SpecialForm", "Union", "_AnnotatedAlias", "ForwardRef")),
    *(("types", name) for name in ("GenericAlias", "UnionType")),
    *(("builtins", "slice"), ("re", "Pattern"), ("operator", "itemgetter")),
    *(("operator", "attrgetter"), ("datetime", "time"), ("datetime", "datetime")),
}


def _reduce(value: object) -> Any:
    special = copyreg.dispatch_table.get(type(value))
    if special is not None:
        return special(value)
    return value.__reduce_ex__(4)


def _by_name(value: Any) -> bool:
    """Whether a function is found under its name in the module it says it is from."""
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or module == "__main__":
        return False
    found: Any = sys.modules.get(module)
    for part in getattr(value, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    return found is value


_Handler = Callable[[_Walk, Any], None]
_HANDLERS: dict[type, _Handler] = {
    list: _Walk.list_,
    tuple: _Walk.tuple_,
    dict: _Walk.dict_,
    set: _Walk.set_,
    frozenset: _Walk.set_,
    bytearray: _Walk.bytes_,
    array.array: _Walk.array_,
    collections.deque: _Walk.deque_,
    types.MappingProxyType: _Walk.proxy,
    types.FunctionType: _Walk.function,
    types.CellType: _Walk.cell,
    types.CodeType: _Walk.code,
    types.BuiltinFunctionType: _Walk.builtin,
    types.MethodWrapperType: _Walk.builtin,
    types.MethodType: _Walk.method,
    types.ModuleType: _Walk.module,
    types.MethodDescriptorType: _Walk.descriptor,
    types.ClassMethodDescriptorType: _Walk.descriptor,
    types.WrapperDescriptorType: _Walk.descriptor,
    types.GetSetDescriptorType: _Walk.descriptor,
    types.MemberDescriptorType: _Walk.descriptor,
    staticmethod: _Walk.wrapped,
    classmethod: _Walk.wrapped,
    property: _Walk.property_,
    functools.cached_property: _Walk.cached_property,
    functools.partial: _Walk.partial,
    type(functools.lru_cache(_plain)): _Walk.lru_cache,
}

_BY_BASE: dict[tuple[str, str], _Handler] = {
    ("numpy", "MaskedArray"): _Walk.masked,
    ("numpy", "ndarray"): _Walk.ndarray,
    ("numpy", "generic"): _Walk.scalar,
    ("numpy", "dtype"): _Walk.dtype,
    ("numpy", "Generator"): _Walk.random_generator,
    ("numpy", "RandomState"): _Walk.random_generator,
    ("numpy", "BitGenerator"): _Walk.random_generator,
    ("pandas", "DataFrame"): _Walk.frame,
    ("pandas", "Series"): _Walk.series,
    ("pandas", "Index"): _Walk.index,
    ("pandas", "ExtensionArray"): _Walk.extension,
    ("pandas", "ExtensionDtype"): _Walk.pandas_dtype,
    ("pyarrow", "Table"): _Walk.arrow,
    ("pyarrow", "RecordBatch"): _Walk.arrow,
    ("pyarrow", "Array"): _Walk.chunked,
    ("pyarrow", "ChunkedArray"): _Walk.chunked,
    ("polars", "DataFrame"): _Walk.polars_frame,
    ("polars", "Series"): _Walk.polars_series,
    ("torch", "Tensor"): _Walk.tensor,
    ("enum", "Enum"): _Walk.enum_,
    ("ipywidgets", "Widget"): _Walk.widget,
    ("builtins", "generator"): _Walk.generator,
    ("builtins", "module"): _Walk.module,
    ("builtins", "type"): _Walk.class_,
    ("builtins", "list"): _Walk.list_,
    ("builtins", "tuple"): _Walk.tuple_,
    ("builtins", "dict"): _Walk.dict_,
    ("builtins", "set"): _Walk.set_,
    ("builtins", "frozenset"): _Walk.set_,
    ("builtins", "bytearray"): _Walk.bytes_,
    ("collections", "deque"): _Walk.deque_,
}


_ITERATING = frozenset({"builtins", "itertools", "_collections"})
"""Modules whose iterators stay with their process; one of a library says what it is."""


def _handler(kind: type) -> _Handler:
    """Return what walks the instances of a type that is met for the first time."""
    atom = _MORE_ATOMS.get((_package(kind), kind.__name__))
    if atom is not None:
        _ATOMS[kind] = atom
        return lambda walk, value: walk.leaf(atom[0], atom[1](value))
    bases = [(_package(base), base.__name__) for base in kind.__mro__]
    for base in bases:
        if base in _STUCK and kind not in (io.BytesIO, io.StringIO):
            what = _STUCK[base]
            return lambda walk, value: walk.kept(value, what)
    for base in bases:
        if base in _BY_BASE:
            return _BY_BASE[base]
    for simple in (int, float, complex, str, bytes):
        if simple in kind.__mro__:
            return lambda walk, value: walk.subclass(value, simple)
    if kind.__name__ in ("cython_function_or_method", "fused_cython_function"):
        return _Walk.builtin
    if (
        kind in (io.BytesIO, io.StringIO, itertools.count, itertools.repeat)
        or kind.__module__ == "__main__"
    ):
        return _Walk.object_
    if kind.__module__ in _ITERATING and any("__next__" in vars(base) for base in kind.__mro__):
        return _Walk.iterator
    return _Walk.pandas_object if _package(kind) == "pandas" else _Walk.object_


# What people read, what pickle takes, and the state of the process


_COUNTED: dict[Any, str] = {
    dict: "keys",
    str: "characters",
    bytes: "bytes",
    **dict.fromkeys((list, tuple, set, frozenset, collections.deque), "items"),
}


def _summary(value: Any) -> str:
    kind = type(value)
    package, name = _package(kind), kind.__name__
    if package == "pandas" and name == "DataFrame":
        dtypes = list(dict.fromkeys(str(dtype) for dtype in value.dtypes))
        return f"{len(value)} × {value.shape[1]} {', '.join(dtypes[:3])}".strip()
    if package in ("polars", "pyarrow") and name in ("DataFrame", "Table", "RecordBatch"):
        return f"{len(value)} × {len(value.columns)}"
    if package == "pandas" and name == "Series":
        return f"{len(value)} {value.dtype}"
    if package == "numpy" and hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{' × '.join(map(str, value.shape))} {value.dtype}".strip()
    if kind is types.FunctionType:
        code = value.__code__
        return f"function of {code.co_argcount + code.co_kwonlyargcount} arguments"
    if issubclass(kind, type):
        return "class"
    for base, words in _COUNTED.items():
        if issubclass(kind, base):
            return f"{base.__len__(value):,} {words}"
    return name


class _Counter:
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return memoryview(data).nbytes  # large arrays come as a buffer that has no len()


def _refusal(value: Any) -> str | None:
    """Return why a value cannot be handed over, None if it can."""
    dtype = getattr(value, "dtype", None) if _package(type(value)) == "numpy" else None
    if dtype is not None and not dtype.hasobject:
        return None
    try:
        _pickler().dump(value)
    except RecursionError:
        return "it nests too deep for pickle"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None


def _is_in_main(kind: Any) -> bool:
    if not isinstance(kind, type) or kind.__module__ != "__main__":
        return False
    return getattr(sys.modules["__main__"], kind.__name__, None) is kind


def _pickler() -> Any:
    try:
        cloudpickle = importlib.import_module("cloudpickle")
    except ImportError:
        return pickle.Pickler(_Counter(), 5)

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc, name-defined]
        def reducer_override(self, value: Any) -> Any:
            if _is_in_main(value):
                return str(value.__name__)  # the loading notebook defines it as well
            return super().reducer_override(value)

    return Pickler(_Counter(), 5)


def _states() -> dict[str, str]:
    """Return digests of what cells share behind the names."""
    found: dict[str, Any] = {}
    if "random" in sys.modules:
        found["random"] = sys.modules["random"].getstate()
    if "numpy.random" in sys.modules:
        found["numpy.random"] = sys.modules["numpy.random"].get_state(legacy=False)
    if "torch" in sys.modules and hasattr(sys.modules["torch"], "get_rng_state"):
        found["torch"] = sys.modules["torch"].get_rng_state()
    found["cwd"] = os.getcwd()  # noqa: PTH109 - the folder as it is, which may be gone
    found["environ"] = {
        name: value
        for name, value in sorted(os.environ.items())
        if not name.startswith(_PLATFORM) and name not in _PROCESS
    }
    figures = sys.modules.get("matplotlib._pylab_helpers")
    if figures is not None:
        found["figures"] = list(figures.Gcf.figs)
    states = {}
    for name, value in found.items():
        walk = _Walk(_Shared(), None)
        walk.run(value)
        states[name] = walk.value.hexdigest()
    return states
