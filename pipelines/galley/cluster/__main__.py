"""``python -m galley.cluster``: one local Dask cluster, alive as long as its standard input.

It reads its options from the first line, and writes ``{"address": ...}`` once workers are there.
"""

from __future__ import annotations

import json
import os
import select
import sys

# jsonschema compiles this grammar at import, two seconds of CPU, only to check IRIs.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]


def main() -> int:
    """Start the cluster, say where, wait for the end of standard input."""
    import dask

    from galley.cluster.options import ClusterOptions

    options = ClusterOptions.model_validate_json(sys.stdin.readline())
    # Worker processes begin with Dask's defaults and learn ours from this variable.
    config = options.dask_config()
    dask.config.set(config)
    os.environ["DASK_INTERNAL_INHERIT_CONFIG"] = dask.config.serialize(dask.config.global_config)

    from distributed import LocalCluster
    from distributed.security import Security

    from galley.inside.cluster import HEAL_S, replace_missing

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
