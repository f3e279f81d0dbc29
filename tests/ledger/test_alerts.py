"""Alerts are kept once for each finding, whoever finds it, and each move leaves its trace."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from finops.configuration.rulebook_steps import Propose
from finops.errors import UserError
from finops.guard.watching import Cap, Firing, Mark, Round
from finops.ledger import alerts
from finops.ledger.alerts import settle
from finops.ledger.audit import history_of
from finops.ledger.ledger import Ledger
from finops.ledger.state import writing
from finops.ledger.tables_alerts import alerts as rows
from tests.ledger.alerts_case import ML, NOON, DiedError, dying, finding, firing, letters, round_of
from tests.ledger.conftest import MakeLedger


def test_an_alert_its_message_and_its_audit_entry_are_written_together(ledger: Ledger) -> None:
    (fired,) = round_of(ledger.engine, firing()).fired
    assert ("A-1", "open", (ML,)) == (fired.id, fired.state, fired.routes)
    assert ["alert:A-1"] == letters(ledger.engine, "post")
    assert ["alert.fire"] == [entry.action for entry in history_of(ledger.engine, "A-1")]
    assert finding() == fired.finding


def test_a1_two_workers_that_find_the_same_twenty_breaches_at_once_tell_each_once(make_ledger: MakeLedger) -> None:
    engines = [make_ledger().engine, make_ledger().engine]
    rounds = [Round(NOON, alerts.memory(engine, NOON)) for engine in engines]
    for done in rounds:
        done.fired += [firing("1", rule=f"budget {number}") for number in range(20)]
    together = threading.Barrier(2)

    def work(number: int) -> None:
        together.wait()
        settle(engines[number], rounds[number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 20 == len(alerts.past_alerts(engines[0], NOON))
    assert 20 == len(letters(engines[0], "post"))


def test_a2_a_crash_after_any_statement_leaves_one_alert_and_one_message_after_the_restart(make_ledger: MakeLedger) -> None:
    engine = make_ledger().engine
    for last in range(1, 40):
        rule, died = f"budget {last}", False
        done = Round(NOON, alerts.memory(engine, NOON))
        done.fired += [firing("0.8", rule=rule), firing("1", rule=rule)]
        try:
            with dying(engine, last):
                settle(engine, done)
        except DiedError:
            died = True
        round_of(engine, firing("0.8", rule=rule), firing("1", rule=rule))
        told = [one for one in alerts.past_alerts(engine, NOON, most=1000) if one.finding.rule == rule]
        assert [Decimal("0.8"), Decimal(1)] == sorted(one.finding.threshold or 0 for one in told)
        assert last == len(letters(engine, "post"))
        if not died:
            break
    else:
        pytest.fail("it never came to its end")


def test_a_lower_threshold_after_a_higher_one_is_recorded_and_not_posted(ledger: Ledger) -> None:
    round_of(ledger.engine, firing("1"))
    (late,) = round_of(ledger.engine, firing("0.5")).fired
    assert 1 == late.told_with
    assert ["alert:A-1"] == letters(ledger.engine)


def test_a_click_that_comes_too_late_says_who_was_faster(ledger: Ledger) -> None:
    round_of(ledger.engine, firing())
    assert "A-1 is acknowledged, by U0ANA at 2026-11-21 12:00Z" == alerts.acknowledge(ledger.engine, "A-1", "U0ANA", NOON).said
    again = alerts.acknowledge(ledger.engine, "a-1", "U0BO", NOON)
    assert (False, "A-1 is acknowledged already, by U0ANA at 2026-11-21 12:00Z; nothing was changed") == (again.happened, again.said)


def test_each_move_edits_the_message_in_place_and_is_audited(ledger: Ledger) -> None:
    round_of(ledger.engine, firing(routes=(ML, "pagerduty:default", "email:ops@example.com")))
    alerts.acknowledge(ledger.engine, "A-1", "U0ANA", NOON)
    alerts.resolve(ledger.engine, "A-1", "U0ANA", NOON, "all right")
    assert ["alert:A-1:v2", "alert:A-1:v3"] == letters(ledger.engine, "update")
    assert "alert:A-1:pagerduty:default:v3" in letters(ledger.engine, "event")
    moves = [(entry.before, entry.after) for entry in history_of(ledger.engine, "A-1")]
    assert [(None, "open"), ("open", "acknowledged"), ("acknowledged", "resolved")] == moves


def test_a_snooze_needs_a_reason_and_a_time_to_come(ledger: Ledger) -> None:
    round_of(ledger.engine, firing())
    with pytest.raises(UserError, match="say why"):
        alerts.snooze(ledger.engine, "A-1", "U0ANA", NOON, " ", NOON + timedelta(hours=1))
    with pytest.raises(UserError, match="is over"):
        alerts.snooze(ledger.engine, "A-1", "U0ANA", NOON, "known", NOON)
    snoozed = alerts.snooze(ledger.engine, "A-1", "U0ANA", NOON, "known", NOON + timedelta(hours=1))
    assert "A-1 is snoozed until 2026-11-21 13:00Z, by U0ANA at 2026-11-21 12:00Z" == snoozed.said


def test_an_alert_there_is_not_is_told_so(ledger: Ledger) -> None:
    for wrong in ("A-7", "P-1", "A-x", "A-1; drop table alerts"):
        with pytest.raises(UserError, match="there is no alert"):
            alerts.acknowledge(ledger.engine, wrong, "U0ANA", NOON)


def test_two_budgets_that_a_rule_of_one_word_a_day_finds_at_once_are_one_alert(make_ledger: MakeLedger) -> None:
    """Both workers look before either writes, so that only the second look, alone, can see the cap."""
    cap = Cap("warn", NOON - timedelta(hours=12), 1)
    engine = make_ledger().engine
    rounds = [Round(NOON, alerts.memory(engine, NOON)) for _ in range(2)]
    for number, done in enumerate(rounds):
        done.fire(firing(None, kind="growth", rule="warn", period=f"2026-11-2{number}", watcher=f"warn@{number}", cap=cap))
        settle(engine, done)
    assert 1 == len(alerts.past_alerts(engine, NOON))


def test_what_goes_on_is_not_told_again_by_a_worker_that_looked_before(ledger: Ledger) -> None:
    rounds = [Round(NOON, alerts.memory(ledger.engine, NOON)) for _ in range(2)]
    for number, done in enumerate(rounds):
        done.fire(firing(None, kind="growth", rule="g", period=f"2026-11-2{number}", once_at_a_time=True, group=""))
        settle(ledger.engine, done)
    assert 1 == len(alerts.past_alerts(ledger.engine, NOON))


def test_one_correction_is_told_for_all_thresholds_it_falls_below(ledger: Ledger) -> None:
    round_of(ledger.engine, firing("0.5"))
    round_of(ledger.engine, firing("0.8"), firing("1"))
    keys = [finding(at).key for at in ("0.5", "0.8", "1")]
    done = round_of(ledger.engine, below=dict.fromkeys(keys, "It is 40%."))
    assert 3 == len(done.corrected)
    (note,) = letters(ledger.engine, "thread")
    assert note.startswith("alert:A-2")


def test_steps_are_owed_until_they_were_asked_for_and_come_back_as_they_were(ledger: Ledger) -> None:
    step = Propose("gateway.fallback", {"fallback": {"*": "small"}}, timedelta(hours=2), "low", (), (("team", ("ml",)),))
    round_of(ledger.engine, firing("1", asks=(step,)))
    (owed,) = alerts.owing(ledger.engine)
    assert (step,) == owed.steps
    alerts.asked(ledger.engine, owed.alert.number, NOON, ["P-1 is proposed"])
    assert [] == alerts.owing(ledger.engine)


def test_an_alert_that_was_corrected_asks_for_nothing_any_more(ledger: Ledger) -> None:
    round_of(ledger.engine, firing("1", asks=(Propose("gateway.block", {}),)))
    round_of(ledger.engine, below={finding("1").key: "It is 40%."})
    assert [] == alerts.owing(ledger.engine)


def test_marks_are_kept_and_forgotten(ledger: Ledger) -> None:
    done = Round(NOON, alerts.memory(ledger.engine, NOON))
    done.hold("rule:x")
    settle(ledger.engine, done)
    assert {"rule:x": Mark(NOON, NOON)} == alerts.memory(ledger.engine, NOON).marks
    later = Round(NOON + timedelta(minutes=5), alerts.memory(ledger.engine, NOON))
    assert 2 == later.hold("rule:x").times
    later.let_go("rule:x")
    settle(ledger.engine, later)
    assert {} == alerts.memory(ledger.engine, NOON).marks


def test_an_alert_without_a_route_is_told_by_the_fallback(ledger: Ledger) -> None:
    alerts.take(ledger.engine, [Firing(finding(), "ml")], NOON, ("slack:#alerts", "email:ops@example.com"))
    assert ("slack:#alerts",) == alerts.alert(ledger.engine, "A-1").routes


def test_no_number_is_given_twice(ledger: Ledger) -> None:
    round_of(ledger.engine, firing("0.5"))
    round_of(ledger.engine, firing("0.5"), firing("0.8"))
    with writing(ledger.engine) as tx:
        assert 2 == tx.execute(select(func.count()).select_from(rows)).scalar()
