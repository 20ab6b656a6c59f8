"""Proving a split: the notebook runs split, and everything is compared with its unsplit run.

The first unsplit run is the caller's: in a rehearsal it is the official run. What differs from it
may be the split's fault or not deterministic by itself: only then the notebook runs unsplit once
more, which tells. Knowing that excuses differences and never adds one, so a split that equals the
first run in everything is equal without it. Where the split is to blame, the offending boundary is
taken away and it is tried once more; then one task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from galley.domain.proof import Difference, Proof, ProofState, Try
from galley.domain.split import Observed, SplitLayout, SplitPlan
from galley.domain.versions import Analysis
from galley.errors import InvalidInput
from galley.notebook.dataflow import cell_names
from galley.notebook.parameter_cell import RESERVED
from galley.notebook.source import Cell, read_cells
from galley.notebook.split import plan_split
from galley.project.build import build_project
from galley.proof.compare import Ground, compare_plain, compare_split, counts
from galley.proof.leftovers import Leftovers
from galley.proof.mending import mend
from galley.proof.place import Place
from galley.proof.runs import Kept, PlainFailed, ProofStopped, run_plain, run_split
from galley.proof.seen import PlainRun, SplitRun
from galley.proof.stage import Stage
from galley.proof.variables import incomparable
from galley.run.dag import BrokenProject

PLAIN_RUNS = 4
"""What a whole proof may cost at most, in unsplit runs; the first one included."""

USUAL = 2
"""What it costs beside the first one where nothing differs: the split run, and some for starting
its tasks."""

SMALL_S = 15.0
"""A proof as short as this, seconds, may cost more: a split is worth more than the time saved."""

AGAIN, SPLIT, SPLIT_AGAIN = "plain run again", "split run", "split run with fewer tasks"
"""What a proof does, in words for people."""


@dataclass(frozen=True)
class ProofWork:
    """What is to be proved, and where.

    Attributes:
        notebook: nbformat 4 JSON.
        modules: path → source of its local modules.
        analysis: its analysis; ``split`` is the plan that the first run was watched for.
        parameters: the values that the first run had.
        defaults: values that replace the notebook's own, as in ``build_project``.
        home: folder in which the first run happened, and all others will; left as it was.
        folder: empty folder outside of ``home``, for what the proof keeps while it lasts.
        layout: the author's arrangement of the tasks.
        neighbours: folder whose content every run finds beside the notebook.
        budget_s: how long a proof may take, seconds; None: as long as it takes.
        leftovers: what runs leave elsewhere, since before the first one; None: it stays.
    """

    notebook: dict[str, Any]
    modules: Mapping[str, str]
    analysis: Analysis
    parameters: Mapping[str, Any]
    slug: str
    tenant: str
    home: Path
    folder: Path
    defaults: Mapping[str, Any] = field(default_factory=dict)
    layout: SplitLayout | None = None
    neighbours: Path | None = None
    budget_s: float | None = None
    leftovers: Leftovers | None = None

    def plan(self, layout: SplitLayout | None, observed: Observed) -> SplitPlan:
        """Return the plan that follows from what a run showed."""
        return plan_split(
            self.cells,
            schema=self.analysis.parameters,
            modules=self.modules,
            layout=layout,
            observed=observed,
        )

    def project(self, plan: SplitPlan | None) -> dict[str, bytes]:
        """Return the files of the project; without a plan, of the unsplit one."""
        return build_project(
            self.notebook,
            self.modules,
            self.analysis,
            slug=self.slug,
            tenant=self.tenant,
            defaults=self.defaults,
            plan=plan,
        )

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The notebook's cells."""
        return read_cells(self.notebook)


def prove(
    work: ProofWork,
    first: PlainRun,
    place: Place,
    *,
    say: Callable[[str], None] = lambda _: None,
    progress: Callable[[str], None] = lambda _: None,
) -> Proof:
    """Return whether a split of the notebook gives what its unsplit run gave.

    Args:
        first: what the first unsplit run left, watched by :func:`plain_probe`.
        place: has tasks executed; what cancels it ends the proof as ``skipped``.
        say: takes one line for the log.
        progress: takes what is being done, in words: ``split run``, ``plain run again`` …
    """
    proof = _Proving(work, first, place, say, progress).run()
    say(f"proof: {proof.state}" + (f": {proof.reason}" if proof.reason else ""))
    return proof


class _Proving:
    """One proof: what is known so far, and the steps."""

    def __init__(
        self,
        work: ProofWork,
        first: PlainRun,
        place: Place,
        say: Callable[[str], None],
        progress: Callable[[str], None],
    ) -> None:
        self.work = work
        self.first = first
        self.place = place
        self.say = say
        self.progress = progress
        self.again: PlainRun | None = None
        self.unstable: tuple[Difference, ...] = ()
        self.tries: list[Try] = []
        self.kernels = set(first.kernels)
        self.stage = Stage(work.home, work.folder / "home", work.neighbours, work.leftovers)

    def run(self) -> Proof:
        proposed = self.work.analysis.split
        if proposed is None or not proposed.is_split:
            reason = proposed.reason if proposed else "the notebook has not been read for a split"
            return self._ended(ProofState.NOT_NEEDED, reason)
        if reason := self._too_long():
            return self._ended(ProofState.SKIPPED, reason)
        plan = self.work.plan(self.work.layout, self.first.observed)
        if not plan.is_split:
            return self._ended(ProofState.UNEQUAL, plan.reason or _merged(plan))
        if hopeless := incomparable(plan, self.first):
            return self._ended(ProofState.UNEQUAL, f"{hopeless[0].message}{_more(hopeless)}")
        self.stage.put_aside()
        try:
            return self._compared(plan)
        except PlainFailed as error:
            reason = f"the unsplit notebook failed when it was run again: {error}"
            return self._ended(ProofState.UNEQUAL, reason)
        except BrokenProject as error:
            return self._ended(ProofState.UNEQUAL, str(error))
        except ProofStopped as stopped:
            return self._ended(ProofState.SKIPPED, str(stopped))
        finally:
            self.stage.put_back()

    def _compared(self, plan: SplitPlan) -> Proof:
        self.progress(SPLIT)
        kept = self._try(plan, None)
        if self._equal():
            return self._ended(ProofState.EQUAL, None, plan)
        smaller = self._smaller(kept)
        if isinstance(smaller, str):
            return self._ended(ProofState.UNEQUAL, f"{_why(self.tries[-1])}; {smaller}")
        self.progress(SPLIT_AGAIN)
        self._try(smaller, kept)
        if self._equal():
            return self._ended(ProofState.EQUAL, None, smaller)
        return self._ended(ProofState.UNEQUAL, _why(self.tries[-1]))

    def _equal(self) -> bool:
        return self.tries[-1].equal

    def _try(self, plan: SplitPlan, kept: Kept | None) -> Kept:
        files = self.work.project(plan)
        folder = self.work.folder / f"split-{len(self.tries) + 1}"
        run, owners = run_split(
            files, plan, self.work.parameters, self.place, self.stage, folder, self.first, kept
        )
        self.kernels |= run.kernels
        self.tries.append(self._judged(plan, run))
        if not self._equal() and self.again is None and run.broken is None:
            self._run_again(plan)
            self.tries[-1] = self._judged(plan, run)
        for one in self.tries[-1].differences:
            self.say(f"{'unstable' if one.unstable else 'differs'}: {one.message}")
        return Kept(plan, files, run, self.tries[-1].differences, folder, owners)

    def _run_again(self, plan: SplitPlan) -> None:
        """Run the notebook unsplit once more, to learn what differs without any split."""
        self.progress(AGAIN)
        self.again = run_plain(
            self.work.project(None),
            plan,
            self.work.parameters,
            self.place,
            self.stage,
            self.work.folder / "again",
        )
        self.kernels |= self.again.kernels
        self.unstable = compare_plain(self.first, self.again, self._window())
        for one in self.unstable:
            self.say(f"unstable: {one.message}")

    def _judged(self, plan: SplitPlan, run: SplitRun) -> Try:
        """Hold a split run against the unsplit ones that there are so far."""
        ground = Ground(
            self.first,
            self.again,
            hoisted=_hoisted(self.work, plan, self.first),
            bindings=_bindings(self.work.cells),
            window=self._window(),
        )
        return Try(
            tasks=tuple(task.name for task in plan.tasks),
            reused=run.reused,
            differences=compare_split(plan, ground, run),
            duration_s=run.duration_s,
        )

    def _smaller(self, kept: Kept) -> SplitPlan | str:
        """Return a plan without the boundary that is to blame, or why there is none to try."""
        mended = mend(kept.plan, kept.differences, len(self.work.cells))
        if mended is None:
            return "no boundary could be blamed for it"
        layout, merges = mended
        try:
            plan = self.work.plan(layout, self.first.observed)
        except InvalidInput as error:
            return f"the tasks could not be put together: {error}"
        if not plan.is_split:
            return "without the boundary that is to blame, one task is left"
        plain = self._plain_s()
        takes = sum(plain) + kept.run.duration_s + kept.cost(plan, self.work.project(plan))
        # The first one may have waited for imports that the others found done.
        if takes > max(PLAIN_RUNS * sum(plain) / len(plain), SMALL_S):
            return f"with another try the proof would cost more than {PLAIN_RUNS} unsplit runs"
        # The first plan's reasons stay: the layout that was asked for is the author's.
        earlier = tuple(one for one in kept.plan.merges if one not in plan.merges)
        return plan.model_copy(
            update={
                "source": kept.plan.source,
                "wished": kept.plan.wished,
                "merges": (*earlier, *plan.merges, *merges),
            }
        )

    def _too_long(self) -> str | None:
        budget, takes = self.work.budget_s, USUAL * self.first.duration_s
        if budget is None or takes <= budget:
            return None
        if budget == 0:
            return "no proof was asked for"
        return f"a proof takes about {takes:.0f} s, which is more than the {budget:.0f} s allowed"

    def _plain_s(self) -> tuple[float, ...]:
        runs = (self.first, self.again) if self.again else (self.first,)
        return tuple(run.duration_s for run in runs)

    def _window(self) -> tuple[datetime, datetime]:
        return self.first.began, datetime.now(UTC)

    def _ended(self, state: ProofState, reason: str | None, plan: SplitPlan | None = None) -> Proof:
        variables, outputs, files = counts(self.first) if self.tries else (0, 0, 0)
        return Proof(
            state=state,
            plan=plan,
            tries=tuple(self.tries),
            unstable=self.unstable,
            drawing=self.first.drawing,
            variables=variables,
            outputs=outputs,
            files=files,
            plain_s=self._plain_s(),
            kernels=tuple(sorted(self.kernels)),
            reason=reason,
        )


def _bindings(cells: tuple[Cell, ...]) -> dict[int, frozenset[str]]:
    return {cell.index: cell_names(cell).defined for cell in cells if cell.type == "code"}


def _hoisted(work: ProofWork, plan: SplitPlan, first: PlainRun) -> frozenset[str]:
    """Return the names that a split need not have at the end.

    Parameters and what Ploomber injects go to the tasks that declare them; what only cells outside
    of all tasks bind is repeated where it is used.
    """
    inside = {cell for task in plan.tasks for cell in task.cells}
    bindings = _bindings(work.cells)
    bound = {name for cell, names in bindings.items() if cell in inside for name in names}
    outside = {name for cell, names in bindings.items() if cell not in inside for name in names}
    left = [one for one in work.cells if one.type == "code" and one.index not in inside]
    if first.last is not None and any(cell_names(one).dynamic for one in left):
        outside |= set(first.last.names)  # a star import binds names that are not read here
    given = set(work.analysis.parameters.properties)
    return frozenset((outside - bound) | given | (RESERVED - bound))


def _why(tried: Try) -> str:
    counting = [one for one in tried.differences if not one.unstable]
    return f"{counting[0].message}{_more(counting)}"


def _more(differences: list[Difference]) -> str:
    return f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""


def _merged(plan: SplitPlan) -> str | None:
    return plan.merges[0].reason if plan.merges else None
