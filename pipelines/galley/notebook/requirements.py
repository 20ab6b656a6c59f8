"""Requirement lines: what the author of a notebook states, and what its imports come to.

A notebook states its requirements in its metadata, ``{"galley": {"requirements": [...]}}``. What
it states wins over what its imports are installed as where it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from galley.domain.versions import Analysis, Check, Severity
from galley.errors import InvalidInput

MAX_STATED = 500

DISTRIBUTIONS = {
    "Bio": "biopython",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "GitPython",
    "googleapiclient": "google-api-python-client",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "osgeo": "GDAL",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "usb": "pyusb",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
"""Well-known modules that are not called as their distribution is."""


def distribution_of(module: str) -> str:
    """Return the distribution that most likely has a module: a well-known one, or its namesake."""
    top = module.partition(".")[0]
    return DISTRIBUTIONS.get(top, top)


def stated_requirements(notebook: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the requirement lines in a notebook's metadata, in their normal form.

    Raises:
        InvalidInput: they are not a list of texts, or one is not a requirement.
    """
    metadata = notebook.get("metadata")
    galley = metadata.get("galley") if isinstance(metadata, Mapping) else None
    stated = galley.get("requirements", []) if isinstance(galley, Mapping) else []
    if not isinstance(stated, list) or not all(isinstance(one, str) for one in stated):
        raise InvalidInput(
            "the notebook's metadata `galley.requirements` is a list of texts, such as "
            '["humanize==4.9.0"]',
            field="notebook.metadata.galley.requirements",
        )
    return tuple(str(one) for one in read_requirements("\n".join(stated)))


def stated_or_none(notebook: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what :func:`stated_requirements` does, and nothing where that is not acceptable."""
    try:
        return stated_requirements(notebook)
    except InvalidInput:
        return ()


def requirement_checks(notebook: Mapping[str, Any]) -> Iterator[Check]:
    """Yield the error in what the notebook states, if there is one."""
    try:
        stated_requirements(notebook)
    except InvalidInput as error:
        yield Check(
            code="requirements",
            severity=Severity.ERROR,
            message=f"the notebook's requirements: {error.detail}",
        )


class Stated:
    """What the stated requirements say of a module that is not installed.

    Args:
        lines: the requirement lines.
        installed: names of the installed distributions: their modules are known.
    """

    def __init__(self, lines: Iterable[str], installed: Iterable[str] = ()) -> None:
        names = {canonicalize_name(one.name) for one in read_requirements("\n".join(lines))}
        self._names = names
        self._unknown = names - {canonicalize_name(name) for name in installed}

    def brings(self, module: str) -> bool:
        """Whether a stated distribution is the one that has the module, by its name."""
        return canonicalize_name(distribution_of(module)) in self._names

    def may_bring(self) -> bool:
        """Whether a stated distribution is not installed here, so that its modules are unknown."""
        return bool(self._unknown)


def read_requirements(text: str) -> tuple[Requirement, ...]:
    """Return the requirements of a requirements file: names, extras, versions and markers only.

    Raises:
        InvalidInput: a line is an option, an address or a path, or is not a requirement.
    """
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if len(lines) > MAX_STATED:
        raise InvalidInput(
            f"{len(lines)} requirements are stated; at most {MAX_STATED} are read",
            field="requirements",
        )
    return tuple(_requirement(line) for line in lines)


def _requirement(line: str) -> Requirement:
    try:
        found = Requirement(line)
    except InvalidRequirement as error:
        raise InvalidInput(
            f"{line[:120]!r} is not a requirement such as 'humanize==4.9.0' or 'pandas>=2,<3'; "
            "options, paths and addresses are not read",
            field="requirements",
        ) from error
    if found.url is not None:
        raise InvalidInput(
            f"{found.name!r} is to be fetched from an address; only the platform's package index "
            "is asked: give a version instead",
            field="requirements",
        )
    return found


def wanted_requirements(analysis: Analysis) -> tuple[str, ...]:
    """Return the requirement lines of a version: stated ones, then imports that none of them names.

    Raises:
        InvalidInput: a stated one is not a requirement.
    """
    parsed = read_requirements("\n".join(analysis.stated))
    named = {canonicalize_name(one.name) for one in parsed}
    imported = [
        f"{one.name}=={one.version}"
        for one in analysis.requirements
        if canonicalize_name(one.name) not in named
    ]
    return (*(str(one) for one in parsed), *imported)


def wanted_text(analysis: Analysis) -> str:
    """Return the ``requirements.lock`` of a project before its rehearsal locks it.

    Raises:
        InvalidInput: as :func:`wanted_requirements`.
    """
    head = "# What the notebook and its modules need, as stated or as it is installed.\n"
    return head + "".join(f"{line}\n" for line in wanted_requirements(analysis))
