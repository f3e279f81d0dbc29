"""The burn rates gateways go by, in the state database: kept for all processes, told under a version, on record."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, inspect, select
from sqlalchemy.exc import OperationalError

from finops.guard.adaptive import Measured
from finops.ledger.gateway import Gateways
from finops.ledger.gateway_speeds import keep, speeds
from finops.ledger.state import open_state
from finops.ledger.tables import audit, metadata
from finops.ledger.tables_gateway import gateway_speeds

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LOOK = timedelta(minutes=5)
BURNING = Measured("team=ml", Decimal(9), "ml")
UNKNOWN = Measured("team=ml", None, "ml", "The figures are old.")


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    opened = open_state(state_url)
    yield opened
    opened.dispose()


def audited(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as tx:
        rows = tx.execute(select(audit.c.object, audit.c.detail).where(audit.c.action == "gateway.speed").order_by(audit.c.seq)).all()
    return [(row.object, (told := json.loads(row.detail))["from"], told["to"]) for row in rows]


def test_the_migration_makes_the_table_as_it_is_declared(engine: Engine) -> None:
    declared, found = metadata.tables["gateway_speeds"], inspect(engine)
    columns = {(each["name"], each["type"].compile(engine.dialect), each["nullable"]) for each in found.get_columns("gateway_speeds")}
    assert {(each.name, each.type.compile(engine.dialect), each.nullable) for each in declared.columns} == columns
    assert ["quota"] == found.get_pk_constraint("gateway_speeds")["constrained_columns"]


def test_a_burn_rate_that_matters_is_told_under_a_new_version_and_is_on_record(engine: Engine) -> None:
    said = [keep(engine, [BURNING], NOW + LOOK * number) for number in range(3)]
    assert (2, {"team=ml": Decimal(4)}) == (Gateways(engine).version(), speeds(engine))
    assert [("team=ml", "1", "2.50"), ("team=ml", "2.50", "4.00")] == audited(engine)
    assert [["the rate of team=ml goes by 2.5× instead of 1× of ml"], ["the rate of team=ml goes by 4× instead of 2.5× of ml"], []] == said


def test_a_change_that_does_not_matter_makes_no_version(engine: Engine) -> None:
    for number, burn in enumerate(("0.4", "0.9", "1.05", "1.08", "0.7")):
        assert [] == keep(engine, [Measured("team=ml", Decimal(burn), "ml")], NOW + LOOK * number)
    assert (0, {"team=ml": Decimal(1)}) == (Gateways(engine).version(), speeds(engine))


def test_without_figures_the_rate_stays_and_after_them_it_recovers_slowly(engine: Engine) -> None:
    keep(engine, [BURNING], NOW)
    keep(engine, [BURNING], NOW + LOOK)
    for number in range(2, 40):
        assert [] == keep(engine, [UNKNOWN], NOW + LOOK * number)
    keep(engine, [Measured("team=ml", Decimal(0), "ml")], NOW + LOOK * 40)
    assert {"team=ml": Decimal("3.75")} == speeds(engine)


def test_what_was_never_measured_is_not_told(engine: Engine) -> None:
    assert ([], {}) == (keep(engine, [UNKNOWN], NOW), speeds(engine))


def test_a_restart_and_another_process_go_by_the_same_rate(engine: Engine, state_url: str) -> None:
    keep(engine, [BURNING], NOW)
    again = open_state(state_url)
    assert speeds(engine) == speeds(again) == {"team=ml": Decimal("2.5")}
    again.dispose()


def test_looks_of_several_processes_at_one_instant_count_as_one(engine: Engine, state_url: str) -> None:
    said: list[str] = []

    def work() -> None:
        other = open_state(state_url)
        for _ in range(5):
            said.extend(keep(other, [BURNING, Measured("team=ads", Decimal("1.5"), "ads")], NOW))
        other.dispose()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (2, 1) == (len(said), Gateways(engine).version())
    assert {"team=ml": Decimal("2.5"), "team=ads": Decimal("1.5")} == speeds(engine)


def test_without_an_audit_entry_no_rate_changes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """T2: the audit cannot be written."""
    keep(engine, [BURNING], NOW)

    def broken(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("disk full"))

    monkeypatch.setattr("finops.ledger.gateway_speeds.record", broken)
    with pytest.raises(OperationalError):
        keep(engine, [BURNING], NOW + LOOK)
    assert (1, {"team=ml": Decimal("2.5")}) == (Gateways(engine).version(), speeds(engine))
    with engine.connect() as tx:
        assert [NOW] == list(tx.execute(select(gateway_speeds.c.at)).scalars())
