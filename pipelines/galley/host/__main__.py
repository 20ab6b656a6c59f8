"""``python -m galley.host``: the worker host of a tenant, or of one rehearsal."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import time

# jsonschema compiles this grammar at import, two seconds of CPU, only to check IRIs.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]


def main() -> int:
    """Run the host until it is told to stop."""
    from galley.cluster.local import LocalProvider
    from galley.errors import GalleyError
    from galley.host.attempt import RESULTS_S
    from galley.host.config import host_config
    from galley.host.folder import own
    from galley.host.loop import Host
    from galley.host.runners import Runners
    from galley.host.service import Service
    from galley.run.cache import prune
    from galley.run.processes import hide_from_own_uid
    from galley.run.zygotes import Zygotes
    from galley.sandbox.machine import this_machine

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logger = logging.getLogger("galley.host")
    hide_from_own_uid()
    try:
        config = host_config(os.environ)
        own(config.folder)
        # What a host left behind that was killed.
        shutil.rmtree(config.folder / "attempts", ignore_errors=True)
        shutil.rmtree(config.zygotes, ignore_errors=True)
        prune(config.results, time.time(), max_age_s=RESULTS_S)
        Zygotes(config.zygotes).own()
        cluster = LocalProvider(
            config.folder / "cluster",
            name=config.tenant,
            workers=config.workers,
            memory=config.memory,
            cpu=config.cpu,
            gpus=range(this_machine().gpus),
            machine_gpus=config.machine_gpus,
            idle_s=config.idle_s,
            preload=("galley.run.dask",),
        )
        runners = Runners("galley.rehearsal" if config.once else "galley.run")
        host = Host(config, Service(config), cluster, runners)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: host.stop())
        logger.info("host %s asks %s for work", config.name, config.service_url)
        host.run()
    except GalleyError as error:
        logger.error("the host ends: %s", error)  # noqa: TRY400  the sentence says it all
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
