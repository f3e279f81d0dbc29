"""Which anomalies are open at an instant, for rules: those on record, or those a past day would have seen."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine, select

from finops.configuration.rulebook_sections import Scope
from finops.insight.anomalies_events import Anomaly
from finops.ledger.anomalies import last_looks
from finops.ledger.anomaly_rows import stored_of
from finops.ledger.spotting import day_of, inside, spot, today_of
from finops.ledger.tables_anomalies import anomalies as rows
from finops.periods import DAY, Period
from finops.query import Filter

if TYPE_CHECKING:
    from finops.ledger.ledger import Ledger
    from finops.rulebook import Rulebook

LATELY: Final = timedelta(hours=26)
OPEN: Final = ("open", "growing", "acknowledged")
Open = Callable[[datetime, Scope], Sequence[Anomaly] | None]


def on_record(engine: Engine) -> Open:
    """Return what tells the open ones of the last look; nobody can say where the last one is a day old."""

    def told(now: datetime, scope: Scope) -> Sequence[Anomaly] | None:
        looks = last_looks(engine)
        if not looks or max(looks.values()) < now - LATELY:
            return None
        wanted = select(rows).where(rows.c.state.in_(OPEN), rows.c.told_with.is_(None))
        with engine.connect() as connection:
            found = [stored_of(row).case.anomaly for row in connection.execute(wanted)]
        return _within(found, scope)

    return told


def in_the_past(ledger: "Ledger", book: "Rulebook", period: Period, until: datetime) -> Open:
    """Return what tells which ones would have been open on days of `period`; it is looked through once, when it is first asked."""

    @cache
    def every() -> tuple[Anomaly, ...]:
        return tuple(group.driver for group in spot(ledger, book, period, until).groups)

    def told(now: datetime, scope: Scope) -> Sequence[Anomaly]:
        today = today_of(ledger, now)
        return _within([one for one in every() if _is_open(one, today)], scope)

    return told


def _is_open(one: Anomaly, day: date) -> bool:
    last = day_of(one.end) if isinstance(one.end, datetime) else one.end - DAY
    return day_of(one.detected_on) <= day and (day <= last or one.status != "ended")


def _within(found: Sequence[Anomaly], scope: Scope) -> list[Anomaly]:
    filters = [Filter(name, values) for name, values in scope]
    return [one for one in found if inside(one.key, filters)]
