"""An init that is told to end a task which has ended by itself."""

from __future__ import annotations

import platform
import signal
import subprocess
import sys
import textwrap


def test_a_term_that_comes_after_the_end_spoils_nothing() -> None:
    """Or how the task ended would be lost, and a notebook's own exit count as the platform's."""
    script = """
        import os, signal
        from galley.inside.birth import _on_term
        task = os.fork()
        if task == 0:
            os._exit(3)
        _, how = os.waitpid(task, 0)
        _on_term(task, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGTERM)
        print(os.waitstatus_to_exitcode(how))
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "3\n"), done.stderr


def test_a_term_in_time_is_passed_on() -> None:
    script = """
        import os, signal, time
        from galley.inside.birth import _on_term
        task = os.fork()
        if task == 0:
            time.sleep(600)
        _on_term(task, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGTERM)
        _, how = os.waitpid(task, 0)
        print(os.waitstatus_to_exitcode(how))
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.stdout == f"{-signal.SIGKILL}\n", done.stderr


def test_without_namespaces_it_forks_all_the_same_and_says_why() -> None:
    """On a machine whose number of ``clone`` is not known, and where ``clone`` is refused."""
    script = """
        import os, signal
        from galley.inside import birth

        def blocked():
            return signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, ())

        known, CLONE_FS = birth._CLONE, 0x200  # not to be had with a user namespace
        for birth._CLONE, birth._NEW_PID in ({}, 0), (known, CLONE_FS):
            pid, obstacle = birth.fork(isolate=True)
            if pid == 0:
                os._exit(0 if blocked() else 1)
            _, how = os.waitpid(pid, 0)
            print(obstacle, os.waitstatus_to_exitcode(how), blocked(), sep="|")
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    unknown, refused = done.stdout.splitlines()
    assert unknown == f"no namespaces on {platform.machine()}|0|False"
    assert refused.startswith("clone: ")
    assert refused.endswith("|0|False")
