"""What reading code takes for granted about well-known functions, methods and magics.

Functions are named by their dotted path after imports (``matplotlib.pyplot.subplots``); a path
that ends with ``.*`` stands for all functions of a module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

MUTATING_METHODS = frozenset(
    {"append", "extend", "insert", "remove", "pop", "popitem", "clear", "sort", "reverse"}
    | {"update", "setdefault", "add", "discard", "appendleft", "popleft", "extendleft", "rotate"}
    | {"intersection_update", "difference_update", "symmetric_difference_update", "push"}
    | {"fit", "fit_transform", "fit_predict", "fit_resample", "fit_generator", "partial_fit"}
    | {"train_on_batch", "compile", "load_state_dict", "load_weights", "set_params", "set_weights"}
    | {"backward", "step", "zero_grad", "requires_grad_", "put", "put_nowait", "partition_"}
    | {"fill", "resize", "itemset", "setflags", "setfield", "byteswap_", "write", "writelines"}
    | {"add_node", "add_nodes_from", "add_edge", "add_edges_from", "add_weighted_edges_from"}
    | {"remove_node", "remove_edge", "remove_nodes_from", "remove_edges_from", "subtract"}
    | {"most_common_", "move_to_end", "feed", "register", "add_module", "freeze", "unfreeze"}
    | {"search_", "optimize", "learn", "seed", "shuffle", "set_index_", "__setitem__", "next"}
    | {"random", "normal", "uniform", "integers", "standard_normal", "choice", "permutation"}
    | {"randint", "rand", "randn", "gauss", "poisson", "binomial", "exponential", "multinomial"}
)
"""Methods that change their object wherever they are called on a variable."""

DEEP_METHODS = frozenset(
    {"fit", "fit_transform", "fit_predict", "partial_fit", "fit_resample", "fit_generator"}
    | {"step", "zero_grad", "backward", "train_on_batch", "load_state_dict", "learn", "optimize"}
)
"""Mutating methods that also change what their object holds."""

CLONING = (
    *("SearchCV", "VotingClassifier", "VotingRegressor", "StackingClassifier", "StackingRegressor"),
    *("BaggingClassifier", "BaggingRegressor", "AdaBoostClassifier", "AdaBoostRegressor"),
    *("OneVsRestClassifier", "OneVsOneClassifier", "OutputCodeClassifier", "ColumnTransformer"),
    *("MultiOutputClassifier", "MultiOutputRegressor", "ClassifierChain", "RegressorChain"),
    *("CalibratedClassifierCV", "RFE", "RFECV", "SequentialFeatureSelector", "RANSACRegressor"),
    "TransformedTargetRegressor",
)
"""Ends of the names of scikit-learn's classes that fit clones of the estimators they are given."""

PURE_METHODS = frozenset(
    {"head", "tail", "info", "describe", "plot", "summary", "show", "hist", "boxplot", "print"}
    | {"to_csv", "to_parquet", "to_json", "to_excel", "to_pickle", "to_html", "to_sql", "save"}
    | {"to_feather", "to_hdf", "to_file", "savefig", "value_counts", "groupby", "mean", "sum"}
    | {"score", "predict", "predict_proba", "transform", "count", "index", "items", "keys"}
    | {"values", "get", "copy", "join", "format", "split", "evaluate", "save_model", "scatter"}
    | {"display", "corr", "isnull", "isna", "nunique", "unique", "sample", "dtypes", "dump"}
    | {"tofile", "savetxt", "write_html", "write_image", "write_text", "write_bytes", "exists"}
    | {"mkdir", "unlink", "touch", "rename", "iterdir", "glob", "rglob", "is_file", "is_dir"}
    | {"drop", "dropna", "fillna", "replace", "reset_index", "set_index", "sort_values"}
    | {"sort_index", "rename_axis", "drop_duplicates", "query", "eval", "astype", "apply", "map"}
    | {"merge", "pivot", "melt", "interpolate", "clip", "where", "mask", "ffill", "bfill"}
    | {"bar", "line", "area", "pie", "kde", "box", "agg", "aggregate", "nlargest", "nsmallest"}
    | {"min", "max", "std", "var", "median", "quantile", "round", "rolling", "resample"}
    | {"to_string", "to_dict", "to_markdown", "to_latex", "to_numpy", "tolist", "item", "any"}
    | {"all", "strip", "upper", "lower", "startswith", "endswith", "encode", "decode", "read"}
)
"""Methods that leave their object as it is (``inplace=True`` apart)."""

ALIAS_METHODS = frozenset(
    {"view", "reshape", "ravel", "squeeze", "swapaxes", "transpose", "fit", "set_params"}
    | {"setdefault", "get", "values", "items", "parameters", "named_parameters", "children"}
    | {"modules", "named_modules", "get_layer", "numpy", "to_numpy", "detach", "cpu", "cuda"}
    | {"to", "eval", "train", "named_children", "state_dict", "getdata", "get_booster"}
)
"""Methods whose result shares memory with, or is part of, their object."""

HOLDING_METHODS = frozenset(
    {"append", "add", "insert", "extend", "update", "appendleft", "push", "put", "setdefault"}
    | {"add_module", "register", "add_node", "extendleft"}
)
"""Methods whose object holds what they are given."""

CONSUMING_METHODS = frozenset(
    {"apply", "map", "applymap", "transform", "agg", "aggregate", "pipe", "sort", "filter"}
)
"""Methods that call a function they are given and let go of it."""

MUTATED_ARGUMENTS = {
    "random.shuffle": 0,
    "numpy.random.shuffle": 0,
    "heapq.*": 0,
    "bisect.insort": 0,
    "bisect.insort_left": 0,
    "bisect.insort_right": 0,
    "numpy.fill_diagonal": 0,
    "numpy.put": 0,
    "numpy.put_along_axis": 0,
    "numpy.place": 0,
    "numpy.putmask": 0,
    "numpy.copyto": 0,
    "torch.nn.init.*": 0,
    "torch.nn.utils.*": 0,
    "operator.setitem": 0,
    "operator.delitem": 0,
    "operator.iadd": 0,
    "setattr": 0,
    "delattr": 0,
    "next": 0,
    "tensorflow.keras.utils.set_random_seed": -1,
}
"""Functions that change an argument → its position."""

STUCK_CALLS = {
    "open": ("open-file", "an open file"),
    "io.open": ("open-file", "an open file"),
    "gzip.open": ("open-file", "an open file"),
    "bz2.open": ("open-file", "an open file"),
    "lzma.open": ("open-file", "an open file"),
    "codecs.open": ("open-file", "an open file"),
    "zipfile.ZipFile": ("open-file", "an open archive"),
    "tarfile.open": ("open-file", "an open archive"),
    "h5py.File": ("open-file", "an open file"),
    "netCDF4.Dataset": ("open-file", "an open file"),
    "pandas.ExcelWriter": ("open-file", "an open file"),
    "pandas.ExcelFile": ("open-file", "an open file"),
    "pandas.HDFStore": ("open-file", "an open file"),
    "tempfile.*": ("open-file", "a temporary file"),
    "sqlite3.connect": ("connection", "a connection"),
    "duckdb.connect": ("connection", "a connection"),
    "psycopg2.connect": ("connection", "a connection"),
    "psycopg.connect": ("connection", "a connection"),
    "pymysql.connect": ("connection", "a connection"),
    "pyodbc.connect": ("connection", "a connection"),
    "mysql.connector.connect": ("connection", "a connection"),
    "sqlalchemy.create_engine": ("connection", "a database engine"),
    "sqlalchemy.orm.sessionmaker": ("connection", "a database session"),
    "sqlalchemy.orm.Session": ("connection", "a database session"),
    "pymongo.MongoClient": ("connection", "a connection"),
    "redis.Redis": ("connection", "a connection"),
    "boto3.*": ("connection", "a connection"),
    "requests.Session": ("connection", "a session"),
    "requests.session": ("connection", "a session"),
    "httpx.Client": ("connection", "a session"),
    "httpx.AsyncClient": ("connection", "a session"),
    "aiohttp.ClientSession": ("connection", "a session"),
    "urllib.request.urlopen": ("connection", "a connection"),
    "urllib.request.*": ("", ""),
    "socket.socket": ("connection", "a socket"),
    "socket.create_connection": ("connection", "a socket"),
    "threading.*": ("not-transferable", "a thread or a lock"),
    "multiprocessing.*": ("not-transferable", "a process, a pool or a lock"),
    "concurrent.futures.*": ("not-transferable", "an executor"),
    "asyncio.*": ("", ""),
    "subprocess.Popen": ("not-transferable", "a running process"),
    "distributed.Client": ("connection", "a Dask client"),
    "distributed.LocalCluster": ("connection", "a Dask cluster"),
    "dask.distributed.Client": ("connection", "a Dask client"),
    "dask.distributed.LocalCluster": ("connection", "a Dask cluster"),
    "pyspark.SparkContext": ("connection", "a Spark context"),
    "pyspark.sql.SparkSession": ("connection", "a Spark session"),
    "matplotlib.pyplot.figure": ("figure", "a figure"),
    "matplotlib.pyplot.subplots": ("figure", "a figure with its axes"),
    "matplotlib.pyplot.subplot_mosaic": ("figure", "a figure with its axes"),
    "matplotlib.pyplot.gcf": ("figure", "a figure"),
    "matplotlib.pyplot.gca": ("figure", "axes of a figure"),
    "matplotlib.pyplot.axes": ("figure", "axes of a figure"),
    "matplotlib.pyplot.subplot": ("figure", "axes of a figure"),
    "matplotlib.pyplot.*": ("", ""),
    "tqdm.*": ("not-transferable", "a progress bar"),
    "ipywidgets.*": ("not-transferable", "a widget"),
    "mlflow.start_run": ("connection", "an MLflow run"),
    "csv.reader": ("generator", "an iterator"),
    "csv.DictReader": ("generator", "an iterator"),
    "csv.writer": ("open-file", "a writer of an open file"),
    "csv.DictWriter": ("open-file", "a writer of an open file"),
    "os.scandir": ("generator", "an iterator"),
    "os.walk": ("generator", "an iterator"),
    "os.popen": ("not-transferable", "a running process"),
    "iter": ("generator", "an iterator"),
    "zip": ("generator", "an iterator"),
    "map": ("generator", "an iterator"),
    "filter": ("generator", "an iterator"),
    "enumerate": ("generator", "an iterator"),
    "reversed": ("generator", "an iterator"),
    "itertools.*": ("generator", "an iterator"),
    "importlib.import_module": ("not-transferable", "a module"),
    "__import__": ("not-transferable", "a module"),
    "memoryview": ("not-transferable", "a view of memory"),
}
"""Calls whose value cannot be handed to another process → code of the merge, what it is.

An empty code takes the members of a family out again."""

ITERATING = frozenset({"enumerate", "filter", "iter", "reversed", "zip"})
"""Functions whose value is an iterator over what their arguments consist of."""

STUCK_METHODS = {
    "cursor": ("connection", "a cursor"),
    "add_subplot": ("figure", "axes of a figure"),
    "add_axes": ("figure", "axes of a figure"),
    "twinx": ("figure", "axes of a figure"),
    "twiny": ("figure", "axes of a figure"),
    "add_gridspec": ("figure", "a grid of a figure"),
    "iterrows": ("generator", "an iterator"),
    "itertuples": ("generator", "an iterator"),
    "getOrCreate": ("connection", "a Spark session"),
    "connect": ("connection", "a connection"),
    "plot": ("figure", "axes of a figure"),
}
"""Methods whose value cannot be handed to another process."""

TAKING_METHODS = frozenset(
    {"read", "read1", "readline", "readlines", "getvalue", "tell", "seek", "write", "writelines"}
    | {
        "fetchall",
        "fetchone",
        "fetchmany",
        "fetchdf",
        "fetch_df",
        "fetchnumpy",
        "df",
        "arrow",
        "pl",
    }
    | {"pl", "scalar", "scalar_one", "communicate", "wait", "poll", "json", "getcode"}
    | {"namelist", "infolist", "getnames", "close", "toPandas", "to_pandas", "collect", "count"}
)
"""Methods of files, connections and processes whose value is what was taken from them."""

SETTINGS = (
    "pandas.set_option",
    "pandas.reset_option",
    "pandas.options.*",
    "pandas.plotting.register_matplotlib_converters",
    "matplotlib.use",
    "matplotlib.rc",
    "matplotlib.rcParams.*",
    "matplotlib.style.use",
    "matplotlib.rcdefaults",
    "matplotlib.pyplot.rc",
    "matplotlib.pyplot.rcParams.*",
    "matplotlib.pyplot.rcdefaults",
    "matplotlib.pyplot.style.use",
    "matplotlib.pyplot.switch_backend",
    "matplotlib.pyplot.ion",
    "matplotlib.pyplot.ioff",
    "matplotlib.pyplot.set_cmap",
    "matplotlib.pylab.rc",
    "matplotlib.pylab.rcParams.*",
    "pylab.rc",
    "pylab.rcParams.*",
    "pylab.rcdefaults",
    "seaborn.mpl.rc",
    "seaborn.mpl.rcParams.*",
    "seaborn.mpl.style.use",
    "matplotlib_inline.backend_inline.set_matplotlib_formats",
    "IPython.display.set_matplotlib_formats",
    "seaborn.set",
    "seaborn.set_theme",
    "seaborn.set_style",
    "seaborn.set_context",
    "seaborn.set_palette",
    "seaborn.set_color_codes",
    "seaborn.despine_",
    "seaborn.reset_orig",
    "seaborn.reset_defaults",
    "warnings.filterwarnings",
    "warnings.simplefilter",
    "warnings.resetwarnings",
    "numpy.set_printoptions",
    "numpy.seterr",
    "numpy.warnings.filterwarnings",
    "torch.set_printoptions",
    "torch.set_default_dtype",
    "torch.set_default_device",
    "torch.set_num_threads",
    "torch.backends.*",
    "logging.basicConfig",
    "logging.disable",
    "logging.captureWarnings",
    "sys.path.append",
    "sys.path.insert",
    "sys.path.extend",
    "sys.setrecursionlimit",
    "site.addsitedir",
    "locale.setlocale",
    "decimal.getcontext.*",
    "mlflow.autolog",
    "mlflow.set_experiment",
    "mlflow.set_tracking_uri",
    "mlflow.sklearn.autolog",
    "tqdm.tqdm.pandas",
    "tqdm.auto.tqdm.pandas",
    "tqdm.notebook.tqdm.pandas",
    "sklearn.set_config",
    "plotly.offline.init_notebook_mode",
    "plotly.io.templates.*",
    "plotly.io.renderers.*",
    "cufflinks.go_offline",
    "cufflinks.set_config_file",
    "altair.renderers.enable",
    "altair.data_transformers.*",
    "alt.themes.enable",
    "hvplot.extension",
    "holoviews.extension",
    "bokeh.io.output_notebook",
    "bokeh.plotting.output_notebook",
    "sympy.init_printing",
    "xarray.set_options",
    "polars.Config.*",
    "os.environ.setdefault",
    "os.environ.update",
    "os.environ.*",
    "os.putenv",
    "dotenv.load_dotenv",
    "faulthandler.enable",
    "jupyter_black.load",
    "rpy2.robjects.pandas2ri.activate",
)
"""Calls and stores that set up the process and are repeated in every later task."""

SETTING_MAGICS = frozenset(
    {"matplotlib", "config", "load_ext", "reload_ext", "autoreload", "aimport", "precision"}
    | {"xmode", "colors", "autosave", "env", "set_env", "unload_ext", "autoawait"}
)
PYTHON_MAGICS = frozenset({"time", "prun", "timeit", "memit", "mprun", "lprun"})
"""Line magics whose argument is Python of the notebook."""

HARMLESS_MAGICS = frozenset(
    {"ls", "pwd", "who", "whos", "who_ls", "lsmagic", "pinfo", "pinfo2", "pdoc", "psource"}
    | {"pfile", "pdef", "pdb", "debug", "magic", "quickref", "tensorboard", "watermark", "load"}
    | {"alias", "alias_magic", "page", "ll", "cat", "pycat", "more", "less", "man", "env"}
    | {"html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG", "logstop", "logstart"}
)
INSTALL_MAGICS = frozenset({"pip", "conda", "mamba", "micromamba", "uv"})
SHELL_MAGICS = frozenset(
    {"bash", "sh", "script", "system", "sx", "perl", "ruby", "python", "python3", "pypy", "!"}
    | {"mkdir", "cp", "mv", "rm", "rmdir", "ln", "cmd", "lx", "lf", "ld"}
)

STUCK_SUFFIXES = ("Client", "Session", "Connection", "Engine", "Executor", "Pool", "Lock")
"""Ends of class names whose instances hold something open."""


def family(dotted: str, table: frozenset[str] | tuple[str, ...]) -> bool:
    """Whether a dotted path is in a table, by itself or by one of its families ``x.*``."""
    if dotted in table:
        return True
    while "." in dotted:
        dotted = dotted.rpartition(".")[0]
        if f"{dotted}.*" in table:
            return True
    return False


def looked_up(dotted: str, table: Mapping[str, T]) -> T | None:
    """Return what a table says of a dotted path, or of the nearest family that holds it."""
    if dotted in table:
        return table[dotted]
    while "." in dotted:
        dotted = dotted.rpartition(".")[0]
        if f"{dotted}.*" in table:
            return table[f"{dotted}.*"]
    return None


DISPLAYING = frozenset({"interact", "interact_manual", "interactive", "interactive_output"})
"""Functions of ipywidgets that call what they are given, and show it."""
