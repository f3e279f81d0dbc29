"""What is not as usual in a ledger: found under its most specific name, by the settings of rules.yaml, days to come left alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from finops.configuration.rulebook_anomalies import AnomalySettings
from finops.configuration.rulebook_calendar import CalendarSettings, PlannedEvent
from finops.errors import QueryError
from finops.ledger.anomalies_open import in_the_past
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.ledger.spotting import Spotted, around_of, drivers_of, spot
from finops.periods import Period
from finops.query import Filter
from finops.rulebook import Rulebook
from tests.ledger.bills import Charge, deliver
from tests.ledger.requests_made import event, send

DAY = timedelta(days=1)
FIRST, LAST = date(2026, 1, 1), date(2026, 5, 31)
UNTIL = datetime(2026, 6, 5, tzinfo=UTC)
MADE = UNTIL - DAY
LATELY = Period(date(2026, 5, 2), date(2026, 6, 5))
USUAL = (("ml", "Compute", 100), ("ml", "Storage", 40), ("search", "Compute", 60), ("search", "Storage", 30), ("data", "Storage", 50))
SPIKE = date(2026, 5, 20)


def bill(times: float = 4, day: date = SPIKE, days: int = 1, last: date = LAST) -> list[Charge]:
    """Five steady lines; what ml computes costs `times` as much for some days."""
    random, charges = Random(7), list[Charge]()
    for number in range((last - FIRST).days + 1):
        when = FIRST + DAY * number
        for team, service, usual in USUAL:
            strange = (team, service) == ("ml", "Compute") and day <= when < day + DAY * days
            cost = usual * (0.95 + 0.1 * random.random()) * (times if strange else 1)
            charges.append(Charge(when, f"{cost:.4f}", team, service))
    return charges


def seen(ledger: Ledger, book: Rulebook | None = None, period: Period = LATELY, **more: object) -> Spotted:
    return spot(ledger, book or Rulebook(), period, UNTIL, scope=more.get("scope", ()))  # type: ignore[arg-type]


def causes(found: Spotted) -> Sequence[tuple[object, ...]]:
    return [(one.driver.key, one.driver.kind, one.driver.start) for one in found.groups]


def test_a_spike_is_one_cause_under_the_team_and_the_service_it_is_of(ledger: Ledger) -> None:
    deliver(ledger, bill(), at=MADE)
    found = seen(ledger)
    assert [((("service", "Compute"), ("team", "ml")), "spike", SPIKE)] == causes(found)
    driver = found.groups[0].driver
    assert (270 <= driver.excess <= 325, SPIKE + DAY, SPIKE) == (True, driver.end, driver.detected_on)
    assert {(), (("team", "ml"),), (("service", "Compute"),)} <= {one.key for one in found.groups[0].members}


def test_the_same_look_names_the_same_anomaly_and_a_later_one_too(ledger: Ledger) -> None:
    deliver(ledger, bill(), at=MADE)
    later = spot(ledger, Rulebook(), Period(date(2026, 5, 10), date(2026, 6, 8)), UNTIL + 3 * DAY)
    assert [one.driver.id for one in seen(ledger).groups] == [one.driver.id for one in later.groups]


def test_a_resource_is_looked_at_with_all_that_it_costs_and_belongs_to_its_team(ledger: Ledger) -> None:
    """Its disk is billed by another service than its hours; for two days it costs nothing anywhere."""
    charges = []
    for each in bill(times=1):
        stopped = each.team == "ml" and SPIKE <= each.day < SPIKE + 2 * DAY
        named = {"ResourceId": "vm-1"} if each.team == "ml" else {}
        charges.append(replace(each, billed="0" if stopped else each.billed, more=named))
    deliver(ledger, charges, at=MADE)
    found = seen(ledger)
    (one,) = [one for one in found.anomalies if one.key == (("resource", "vm-1"),)]
    assert (1, "drop", True) == (len(found.groups), one.kind, 265 <= one.expected <= 295)


def test_an_ordinary_past_has_nothing_to_tell(ledger: Ledger) -> None:
    deliver(ledger, bill(times=1), at=MADE)
    found = seen(ledger)
    assert ((), True) == (found.groups, found.checked >= 11)


def test_a_scope_shows_what_lies_in_it(ledger: Ledger) -> None:
    deliver(ledger, bill(), at=MADE)
    assert 1 == len(seen(ledger, scope=(Filter("team", ("ml",)),)).groups)
    assert 0 == len(seen(ledger, scope=(Filter("team", ("search",)),)).groups)
    assert 0 == len(seen(ledger, scope=(Filter("team", ("ml",), negated=True),)).groups)


def test_a_period_shows_what_happened_in_it(ledger: Ledger) -> None:
    deliver(ledger, bill(), at=MADE)
    assert 0 == len(seen(ledger, period=Period(date(2026, 5, 24), date(2026, 6, 1))).groups)


def test_below_the_floor_of_rules_yaml_nothing_is_told(ledger: Ledger) -> None:
    deliver(ledger, bill(), at=MADE)
    assert () == seen(ledger, Rulebook(anomalies=AnomalySettings(floor=Decimal(1000)))).groups


def test_what_was_announced_is_no_anomaly(ledger: Ledger) -> None:
    deliver(ledger, bill(), at=MADE)
    launch = PlannedEvent("launch", SPIKE, SPIKE + DAY, Decimal(5), Decimal(0), (("team", ("ml",)),))
    found = seen(ledger, Rulebook(calendar=CalendarSettings(events=(launch,))))
    assert () == tuple(one for one in found.groups if dict(one.driver.key).get("team") == "ml")


def test_a_day_that_is_not_complete_never_alarms(ledger: Ledger) -> None:
    charges = [*bill(times=1, last=LAST - DAY)]
    partly = [Charge(LAST, "1", "ml", "Compute"), Charge(LAST, "900", "search", "Compute")]
    deliver(ledger, [*charges, *partly], at=datetime.combine(LAST + DAY, time(2), UTC))
    now = datetime.combine(LAST + DAY, time(3), UTC)
    assert () == spot(ledger, Rulebook(), Period(date(2026, 5, 2), LAST + DAY), now).groups


def test_a_drop_to_nothing_is_told_when_its_days_are_complete(ledger: Ledger) -> None:
    deliver(ledger, bill(times=0, days=4), at=MADE)
    assert [((("service", "Compute"), ("team", "ml")), "drop", SPIKE)] == causes(seen(ledger))


def test_what_drives_it_is_named_by_dimensions_no_layer_has(ledger: Ledger) -> None:
    charges = [replace(each, more={"SkuId": "large" if each.team == "ml" and each.day == SPIKE else "small"}) for each in bill()]
    deliver(ledger, charges, at=MADE)
    found = seen(ledger)
    assert "sku=large" in [each.text for each in drivers_of(ledger, found.groups[0].driver, UNTIL)]


def test_the_course_around_it_has_its_day_marked_and_what_was_to_be_expected(ledger: Ledger) -> None:
    deliver(ledger, bill(), at=MADE)
    found = seen(ledger)
    shown = around_of(found, found.groups[0].driver)
    assert shown is not None
    assert (SPIKE, shown.first) == (shown.steps[shown.first], shown.last)
    expected, actual = shown.expected[shown.first], shown.actual[shown.first]
    assert expected is not None
    assert actual is not None
    assert (True, True) == (95 <= expected <= 105, actual > 380)


def test_an_empty_ledger_has_nothing_to_look_at(ledger: Ledger) -> None:
    assert ((), 0) == ((found := seen(ledger)).groups, found.checked)


def test_a_past_day_would_have_seen_it_from_the_day_it_was_found_to_its_end(ledger: Ledger) -> None:
    deliver(ledger, bill(days=2), at=MADE)
    told = in_the_past(ledger, Rulebook(), LATELY, UNTIL)
    open_on = [day for day in range(17, 27) if told(datetime(2026, 5, day, 23, tzinfo=UTC), (("team", ("ml",)),))]
    assert [20, 21] == open_on
    assert [] == told(datetime(2026, 5, 20, 23, tzinfo=UTC), (("team", ("search",)),))


def test_an_hour_out_of_line_is_found_within_the_day(ledger: Ledger, tmp_path: Path) -> None:
    start, burst = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 29, 6, tzinfo=UTC)
    random = Random(3)
    made = []
    for number in range(24 * 28 + 9):
        when = start + timedelta(hours=number)
        tokens = int(4_000_000 * (0.95 + 0.1 * random.random()) * (5 if when == burst else 1))
        made.append(event(f"r{number}", time=when, input_tokens=tokens, team="ml"))
    now = burst + timedelta(hours=3)
    send(ledger, made, tmp_path, delivery=Delivery(now, now, "test"))
    found = spot(ledger, Rulebook(), Period(date(2026, 4, 20), date(2026, 4, 30)), now, ("hour",))
    assert [("spike", burst)] == [(one.driver.kind, one.driver.start) for one in found.groups]


def test_costs_that_cannot_be_added_up_are_refused_in_a_sentence(ledger: Ledger) -> None:
    deliver(ledger, [*bill(times=1), Charge(LAST, "5", "ml", currency="EUR")], at=MADE)
    with pytest.raises(QueryError, match="cannot be added up; add their rates to fx"):
        seen(ledger)
