"""A ledger with a few bills, budgets and rules in YAML, and the job that watches them, at any instant."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.assemble import Tools, assemble
from finops.configuration.rulebook_steps import Propose
from finops.guard.findings import Finding
from finops.ledger import alerts
from finops.ledger.alert_rows import Alert
from finops.ledger.tables_outbox import outbox
from jobs.check_budgets import check
from jobs.registry import Tools as JobTools
from tests.ledger.bills import Charge, deliver

ML = """
budgets:
  - {name: ml, scope: team=ml, monthly: 1000, owner: "@ana", channel: "#ml", thresholds: [50%, 80%, 100%]}
"""


@dataclass
class Watch:
    """`proposed` is what was asked for, in order: the rule that found it, and the lever."""

    tools: Tools
    proposed: list[tuple[str, str]] = field(default_factory=list)

    def bill(self, days: dict[str, str], at: datetime, team: str = "ml", **more: Any) -> None:
        """Replace the bill of the days' months."""
        deliver(self.tools.ledger, [Charge(date.fromisoformat(day), cost, team, **more) for day, cost in days.items()], at=at)

    def spend(self, first: str, *costs: int, at: datetime | None = None) -> datetime:
        """Bill one cost a day from `first` on, delivered at noon of the day after the last; return that noon."""
        start = date.fromisoformat(first)
        days = {str(start + timedelta(days=number)): str(cost) for number, cost in enumerate(costs)}
        noon = at or datetime.combine(start + timedelta(days=len(costs)), datetime.min.time(), UTC) + timedelta(hours=12)
        self.bill(days, noon)
        return noon

    def check(self, now: datetime) -> str:
        return check(JobTools(self.tools.ledger, now, self.tools.settings, self.tools.rulebook), self._propose)

    def _propose(self, finding: Finding, step: Propose) -> str:
        self.proposed.append((finding.rule, step.lever))
        return f"P-{len(self.proposed)} is proposed"

    def alerts(self) -> list[Alert]:
        return list(reversed(alerts.past_alerts(self.tools.ledger.engine, datetime(2100, 1, 1, tzinfo=UTC))))

    def told(self) -> list[tuple[str, str, str]]:
        """(period, kind and threshold, state) of every alert."""
        return [(one.finding.period, f"{one.finding.kind} {one.finding.threshold}", one.state) for one in self.alerts()]

    def outbox(self, kind: str | None = None) -> list[tuple[str, str]]:
        with self.tools.ledger.engine.connect() as connection:
            found = connection.execute(select(outbox.c.key, outbox.c.route, outbox.c.kind).order_by(outbox.c.id)).all()
        return [(row.key, row.route) for row in found if kind in (None, row.kind)]

    def posts(self) -> list[str]:
        return [key for key, _ in self.outbox("post")]


@contextmanager
def watching(folder: Path, budgets: str = ML, rules: str = "", environ: dict[str, str] | None = None) -> Iterator[Watch]:
    (folder / "budgets.yaml").write_text(budgets)
    (folder / "rules.yaml").write_text(rules)
    with assemble(folder, {"FINOPS_THREADS": "1", **(environ or {})}) as tools:
        yield Watch(tools)


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00+00:00")


def every(costs: Sequence[int], first: str) -> dict[str, str]:
    start = date.fromisoformat(first)
    return {str(start + timedelta(days=number)): str(cost) for number, cost in enumerate(costs)}
