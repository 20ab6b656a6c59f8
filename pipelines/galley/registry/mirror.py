"""A Git repository per tenant, for people to read: a mirror, never the truth.

Each approved state of a pipeline is one commit on ``main`` with the project's files below
``PIPELINE/``, and an annotated tag ``PIPELINE/vN``. The truth is rows and blobs; the mirror can
be thrown away and rebuilt from them, and the same versions in the same order give the same
commits. Plain ``git clone`` reads it. No git binary is needed to write it.
"""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

from galley.domain.model import Instant, Model
from galley.errors import Conflict

MAIN = Ref(b"refs/heads/main")
COMMITTER = b"Galley <galley@localhost>"
_FILE = 0o100644
_FOLDER = 0o040000


class MirrorEntry(Model):
    """One version as it stands in the mirror.

    Attributes:
        files: path within the project → content.
        author: user name of the notebook's author.
        at: when the version was approved; part of the commit.
    """

    pipeline: str
    number: int
    files: dict[str, bytes]
    author: str
    at: Instant
    message: str = ""

    @property
    def tag(self) -> str:
        """Name of the version's tag."""
        return f"{self.pipeline}/v{self.number}"


class Mirror:
    """The bare repository of one tenant; safe for concurrent threads and processes."""

    def __init__(self, path: Path, tenant: str) -> None:
        self.path = path
        self.tenant = tenant

    def write(self, entry: MirrorEntry) -> str:
        """Commit and tag a version; return the commit's id. Writing it again changes nothing.

        Raises:
            Conflict: the version is there already with other files.
        """
        with self._locked(), self._repository() as repository:
            return self._write(repository, entry)

    def rebuild(self, entries: Iterable[MirrorEntry]) -> int:
        """Make the repository anew from ``entries``, oldest first; return their number.

        Readers see the old repository until the new one is whole.
        """
        fresh = self.path.with_name(f".{self.path.name}.rebuilding")
        gone = self.path.with_name(f".{self.path.name}.replaced")
        with self._locked():
            for leftover in (fresh, gone):
                shutil.rmtree(leftover, ignore_errors=True)
            rebuilt, count = Mirror(fresh, self.tenant), 0
            with rebuilt._repository() as repository:
                for entry in entries:
                    rebuilt._write(repository, entry)
                    count += 1
            if self.path.exists():
                self.path.rename(gone)
            fresh.rename(self.path)
            shutil.rmtree(gone, ignore_errors=True)
        return count

    def tags(self) -> dict[str, str]:
        """Return tag → id of its commit."""
        if not self.path.exists():
            return {}
        with self._repository() as repository:
            names = repository.refs.as_dict(Ref(b"refs/tags"))
            return {
                name.decode(): _commit_of(repository, sha).id.decode()
                for name, sha in sorted(names.items())
            }

    def _write(self, repository: Repo, entry: MirrorEntry) -> str:
        objects: list[ShaFile] = []
        project = _tree(entry.files, objects)
        tag_ref = Ref(f"refs/tags/{entry.tag}".encode())
        if tag_ref in repository.refs:
            return self._written(repository, tag_ref, entry, project)
        head = _head(repository)
        root = Tree()
        if head is not None:
            for item in _tree_of(repository, _commit_of(repository, head)).items():
                assert item.path is not None
                assert item.mode is not None
                assert item.sha is not None
                root.add(item.path, item.mode, item.sha)
        root.add(entry.pipeline.encode(), _FOLDER, project.id)
        commit = self._commit(entry, root, head)
        tag = self._tag(entry, commit)
        for one in [*objects, project, root, commit, tag]:
            repository.object_store.add_object(one)
        # The tag first: where the process dies in between, `_written` moves main along.
        repository.refs.add_if_new(tag_ref, tag.id)
        self._advance(repository, head, commit.id)
        return commit.id.decode()

    def _written(self, repository: Repo, tag_ref: Ref, entry: MirrorEntry, project: Tree) -> str:
        commit = _commit_of(repository, repository.refs[tag_ref])
        _, there = _tree_of(repository, commit)[entry.pipeline.encode()]
        if there != project.id:
            raise Conflict(
                f"the mirror of {self.tenant!r} holds {entry.tag} with other files; rebuild it "
                "from the registry"
            )
        head = _head(repository)
        if commit.parents == ([head] if head is not None else []):
            self._advance(repository, head, commit.id)
        return commit.id.decode()

    def _advance(self, repository: Repo, head: ObjectID | None, commit: ObjectID) -> None:
        moved = (
            repository.refs.add_if_new(MAIN, commit)
            if head is None
            else repository.refs.set_if_equals(MAIN, head, commit)
        )
        if not moved:
            raise Conflict(f"somebody else moved main of the mirror of {self.tenant!r}")

    def _commit(self, entry: MirrorEntry, root: Tree, head: ObjectID | None) -> Commit:
        commit = Commit()
        commit.tree = root.id
        commit.parents = [head] if head is not None else []
        author = re.sub(r"[<>\s]", "-", entry.author)
        commit.author = f"{author} <{author}@{self.tenant}>".encode()
        commit.committer = COMMITTER
        commit.author_time = commit.commit_time = _seconds(entry.at)
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        paragraphs = [f"{entry.pipeline} v{entry.number}", entry.message.strip()]
        commit.message = ("\n\n".join(filter(None, paragraphs)) + "\n").encode()
        return commit

    def _tag(self, entry: MirrorEntry, commit: Commit) -> Tag:
        tag = Tag()
        tag.name = entry.tag.encode()
        tag.object = (Commit, commit.id)
        tag.tagger = COMMITTER
        tag.tag_time = _seconds(entry.at)
        tag.tag_timezone = 0
        tag.message = f"{entry.pipeline} v{entry.number} by {entry.author}\n".encode()
        return tag

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _repository(self) -> Iterator[Repo]:
        if not self.path.exists():
            fresh = self.path.with_name(f".{self.path.name}.creating")
            shutil.rmtree(fresh, ignore_errors=True)
            Repo.init_bare(str(fresh), mkdir=True, default_branch=b"main").close()
            fresh.rename(self.path)
        repository = Repo(str(self.path))
        try:
            yield repository
        finally:
            repository.close()


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _head(repository: Repo) -> ObjectID | None:
    return repository.refs[MAIN] if MAIN in set(repository.refs) else None


def _commit_of(repository: Repo, sha: ObjectID) -> Commit:
    found = repository[sha]
    while isinstance(found, Tag):
        found = repository[found.object[1]]
    assert isinstance(found, Commit)
    return found


def _tree_of(repository: Repo, commit: Commit) -> Tree:
    tree = repository[commit.tree]
    assert isinstance(tree, Tree)
    return tree


def _tree(files: Mapping[str, bytes], objects: list[ShaFile]) -> Tree:
    """Return the tree of ``files``; what it is made of is added to ``objects``."""
    tree = Tree()
    folders: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        first, _, rest = path.partition("/")
        if rest:
            folders.setdefault(first, {})[rest] = content
        else:
            blob = Blob.from_string(content)
            objects.append(blob)
            tree.add(first.encode(), _FILE, blob.id)
    for name, inside in folders.items():
        folder = _tree(inside, objects)
        objects.append(folder)
        tree.add(name.encode(), _FOLDER, folder.id)
    return tree
