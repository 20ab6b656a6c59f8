"""The chain of ``chain.py`` as an Airflow DAG, for an interpreter that has Airflow and papermill.

    PYTHON airflow_chain.py PROJECT STEPS

Starts ``airflow standalone`` in a folder of its own, has ``tasks/step0.ipynb`` and so on in PROJECT
executed by its PapermillOperator, one after another, and prints the seconds from the trigger to the
end of the run, as Airflow's database has them. A first run of one step warms all up.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

START_S = 300
DAG = """
from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG

for name, steps in (("warm_up", 1), ("chain", {steps})):
    with DAG(name, schedule=None, is_paused_upon_creation=False) as dag:
        before = None
        for step in range(steps):
            one = PapermillOperator(
                task_id=f"step{{step}}",
                input_nb=f"{project}/tasks/step{{step}}.ipynb",
                output_nb=f"{project}/output/airflow{{step}}.ipynb",
                kernel_name="python3",
            )
            if before:
                before >> one
            before = one
    globals()[name] = dag
"""


def told(home: Path, query: str, *values: str) -> tuple[object, ...] | None:
    """Return the first row of an answer of Airflow's database; None while there is none."""
    try:
        with closing(sqlite3.connect(f"file:{home / 'airflow.db'}?mode=ro", uri=True)) as database:
            row: tuple[object, ...] | None = database.execute(query, values).fetchone()
            return row
    except sqlite3.OperationalError:
        return None


def run(home: Path, dag: str, program: list[str]) -> float:
    """Trigger a DAG and wait for its end; return how long it took, seconds."""
    subprocess.run([*program, "dags", "trigger", dag], check=True, stdout=subprocess.DEVNULL)
    query = "select state, queued_at, end_date from dag_run where dag_id = ?"
    while (row := told(home, query, dag)) is None or row[0] not in {"success", "failed"}:
        time.sleep(1)
    if row[0] != "success":
        raise SystemExit(f"Airflow's run of {dag} failed; its log is in {home}")
    queued, ended = (datetime.fromisoformat(str(one)) for one in row[1:])
    return (ended - queued).total_seconds()


def main() -> None:
    project, steps = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    (project / "output").mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="airflow-"))
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__API__HOST="127.0.0.1",
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )
    (home / "dags").mkdir()
    (home / "dags" / "chain.py").write_text(DAG.format(project=project, steps=steps))
    program = [sys.executable, "-m", "airflow"]
    with (home / "standalone.log").open("w") as log:
        airflow = subprocess.Popen(
            [*program, "standalone"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        latest = time.monotonic() + START_S
        while told(home, "select 1 from serialized_dag where dag_id = 'chain'") is None:
            if time.monotonic() > latest:
                raise SystemExit(f"Airflow did not read the DAG in {START_S} s; see {home}")
            time.sleep(1)
        run(home, "warm_up", program)
        print(run(home, "chain", program))
    finally:
        os.killpg(airflow.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            airflow.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(airflow.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
