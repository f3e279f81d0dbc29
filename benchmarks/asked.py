"""The typical questions, as people type them and as the peers need them said; imports nothing heavy."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from finops.periods import Period
from finops.query import CostQuery, parse

NOW: Final = datetime(2026, 6, 24, 15, tzinfo=UTC)  # the made ledger's present: its bills end with the day before
TODAY: Final = NOW.date()
COLUMNS: Final = {"team": "x_Team", "model": "x_Model", "resource": "ResourceId", "service": "ServiceName", "user": "x_User"}


@dataclass(frozen=True)
class Question:
    """A question as people type it; `count` names what is to be counted beside the cost."""

    name: str
    text: str
    team: str | None = None
    count: str | None = None

    @property
    def query(self) -> CostQuery:
        query = parse(self.text, TODAY)
        return replace(query, count=self.count) if self.count else query

    @property
    def compare(self) -> Period:
        compare = self.query.compare
        assert compare is not None
        return compare

    @property
    def span(self) -> Period:
        return Period(min(self.query.period.start, self.compare.start), max(self.query.period.end, self.compare.end))


QUESTIONS: Final = (
    Question("one team, last 7 days", "team=team-07 last 7d", team="team-07"),
    Question("by model, 30 days", "last 30d by=model"),
    Question("by team, month to date", "mtd by=team daily"),
    Question("top 10 resources, 30 days", "last 30d by=resource top 10"),
    Question("distinct users by team, 30 days", "last 30d by=team", count="user"),
    Question("by service, month over month", "last month by=service"),
)


@dataclass(frozen=True)
class Wanted:
    """One question in terms of columns: cost of `team` in `period` and before, the largest `top` of `by`, what moved.

    Movers are told by `by`, else by service, over the first `complete` days of both periods.
    """

    period: Period
    before: Period
    complete: int
    by: str | None = None
    team: str | None = None
    top: int = 10
    count: str | None = None


def wanted(question: Question, complete_until: date) -> Wanted:
    """Say a question in columns, where the days before `complete_until` are complete."""
    query = question.query
    days = min((complete_until - query.period.start).days, query.period.days, question.compare.days)
    return Wanted(
        period=query.period,
        before=question.compare,
        complete=days if days > 0 else query.period.days,
        by=COLUMNS[query.by[0]] if query.by else None,
        team=question.team,
        top=query.top,
        count=COLUMNS[question.count] if question.count else None,
    )


def files_of(root: Path, period: Period) -> list[Path]:
    """Return the ledger's files of the months `period` touches, as somebody would choose them by hand."""
    months = sorted({day.strftime("%Y-%m") for day in period})
    return [path for month in months for path in sorted(root.glob(f"source=*/period={month}/*.parquet"))]
