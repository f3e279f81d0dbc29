"""The scheduled agents by name: each file in this folder declares one beside its code."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Final

from finops.errors import UserError, close_to, meant
from finops.ledger.ledger import Ledger
from finops.rulebook import Rulebook
from finops.settings import Settings


@dataclass(frozen=True)
class Tools:
    """What an agent works with: the ledger, the instant it runs for, and what the environment and the YAML decide."""

    ledger: Ledger
    now: datetime
    settings: Settings
    rulebook: Rulebook


Work = Callable[[Tools], str]


@dataclass(frozen=True)
class Job:
    """An agent: its name as typed, what it is for, and what it does; the result is one sentence."""

    name: str
    about: str
    work: Work


JOBS: dict[str, Job] = {}
MODULES: Final = ("jobs.roll_up", "jobs.sweep_ledger")  # each registers its agent when it is imported


def job(name: str) -> Callable[[Work], Work]:
    """Register the decorated function under `name`; its docstring says what it is for."""

    def register(work: Work) -> Work:
        if name in JOBS:
            raise ValueError(f"two agents are called '{name}'")
        JOBS[name] = Job(name, (work.__doc__ or "").strip(), work)
        return work

    return register


def find(name: str) -> Job:
    """Return the agent called `name`. Raises UserError with the nearest name."""
    for module in MODULES:
        import_module(module)
    if name not in JOBS:
        known = ", ".join(sorted(JOBS))
        raise UserError(f"there is no job '{name}'; the jobs are {known}.{meant(name, JOBS)}", did_you_mean=close_to(name, JOBS))
    return JOBS[name]
