"""``python -m galley.cluster``: one local Dask cluster, alive as long as its standard input.

It reads its options from the first line, and writes ``{"address": ...}`` once workers are there.
"""

from __future__ import annotations

import json
import os
import select
import sys

# jsonschema compiles a grammar, only to check IRIs, and papermill imports each engine there is, one
# of which wants to plot: three seconds of CPU.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
sys.modules["matplotlib.pyplot"] = None  # type: ignore[assignment]


def main() -> int:
    """Start the cluster, say where, wait for the end of standard input."""
    import multiprocessing

    import dask

    from galley.cluster.options import ClusterOptions

    options = ClusterOptions.model_validate_json(sys.stdin.readline())
    # Worker processes begin with Dask's defaults and learn ours from this variable.
    config = options.dask_config()
    dask.config.set(config)
    os.environ["DASK_INTERNAL_INHERIT_CONFIG"] = dask.config.serialize(dask.config.global_config)

    from distributed import LocalCluster, utils
    from distributed.security import Security

    from galley.inside.cluster import HEAL_S, replace_missing

    # Workers are forked from a process that has their imports, this module's first: one that was
    # killed is there again at once. What Dask would import there itself, pandas for one, is not.
    imports = ["galley.cluster.__main__", "distributed", *options.preload]
    multiprocessing.get_context("forkserver").set_forkserver_preload(imports)
    utils._forkserver_preload_set = True

    with LocalCluster(
        n_workers=options.workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        protocol="tls://",
        security=Security(),
        dashboard_address=None,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        worker_dashboard_address=None,
        memory_limit=options.memory // options.workers,
        local_directory=str(options.scratch),
        resources=options.total.dask(),
        silence_logs=30,
    ) as cluster:
        sys.stdout.write(json.dumps({"address": cluster.scheduler_address}) + "\n")
        sys.stdout.flush()
        while not select.select([sys.stdin], [], [], HEAL_S)[0]:
            cluster.loop.add_callback(replace_missing, cluster, options.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
