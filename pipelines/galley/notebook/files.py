"""Which calls read or write files, and under which path where it is a literal."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Mapping

from galley.notebook.facts import Effect, Known
from galley.notebook.reach import dotted
from galley.notebook.vocabulary import looked_up

_WHERE_NAMED = -3
"""Instead of a position: there is a file where one is named."""

_READERS: Mapping[str, int] = {
    "numpy.load": 0,
    "numpy.loadtxt": 0,
    "numpy.genfromtxt": 0,
    "numpy.fromfile": 0,
    "joblib.load": 0,
    "pyarrow.parquet.read_table": 0,
    "pyarrow.parquet.ParquetFile": 0,
    "pyarrow.feather.read_feather": 0,
    "pyarrow.feather.read_table": 0,
    "pyarrow.csv.read_csv": 0,
    "pyarrow.json.read_json": 0,
    "pyarrow.orc.read_table": 0,
    "pyarrow.dataset.dataset": 0,
    "pandas.ExcelFile": 0,
    "openpyxl.load_workbook": 0,
    "matplotlib.pyplot.imread": 0,
    "matplotlib.image.imread": 0,
    "skimage.io.imread": 0,
    "imageio.imread": 0,
    "PIL.Image.open": 0,
    "cv2.imread": 0,
    "torch.load": 0,
    "keras.models.load_model": 0,
    "tensorflow.keras.models.load_model": 0,
    "geopandas.read_file": 0,
    "xarray.open_dataset": 0,
    "scipy.io.loadmat": 0,
    "librosa.load": 0,
    "os.listdir": 0,
    "os.scandir": 0,
    "os.walk": 0,
    "os.stat": 0,
    "os.path.exists": 0,
    "os.path.isfile": 0,
    "os.path.isdir": 0,
    "os.path.getsize": 0,
    "os.path.getmtime": 0,
    "glob.glob": -1,
    "glob.iglob": -1,
    "mlflow.log_artifact": 0,
    "mlflow.log_artifacts": 0,
    "sqlite3.connect": 0,
}
_WRITERS: Mapping[str, int] = {
    "numpy.save": 0,
    "numpy.savez": 0,
    "numpy.savez_compressed": 0,
    "numpy.savetxt": 0,
    "joblib.dump": 1,
    "pyarrow.parquet.write_table": 1,
    "pyarrow.feather.write_feather": 1,
    "pyarrow.csv.write_csv": 1,
    "pyarrow.orc.write_table": 1,
    "pyarrow.parquet.write_to_dataset": 1,
    "pyarrow.parquet.ParquetWriter": 0,
    "pyarrow.dataset.write_dataset": 1,
    "pandas.ExcelWriter": 0,
    "logging.basicConfig": _WHERE_NAMED,
    "logging.FileHandler": 0,
    "matplotlib.pyplot.savefig": 0,
    "matplotlib.pyplot.imsave": 0,
    "matplotlib.image.imsave": 0,
    "skimage.io.imsave": 0,
    "imageio.imwrite": 0,
    "cv2.imwrite": 0,
    "torch.save": 1,
    "scipy.io.savemat": 0,
    "os.remove": 0,
    "os.unlink": 0,
    "os.rmdir": 0,
    "os.removedirs": 0,
    "os.mkdir": 0,
    "os.makedirs": 0,
    "os.rename": -1,
    "os.replace": -1,
    "shutil.*": -1,
    "urllib.request.urlretrieve": 1,
    "wget.download": -1,
    "gdown.download": -1,
    "sqlite3.connect": 0,
    "os.system": -1,
    "subprocess.*": -1,
    "requests.*": -2,
}
_OPENERS: Mapping[str, tuple[int, str]] = {
    "io.open": (1, "r"),
    "gzip.open": (1, "r"),
    "bz2.open": (1, "r"),
    "lzma.open": (1, "r"),
    "codecs.open": (1, "r"),
    "tarfile.open": (1, "r"),
    "zipfile.ZipFile": (1, "r"),
    "h5py.File": (1, "r"),
    "pandas.HDFStore": (1, "a"),
    "shelve.open": (1, "c"),
    "dbm.open": (1, "r"),
    "numpy.memmap": (2, "r+"),
    "zarr.open": (1, "a"),
}
"""What opens a file → where its mode is given, and the mode where none is."""

_METHOD_WRITERS = frozenset(
    {"to_csv", "to_parquet", "to_json", "to_excel", "to_pickle", "to_html", "to_feather"}
    | {"to_hdf", "to_file", "to_netcdf", "to_zarr", "to_latex", "to_markdown", "savefig", "tofile"}
    | {"to_stata", "to_xml", "to_orc", "write_ipc", "write_ndjson", "write_avro", "write_excel"}
    | {"write_csv", "write_parquet", "write_html", "write_image", "save_model", "dump", "save"}
    | {"write_delta", "write_database", "sink_csv", "sink_parquet", "sink_ipc", "sink_ndjson"}
    | {"save_weights", "write_json", "export", "export_model", "extractall", "extract"}
)
_METHOD_READERS = frozenset({"load_model", "load_weights"})
_RETURN_TEXT = frozenset({"to_csv", "to_json", "to_html", "to_latex", "to_markdown", "to_xml"})
"""Writers that return text instead where they are given no path."""
_PATH_WRITERS = frozenset(
    {"write_text", "write_bytes", "mkdir", "unlink", "touch", "rmdir", "rename", "replace"}
)
_PATH_READERS = frozenset(
    {"read_text", "read_bytes", "exists", "is_file", "is_dir", "iterdir", "glob", "rglob", "stat"}
)
_READING_MODULES = (
    *("pandas.read_", "polars.read_", "polars.scan_", "geopandas.read_", "dask.dataframe.read_"),
)
_WRITING_MODES = frozenset("wax+cn")
_SQLITE = "sqlite:///"
_NAMED = frozenset({"file", "filename", "fname", "buf", "io", "where", "base_dir", "source"})
"""Names of arguments that are a path, beside those in which the word is."""


def file_effects(node: ast.Call, known: Known) -> list[Effect]:
    """Return the files that a call reads or writes; a path is None where it is no literal."""
    line = node.lineno
    match node.func:
        case ast.Name(id="open") if "open" not in known.imports:
            return _opened(node, 0, known)
    path = dotted(node.func, known.imports)
    if path is not None:
        if path in _OPENERS:
            at, default = _OPENERS[path]
            return _opened(node, 0, known, at, default)
        if path == "sqlalchemy.create_engine":
            return _in_sqlite("write", node, 0, known)
        if path.startswith(_READING_MODULES):
            if path.endswith(("read_sql", "read_sql_query", "read_sql_table")):
                return _in_sqlite("read", node, 1, known)
            if path.endswith(("read_clipboard", "read_html")):
                return []
            return _effect("read", _argument(node, 0), known, line)
        found = []
        for kind, table in (("read", _READERS), ("write", _WRITERS)):
            position = looked_up(path, table)
            if position == _WHERE_NAMED and _argument(node, position) is None:
                continue
            if position is not None and position != -2:
                found += _effect(kind, _argument(node, position), known, line)
        return found
    if isinstance(node.func, ast.Attribute):
        return _method(node, node.func, known)
    return []


def _method(node: ast.Call, function: ast.Attribute, known: Known) -> list[Effect]:
    name, line = function.attr, node.lineno
    if name == "to_sql":
        return _in_sqlite("write", node, 1, known)
    if name in _METHOD_READERS:
        return _effect("read", _argument(node, 0), known, line)
    if name in _METHOD_WRITERS:
        target = _argument(node, 0)
        if target is None and name in _RETURN_TEXT:
            return []
        return _effect("write", target, known, line)
    receiver = literal_path(function.value, known)
    if name == "open" and receiver is not None:
        return [Effect(one.kind, receiver, line) for one in _opened(node, -1, known)]
    if name in _PATH_WRITERS and (receiver is not None or name not in {"replace", "rename"}):
        return [Effect("write", receiver, line)]
    if name in _PATH_READERS:
        return [Effect("read", receiver, line)]
    return []


def _argument(node: ast.Call, position: int) -> ast.expr | None:
    if 0 <= position < len(node.args):
        return node.args[position]
    for one in node.keywords:
        if one.arg is not None and ("path" in one.arg or one.arg in _NAMED):
            return one.value
    return None


def _effect(kind: str, target: ast.expr | None, known: Known, line: int) -> list[Effect]:
    path = None if target is None else literal_path(target, known)
    if path is not None and "://" in path:
        return []
    return [Effect(kind, path, line)]


def _in_sqlite(kind: str, node: ast.Call, position: int, known: Known) -> list[Effect]:
    """Return that a call uses an SQLite database, where it names one; others are no files."""
    named = [one.value for one in node.keywords if one.arg in {"con", "connection", "uri", "url"}]
    for target in [*node.args[position : position + 1], *named]:
        path = literal_path(target, known)
        if path is not None and path.startswith(_SQLITE):
            return [Effect(kind, posixpath.normpath(path[len(_SQLITE) :]), node.lineno)]
    return []


def _opened(
    node: ast.Call, position: int, known: Known, mode_at: int | None = None, default: str = "r"
) -> list[Effect]:
    modes = [one.value for one in node.keywords if one.arg in {"mode", "flag"}]
    at = position + 1 if mode_at is None else mode_at
    modes += node.args[at : at + 1]
    mode = modes[0] if modes else ast.Constant(default)
    target = _argument(node, position)
    path = None if target is None else literal_path(target, known)
    text = mode.value if isinstance(mode, ast.Constant) else "w"
    writes = not isinstance(text, str) or bool(_WRITING_MODES & set(text.partition(":")[0]))
    return [Effect("write" if writes else "read", path, node.lineno)]


def literal_path(node: ast.expr, known: Known) -> str | None:
    """Return the path that an expression gives if only literals make it; normalised."""
    text = _text(node, known, 0)
    if text is None:
        return None
    return text if "://" in text else posixpath.normpath(text)


def _text(node: ast.expr, known: Known, depth: int) -> str | None:
    if depth > 20:
        return None
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return known.texts.get(name)
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            one, other = _text(left, known, depth + 1), _text(right, known, depth + 1)
            return None if one is None or other is None else posixpath.join(one, other)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            one, other = _text(left, known, depth + 1), _text(right, known, depth + 1)
            return None if one is None or other is None else one + other
        case ast.Call(func=function, args=args) if args:
            path = dotted(function, known.imports)
            if path in {"pathlib.Path", "pathlib.PurePath", "os.path.join", "os.path.abspath"}:
                parts = [_text(one, known, depth + 1) for one in args]
                if all(part is not None for part in parts):
                    return posixpath.join(*[part for part in parts if part is not None])
    return None


def clash(one: Effect, other: Effect) -> bool:
    """Whether two effects must keep their order: one writes what the other reads or writes."""
    if "write" not in (one.kind, other.kind):
        return False
    if one.path is None or other.path is None:
        return True
    return (
        one.path == other.path
        or one.path in {".", ""}
        or other.path in {".", ""}
        or one.path.startswith(f"{other.path}/")
        or other.path.startswith(f"{one.path}/")
    )
