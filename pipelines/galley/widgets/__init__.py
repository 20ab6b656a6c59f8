"""Widgets for a notebook: watch a run, start a run.

    from galley.widgets import RunForm, RunMonitor

    RunForm("breast-cancer")   # typed fields and a Run button
    RunMonitor(run_id)         # live progress by cell, log tail, metrics

They use the server's own token, so they may do what its owner may do in a notebook: read, publish
and run. Saved without a kernel they still show their last state.
"""

from galley.widgets.form import RunForm
from galley.widgets.monitor import RunMonitor

__all__ = ["RunForm", "RunMonitor"]
