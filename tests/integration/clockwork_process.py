"""A process with a scheduler whose jobs are due each second; started twice by test_two_schedulers.py. Ends by SIGTERM.

Arguments: the configuration folder, the database, the file to note effects in, and a name.
"""

import os
import signal
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.assemble import assemble, set_up_logging
from jobs import registry
from jobs.registry import Job
from jobs.runner import Runner, Surroundings
from jobs.scheduler import Clocks, Scheduler
from jobs.slots import Every

JOBS = ("count-beans", "feed-cat", "water-plants")
LEASE = timedelta(seconds=2)


def main(folder: str, database: str, effects: str, name: str) -> None:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    set_up_logging("WARNING")

    def job(which: str) -> Job:
        def work(tools: registry.Tools) -> str:
            time.sleep(0.15)
            with Path(effects).open("a") as file:  # one short line at once: not torn
                file.write(f"{which} {tools.period}\n")
            return f"by {name}"

        return Job(which, "", work, Every("every 1s", timedelta(seconds=1)), "each")

    with assemble(Path(folder), {"FINOPS_DATABASE_URL": database, "FINOPS_THREADS": "1"}) as tools:
        runner = Runner(
            Surroundings(
                ledger=tools.ledger,
                tools=lambda now, period: registry.Tools(tools.ledger, now, tools.settings, tools.rulebook, period),
                clock=tools.now,
                holder=f"{name}:{os.getpid()}",
                number=lambda: "1",
                clean=str,
                lease=LEASE,
            )
        )
        clocks = Clocks(tools.now, time.monotonic, name)
        scheduler = Scheduler(
            tools.ledger, runner, {one: job(one) for one in JOBS}, lambda: ZoneInfo("UTC"), clocks, lambda: None, seconds=0.1
        )
        scheduler.start()
        stopping.wait()
        scheduler.stop(5)


if __name__ == "__main__":
    main(*sys.argv[1:])
