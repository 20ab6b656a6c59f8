"""Which calls seed or draw from the process's random generators."""

from __future__ import annotations

import ast
from collections.abc import Iterator

ESTIMATOR = "numpy.random:estimator"
"""An estimator without ``random_state`` is made: fitting one may draw."""
FIT = "numpy.random:fit"
"""Something is fitted: it draws where there are such estimators."""

_OWN = frozenset(
    {"default_rng", "RandomState", "Generator", "SeedSequence", "MT19937", "PCG64", "Philox"}
    | {"Random", "SystemRandom", "BitGenerator", "SFC64", "getstate", "get_state"}
)
"""Generators of their own, and looks at the state."""
_SEEDS = frozenset({"seed", "set_state", "setstate", "manual_seed", "manual_seed_all"})
_FITS = frozenset({"fit", "fit_transform", "fit_predict", "fit_resample", "partial_fit"})
_SKLEARN = frozenset(
    {"train_test_split", "cross_val_score", "cross_validate", "cross_val_predict", "shuffle"}
    | {"resample", "make_blobs", "make_classification", "make_regression", "make_moons"}
    | {"make_circles", "make_swiss_roll", "make_s_curve", "permutation_importance"}
)
_ESTIMATORS = ("Classifier", "Regressor", "KMeans", "Mixture", "PCA", "SVD", "NMF", "TSNE", "SVC")
_MORE = ("Fold", "Split", "SearchCV", "Forest", "LogisticRegression", "Perceptron", "SMOTE")


def random_states(node: ast.Call, path: str | None) -> Iterator[tuple[str, bool]]:
    """Yield (state, whether it is seeded: else it is drawn from) of a call.

    Args:
        path: dotted path of a library's function; None for methods and the notebook's own.
    """
    if path is None:
        yield from _method(node)
        return
    module, _, name = path.rpartition(".")
    if module == "random" and name not in _OWN:
        yield "random", name in _SEEDS
    elif module in {"numpy.random", "numpy.random.mtrand"} and name not in _OWN:
        yield "numpy.random", name in _SEEDS
    elif path.startswith("torch."):
        yield "torch", name in _SEEDS
    elif path.startswith(("scipy.stats.", "scipy.sparse.random")) and _lacks_state(node):
        if name in {"rvs", "random"}:
            yield "numpy.random", False
    elif path.startswith(("sklearn.", "imblearn.", "xgboost.", "lightgbm.", "umap.")):
        if name in _SKLEARN and _lacks_state(node):
            yield "numpy.random", False
            if name.startswith("cross"):
                yield FIT, False
        elif path.endswith((*_ESTIMATORS, *_MORE)) and _lacks_state(node):
            yield ESTIMATOR, False


def _method(node: ast.Call) -> Iterator[tuple[str, bool]]:
    if not isinstance(node.func, ast.Attribute):
        return
    if node.func.attr in {"sample", "rvs"} and _lacks_state(node):
        yield "numpy.random", False
    elif node.func.attr in _FITS or node.func.attr == "split":
        yield FIT, False


def _lacks_state(node: ast.Call) -> bool:
    return not any(one.arg in {"random_state", "seed", "rng", None} for one in node.keywords)
