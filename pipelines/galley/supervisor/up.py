"""`galley up`: the foreground process, which outlives everything it starts."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

from galley.supervisor import tree
from galley.supervisor.child import ChildSpec
from galley.supervisor.deployment import Deployment, prepare
from galley.supervisor.home import HomeLock
from galley.supervisor.options import Options
from galley.supervisor.outliving import outliving
from galley.supervisor.refusal import Refusal
from galley.supervisor.report import Report
from galley.supervisor.supervisor import Supervisor

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


Prepare = Callable[[Options, int, Report], tuple[Deployment, list[ChildSpec]]]


def up(options: Options, making: Prepare = prepare) -> int:
    """Start the platform, wait until it is stopped, and return the exit code.

    SIGINT and SIGTERM stop it, a second one at once; SIGHUP reloads the tenants, unless it comes
    because the terminal went away. No process is left behind, however this one or the supervisor
    ends; what both together left behind when they were killed ends with the next one.

    Args:
        making: makes what the children need.
    """
    if options.die_with_parent:
        tree.die_with_parent(os.getppid())
    tree.become_subreaper()
    sys.stdout.flush()
    foreground = os.getpid()
    had_terminal = _has_terminal()  # it may be gone before the signals are passed on
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    supervisor = os.fork()
    if supervisor == 0:
        sys.exit(_supervise(options, foreground, making))
    _pass_signals_on(supervisor, had_terminal)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    _, status = os.waitpid(supervisor, 0)
    tree.kill_descendants()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _end_outliving(options.home.expanduser().absolute())
        name = signal.Signals(-code).name
        Report().line(f"the supervisor was ended by {name}; everything is stopped")
        return 1
    return code


def _end_outliving(home: Path) -> None:
    """Do what the supervisor did not come to, unless the state is another one's."""
    if not (home / "lock").exists():
        return
    try:
        lock = HomeLock(home)
    except Refusal:
        return
    try:
        tree.kill_descendants(others=partial(outliving, home / "run"))
    finally:
        lock.release()


def _supervise(options: Options, foreground: int, making: Prepare) -> int:
    os.setsid()
    tree.die_with_parent(foreground)
    tree.become_subreaper()
    # Until the supervisor is in its loop, a signal simply ends this process.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    report = Report()
    try:
        deployment, specs = making(options, foreground, report)
        try:
            Supervisor(deployment, specs, report).run()
        finally:
            deployment.close()
    except Refusal as error:
        sys.stdout.flush()
        sys.stderr.write(f"galley: {error}\n")
        return 1
    return 0


def _pass_signals_on(supervisor: int, had_terminal: bool) -> None:
    outlives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # started by nohup

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP and had_terminal and not _has_terminal():
            if outlives_terminal:
                return
            number = signal.SIGTERM
        os.kill(supervisor, number)

    for number in _PASSED_ON:
        signal.signal(number, on_signal)


def _has_terminal() -> bool:
    try:
        os.close(os.open(Path("/dev/tty"), os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
