"""The scheduled agents by name: each file in this folder declares one beside its code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Final, Literal

from finops.errors import UserError, close_to, meant
from finops.ledger.ledger import Ledger
from finops.rulebook import Rulebook
from finops.settings import Settings
from jobs.slots import Schedule, schedule


@dataclass(frozen=True)
class Tools:
    """What an agent works with: the ledger, the instant it runs for, and what the environment and the YAML decide.

    `period` is the slot it runs for, such as `2026-11-01`; empty when it was called from elsewhere. `deliver` brings out what waits
    in the outbox, and says what was done.
    """

    ledger: Ledger
    now: datetime
    settings: Settings
    rulebook: Rulebook
    period: str = ""
    deliver: Callable[[], str] | None = None


Work = Callable[[Tools], str]
CatchUp = Literal["latest", "each"]


@dataclass(frozen=True)
class Job:
    """An agent: its name as typed, what it is for, what it does (the result is one sentence), and when.

    After downtime it runs once for the newest slot that was missed (`latest`), or once for each of them (`each`).
    """

    name: str
    about: str
    work: Work
    schedule: Schedule | None = None
    catch_up: CatchUp = "latest"

    @property
    def when(self) -> str:
        return self.schedule.text if self.schedule else "by hand"


JOBS: dict[str, Job] = {}
MODULES: Final = (  # each registers its agent when it is imported
    "jobs.check_budgets",
    "jobs.checkpoint_audit",
    "jobs.compact_usage",
    "jobs.deliver_outbox",
    "jobs.forecast_month",
    "jobs.ingest_bills",
    "jobs.ingest_capacity",
    "jobs.ingest_usage",
    "jobs.reconcile_bills",
    "jobs.reprice_usage",
    "jobs.roll_up",
    "jobs.settle_actions",
    "jobs.spot_anomalies",
    "jobs.sweep_ledger",
)


def job(
    name: str,
    *,
    every: str | None = None,
    daily: str | None = None,
    weekly: str | None = None,
    monthly: str | None = None,
    catch_up: CatchUp = "latest",
) -> Callable[[Work], Work]:
    """Register the decorated function under `name`; its docstring says what it is for.

    `every="5m"` counts real time; `daily="06:30"`, `weekly="monday 06:30"` and `monthly="last 06:30"` are in the ledger's
    time zone. Without any, it runs by hand only. Raises UserError for a schedule that cannot be read.
    """
    when = schedule(every=every, daily=daily, weekly=weekly, monthly=monthly)

    def register(work: Work) -> Work:
        if name in JOBS:
            raise ValueError(f"two agents are called '{name}'")
        JOBS[name] = Job(name, (work.__doc__ or "").strip(), work, when, catch_up)
        return work

    return register


def known() -> Mapping[str, Job]:
    """Return every agent by name."""
    for module in MODULES:
        import_module(module)
    return dict(sorted(JOBS.items()))


def find(name: str) -> Job:
    """Return the agent called `name`. Raises UserError with the nearest name."""
    jobs = known()
    if name not in jobs:
        raise UserError(f"there is no job '{name}'; the jobs are {', '.join(jobs)}.{meant(name, jobs)}", did_you_mean=close_to(name, jobs))
    return jobs[name]
