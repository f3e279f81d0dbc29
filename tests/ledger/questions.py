"""Charges with everything a bill can hold that dialects disagree on, and the questions to ask of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import FromClause

from finops.answering import cut
from finops.ledger import statements
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.statements import Asked, Conversion, Statement
from finops.periods import Period
from finops.query import NONE, CostQuery, Filter
from finops.rates import Rate, Span
from tests.ledger.bills import Charge, deliver

FEBRUARY, MARCH = Period(date(2026, 2, 1), date(2026, 3, 1)), Period(date(2026, 3, 1), date(2026, 4, 1))
WEEKS = Period(date(2026, 2, 16), date(2026, 3, 16))
UNTIL = datetime(2026, 3, 28, tzinfo=UTC)
ODD: Final = 'it\'s "odd" 100% \\ $1'  # as a tag's key
EURO: Final = Rate("EUR", "USD", date(2026, 1, 1), Decimal("1.1"))
DEARER: Final = Rate("EUR", "USD", date(2026, 3, 10), Decimal("1.123456789012"))
TERMS: Final = Terms(rates=(EURO, DEARER))


def charge(day: str, billed: str, team: str | None = None, service: str = "Compute", *, tags: Any = None, **more: Any) -> Charge:
    columns = {key: value for key, value in more.items() if key not in ("currency", "effective")}
    columns |= {} if tags is None else {"Tags": json.dumps(tags, ensure_ascii=False)}
    return Charge(date.fromisoformat(day), billed, team, service, more.get("currency", "USD"), more.get("effective"), columns)


AWS: Final[Sequence[Charge]] = (
    charge("2026-02-03", "10.0000000001", "ml", tags={"app": "chat", ODD: "yes"}, SubAccountName="prod", SubAccountId="1"),
    charge("2026-02-17", "7.25", "search", "Storage", tags={"app": "Chat"}, SubAccountId="2", ListCost=Decimal("9.5")),
    charge("2026-02-28", "-3.3333333333", "ml", "Credits", SubAccountId="1"),
    charge("2026-03-01", "12.5", "ml", tags={"app": "chat"}, SubAccountName="prod", SubAccountId="1", RegionId="eu-1"),
    charge("2026-03-02", "0.0000000007", None, "Storage", SubAccountName="prod", SubAccountId="2", RegionName="Frankfurt"),
    charge("2026-03-02", "99999999999.9999999999", "ml_ops", "Train 50%", SubAccountId="3"),
    charge("2026-03-09", "4", "ML", "Train 50x", tags={ODD: "no"}, x_Model="claude", x_Env="prod", effective="3.5"),
    charge("2026-03-15", "6.66", "mlxops", "a/b\\c", tags={"app": None}, x_Model="o'mini", ListCost=Decimal(7)),
    charge("2026-03-29", "1000", "ml", "Compute"),  # begins after UNTIL
)
AZURE: Final[Sequence[Charge]] = (
    charge("2026-02-11", "5.55", "search", currency="EUR", tags={"app": "märz"}),
    charge("2026-03-05", "8.0000000003", "Größe", "Büro", currency="EUR", tags={}),
    charge("2026-03-11", "2.2", "search", "Storage", currency="EUR", SubAccountName="abo", effective="1.1"),
)

QUESTIONS: Final[Mapping[str, CostQuery]] = {
    "a whole month": CostQuery(MARCH, FEBRUARY),
    "compared with nothing": CostQuery(MARCH, currency="USD"),
    "a filter": CostQuery(MARCH, FEBRUARY, (Filter("team", ("ml", "search")),), currency="USD"),
    "a negated filter keeps what says nothing": CostQuery(MARCH, FEBRUARY, (Filter("team", ("ml",), negated=True),), currency="USD"),
    "patterns": CostQuery(MARCH, FEBRUARY, (Filter("team", ("m*s", "GRÖ*")),), ("team",), currency="USD"),
    "patterns of signs that mean something": CostQuery(MARCH, None, (Filter("service", ("*50%", "A/*", "*\\c", "*_*")),), ("service",)),
    "a negated pattern": CostQuery(MARCH, None, (Filter("service", ("*50%",), negated=True),), ("service",), currency="USD"),
    "nobody's": CostQuery(MARCH, FEBRUARY, (Filter("team", (NONE, "ml_ops")),), ("team", "service"), currency="USD"),
    "a tag": CostQuery(MARCH, FEBRUARY, (Filter("tag:app", ("chat",)),), ("tag:app",), currency="USD"),
    "no tag": CostQuery(MARCH, FEBRUARY, (Filter("tag:app", (NONE,)),), ("tag:app", "team"), currency="USD"),
    "an odd tag": CostQuery(WEEKS, FEBRUARY, (Filter(f"tag:{ODD}", ("yes",), negated=True),), (f"tag:{ODD}",), currency="USD"),
    "two dimensions, each of two columns": CostQuery(MARCH, FEBRUARY, (), ("account", "region"), currency="USD"),
    "either column matches": CostQuery(MARCH, FEBRUARY, (Filter("account", ("2", "prod")),), ("account",), currency="USD"),
    "converted": CostQuery(MARCH, FEBRUARY, (), ("source",), metric="billed", currency="USD"),
    "weeks that overlap with what they are compared with": CostQuery(WEEKS, FEBRUARY, (), ("service",), "week", currency="USD"),
    "periods apart": CostQuery(MARCH, Period(date(2026, 2, 1), date(2026, 2, 15)), (), ("team",), currency="USD"),
    "how many there are": CostQuery(MARCH, FEBRUARY, (), ("service",), currency="USD", count="team"),
    "the top two by list price": CostQuery(MARCH, FEBRUARY, (), ("service",), metric="list", top=2, currency="USD"),
}
SPANS: Final = {"USD": (Span(date(2026, 1, 1), Decimal(1)),), "EUR": (Span(EURO.on, EURO.rate), Span(DEARER.on, DEARER.rate))}
KEYS: Final = ((None, None), ("ml", "Compute"), ("prod", "eu-1"), ("Größe", "Büro"), ("Compute", None), ("chat", None), ("yes", None))


@dataclass(frozen=True)
class Question:
    """A question under its name, as a list of statements."""

    name: str
    query: CostQuery

    def statements(self, source: FromClause) -> list[Statement]:
        """Return every kind of statement the ledger makes of the question."""
        asked = Asked(self.query, UNTIL, Conversion("USD", SPANS) if self.query.currency else None)
        by = self.query.by or ("service",)
        keys = [each[: len(by)] for each in KEYS]
        lines = statements.lines(asked, by, source).subquery("lines")
        cube = statements.cube(asked, by, source).subquery("daily")
        return [
            statements.day_sums(lines),
            statements.day_sums(cube),
            statements.group_sums(self.query, self.query, lines),
            statements.group_sums(self.query, cut(self.query, 3), cube),
            statements.group_sums(self.query, self.query, cube, asked.only_currency),
            statements.part_sums(self.query, keys, cube),
            *(statements.known_values(name, source) for name in by),
            *self._counts(asked, by, source),
        ]

    def _counts(self, asked: Asked, by: Sequence[str], source: FromClause) -> list[Statement]:
        if self.query.count is None:
            return []
        pairs = statements.counted(asked, by, self.query.count, source).subquery("pairs")
        return [statements.counts(pairs), statements.group_counts([each[: len(by)] for each in KEYS], pairs)]


def fill(ledger: Ledger) -> None:
    deliver(ledger, AWS, "aws")
    deliver(ledger, AZURE, "azure")


def in_order(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sort by all that is not money: engines are free in the order of rows, and show equal amounts with more or fewer zeros."""
    return sorted((tuple(row) for row in rows), key=lambda row: [str(value) for value in row if not isinstance(value, Decimal)])
