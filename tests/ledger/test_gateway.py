"""The gateways' part of the state database: a version that only grows, keys, workers, shares."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import Engine, inspect, select
from sqlalchemy.exc import OperationalError

from finops.errors import UserError
from finops.guard.leases import day_at
from finops.ledger.gateway import Gateways, bump, raise_to, version_on
from finops.ledger.gateway_shares import Grants
from finops.ledger.state import open_state, writing
from finops.ledger.tables import audit, metadata
from finops.ledger.tables_gateway import gateway_shares

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DIGEST = "ab" * 32


@pytest.fixture
def engine(state_url: str) -> Iterator[Engine]:
    opened = open_state(state_url)
    yield opened
    opened.dispose()


@pytest.fixture
def gateways(engine: Engine) -> Gateways:
    return Gateways(engine)


def grants(tokens: int | None = 1_000, cost: str | None = None) -> Grants:
    return Grants(day_at(NOW, "UTC"), {"q": (tokens, None if cost is None else Decimal(cost))})


def report(used: int = 0, may: int = 0, want: int = 0, day: str = "", cost: str = "0") -> dict[str, object]:
    amounts = {"used": used, "allowed": may, "want": want}
    return {"limit": "q", "subject": "", "day": day} | {name: {"tokens": each, "cost": cost} for name, each in amounts.items()}


def test_the_migration_makes_the_tables_as_they_are_declared(engine: Engine) -> None:
    found = inspect(engine)
    for name in ("gateway_state", "gateway_keys", "gateway_workers", "gateway_shares", "gateway_events"):
        declared = metadata.tables[name]
        columns = {(each["name"], each["type"].compile(engine.dialect), each["nullable"]) for each in found.get_columns(name)}
        assert {(each.name, each.type.compile(engine.dialect), each.nullable) for each in declared.columns} == columns
        assert [each.name for each in declared.primary_key] == found.get_pk_constraint(name)["constrained_columns"]
        assert {each.name for each in declared.indexes} == {each["name"] for each in found.get_indexes(name)}


def test_a_version_grows_with_each_change_and_not_with_one_that_is_undone(engine: Engine, gateways: Gateways) -> None:
    with writing(engine) as tx:
        assert [1, 2] == [bump(tx, NOW, "a"), bump(tx, NOW, "b")]
    with engine.connect() as undone:
        bump(undone, NOW, "c")
        undone.rollback()
    assert 2 == gateways.version()


def test_versions_of_two_processes_never_meet(engine: Engine, state_url: str) -> None:
    found: list[int] = []

    def work() -> None:
        other = open_state(state_url)
        for _ in range(10):
            with writing(other) as tx:
                found.append(bump(tx, NOW, "w"))
        other.dispose()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(range(1, 31)) == sorted(found)


def test_a_restart_goes_on_with_the_version_it_had(engine: Engine, state_url: str) -> None:
    with writing(engine) as tx:
        bump(tx, NOW, "a")
    again = open_state(state_url)
    assert 1 == Gateways(again).version()
    again.dispose()


def test_after_a_restored_backup_the_version_is_raised_by_hand_and_on_record(engine: Engine) -> None:
    assert [40, 40] == [raise_to(engine, 40, NOW, "ann"), raise_to(engine, 7, NOW, "ann")]
    with writing(engine) as tx:
        assert 41 == bump(tx, NOW, "next")
        assert [("ann", "gateway.version")] == [(row.actor, row.action) for row in tx.execute(select(audit.c.actor, audit.c.action))]


def test_another_configuration_raises_the_version_once(gateways: Gateways) -> None:
    assert [1, 1, 2, 2] == [gateways.align(digest, NOW) for digest in ("a" * 64, "a" * 64, "b" * 64, "b" * 64)]


def test_a_key_is_let_in_and_out_again_with_a_version_and_an_audit_entry_each(engine: Engine, gateways: Gateways) -> None:
    assert 1 == gateways.add_key(DIGEST, {"team": "ml"}, NOW, "ann")
    assert {DIGEST: {"team": "ml"}} == gateways.keys()
    assert 2 == gateways.revoke_key(DIGEST[:12], NOW, "bob")
    assert {} == gateways.keys()
    with engine.connect() as tx:
        rows = tx.execute(select(audit.c.actor, audit.c.action, audit.c.object, audit.c.detail).order_by(audit.c.seq)).all()
    assert [("ann", "gateway.key.added"), ("bob", "gateway.key.revoked")] == [(row.actor, row.action) for row in rows]
    assert (DIGEST[:12], {"identity": {"team": "ml"}}) == (rows[0].object, json.loads(rows[0].detail))


def test_a_key_is_never_let_in_twice(gateways: Gateways) -> None:
    gateways.add_key(DIGEST, {"team": "ml"}, NOW, "ann")
    with pytest.raises(UserError, match="known already"):
        gateways.add_key(DIGEST, {"team": "ads"}, NOW, "ann")
    assert (1, {DIGEST: {"team": "ml"}}) == (gateways.version(), gateways.keys())


@pytest.mark.parametrize(("named", "count"), [("ab", 2), ("ff", 0), ("", 2), ("a%", 0)])
def test_a_key_is_only_revoked_where_one_is_meant(gateways: Gateways, named: str, count: int) -> None:
    gateways.add_key(DIGEST, {"team": "ml"}, NOW, "ann")
    gateways.add_key("abcd" * 16, {"team": "ads"}, NOW, "ann")
    with pytest.raises(UserError, match=f"names {count} keys"):
        gateways.revoke_key(named, NOW, "ann")


def test_a_rollout_names_living_workers_that_go_by_an_older_version(engine: Engine, gateways: Gateways) -> None:
    with writing(engine) as tx:
        bump(tx, NOW, "a")
    assert [1, 2] == [gateways.seen("gone", 0, NOW - timedelta(minutes=2)), gateways.seen("a", 1, NOW) + 1]
    gateways.seen("b", 0, NOW)
    found = gateways.rollout(NOW)
    assert (1, ("a", "b"), ("b",)) == (found.version, found.workers, found.behind)


def test_shares_of_two_workers_never_sum_to_more_than_the_quota(gateways: Gateways) -> None:
    first = gateways.lease("a", 1, [report(want=700)], grants(), NOW)[0]
    second = gateways.lease("b", 1, [report(want=700)], grants(), NOW)[0]
    assert first
    assert second
    assert ((700, False), (300, True)) == (
        (first["allowed"]["tokens"], first["dry"]),
        (second["allowed"]["tokens"], second["dry"]),
    )


def test_a_worker_that_leaves_gives_back_what_it_did_not_use(gateways: Gateways) -> None:
    gateways.lease("a", 1, [report(want=900)], grants(), NOW)
    gateways.lease("a", 2, [report(used=200, may=200, day="2026-11-21") | {"leaving": True}], grants(), NOW)
    answer = gateways.lease("b", 1, [report(want=700)], grants(), NOW)[0]
    assert answer
    assert (700, False) == (answer["allowed"]["tokens"], answer["dry"])


def test_a_worker_that_died_keeps_its_share_for_the_day(gateways: Gateways) -> None:
    gateways.lease("a", 1, [report(want=900)], grants(), NOW)
    answer = gateways.lease("b", 1, [report(want=700)], grants(), NOW + timedelta(hours=5))[0]
    assert answer
    assert (100, True) == (answer["allowed"]["tokens"], answer["dry"])


def test_a_report_that_comes_late_changes_nothing(gateways: Gateways, engine: Engine) -> None:
    gateways.lease("a", 5, [report(used=10, may=10, want=90)], grants(), NOW)
    assert [None] == gateways.lease("a", 4, [report(used=900, may=900)], grants(), NOW)
    with engine.connect() as tx:
        assert [10] == list(tx.execute(select(gateway_shares.c.used_tokens)).scalars())


def test_yesterdays_report_closes_yesterday_and_is_answered_for_today(gateways: Gateways, engine: Engine) -> None:
    gateways.lease("a", 1, [report(want=500)], grants(), NOW)
    tomorrow = NOW + timedelta(days=1)
    next_day = Grants(day_at(tomorrow, "UTC"), {"q": (1_000, None)})
    answer = gateways.lease("a", 2, [report(used=400, may=500, want=50, day="2026-11-21")], next_day, tomorrow)[0]
    assert answer
    assert ("2026-11-22", 250) == (answer["day"], answer["allowed"]["tokens"])
    with engine.connect() as tx:
        rows = tx.execute(select(gateway_shares.c.used_tokens, gateway_shares.c.allowed_tokens).order_by(gateway_shares.c.day)).all()
    assert [(400, 400), (0, 250)] == [tuple(row) for row in rows]


def test_money_is_handed_out_to_the_last_digit(gateways: Gateways) -> None:
    answer = gateways.lease("a", 1, [report(want=0)], grants(None, "0.10"), NOW)[0]
    assert answer
    assert {"tokens": 0, "cost": "0.025000000"} == answer["allowed"]


def test_a_limit_nobody_knows_grants_nothing(gateways: Gateways) -> None:
    answer = gateways.lease("a", 1, [report(want=10) | {"limit": "other"}], grants(), NOW)[0]
    assert answer
    assert (0, True) == (answer["allowed"]["tokens"], answer["dry"])


@pytest.mark.parametrize("wrong", [{}, {"used": {"tokens": "x", "cost": "0"}}, {"used": {"tokens": 0, "cost": "NaN"}}, {"day": "today"}])
def test_what_is_no_report_is_refused_and_changes_nothing(gateways: Gateways, wrong: dict[str, object]) -> None:
    broken = {} if not wrong else report() | wrong
    with pytest.raises(UserError):
        gateways.lease("a", 1, [report(want=10), broken], grants(), NOW)
    assert [None] != gateways.lease("a", 1, [report(want=10)], grants(), NOW)


def test_two_workers_who_ask_at_once_are_answered_one_after_the_other(state_url: str, engine: Engine) -> None:
    answers: list[int] = []

    def work(name: str) -> None:
        other = open_state(state_url)
        may = 0
        for seq in range(1, 11):
            answer = Gateways(other).lease(name, seq, [report(used=may, may=may, want=100, day="2026-11-21")], grants(), NOW)[0]
            assert answer
            may = answer["allowed"]["tokens"]
        answers.append(may)
        other.dispose()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1_000 == sum(answers)


def test_events_are_kept_and_old_ones_forgotten(gateways: Gateways) -> None:
    gateways.tell("a", [{"kind": "unpriced", "model": "odd"}], NOW - timedelta(days=8))
    gateways.tell("a", [{"kind": "circuit_opened", "model": "m"}], NOW)
    assert ["unpriced", "circuit_opened"] == [told.kind for told in gateways.told(NOW - timedelta(days=30))]
    gateways.forget(NOW)
    assert [{"kind": "circuit_opened", "model": "m"}] == [told.detail for told in gateways.told(NOW - timedelta(days=30))]


def test_without_an_audit_entry_no_key_comes_in(engine: Engine, gateways: Gateways, monkeypatch: pytest.MonkeyPatch) -> None:
    """T2: the audit cannot be written."""

    def broken(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("disk full"))

    monkeypatch.setattr("finops.ledger.gateway.record", broken)
    with pytest.raises(OperationalError):
        gateways.add_key(DIGEST, {"team": "ml"}, NOW, "ann")
    with engine.connect() as tx:
        assert ({}, 0) == (gateways.keys(), version_on(tx))
