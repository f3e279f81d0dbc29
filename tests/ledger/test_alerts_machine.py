"""Alerts under crashes, repeats, clock jumps and a second worker, against a model of twenty lines."""

from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete

from finops.guard.alert_states import LIVE, NEXT, AlertEvent, AlertState
from finops.guard.watching import Round
from finops.ledger import alerts
from finops.ledger.alerts import settle
from finops.ledger.ledger import Ledger
from finops.ledger.state import writing
from finops.ledger.tables_alerts import alerts as rows
from finops.ledger.tables_alerts import watch_marks
from finops.ledger.tables_outbox import outbox
from tests.ledger.alerts_case import NOON, DiedError, dying, finding, firing, letters
from tests.ledger.conftest import MakeLedger

THRESHOLDS = ("0.5", "0.8", "1")
MONTHS = ("2026-10", "2026-11")


class Machine(RuleBasedStateMachine):
    """The model: `state` of every (month, threshold) that was ever reached, and `posts`, one for each load that reached new ones."""

    first: Ledger
    second: Ledger

    def __init__(self) -> None:
        super().__init__()
        with writing(self.first.engine) as tx:
            for table in (rows, watch_marks, outbox):
                tx.execute(delete(table))
        self.now = NOON
        self.state: dict[tuple[str, str], AlertState] = {}
        self.until: dict[tuple[str, str], datetime] = {}
        self.posts = 0

    def look(self, month: str, share: str, worker: Ledger) -> Round:
        done = Round(self.now, alerts.memory(worker.engine, self.now))
        for at in THRESHOLDS:
            if float(share) >= float(at):
                done.fire(firing(at, period=month))
            else:
                done.fall_below(finding(at, period=month).key, f"It is {share}.")
        return done

    def happened(self, month: str, share: str) -> None:
        new = [at for at in THRESHOLDS if float(share) >= float(at) and (month, at) not in self.state]
        higher = any((month, at) in self.state for at in THRESHOLDS if new and float(at) > float(max(new, key=float)))
        self.posts += bool(new) and not higher
        self.state |= dict.fromkeys([(month, at) for at in new], "open")
        for (known, at), state in self.state.items():
            if known == month and float(share) < float(at) and state in LIVE:
                self.state[known, at] = "corrected"

    @rule(month=st.sampled_from(MONTHS), share=st.sampled_from(("0.2", "0.6", "0.9", "1.3")), worker=st.booleans())
    def check(self, month: str, share: str, worker: bool) -> None:
        ledger = self.second if worker else self.first
        settle(ledger.engine, self.look(month, share, ledger))
        self.happened(month, share)

    @rule(month=st.sampled_from(MONTHS), share=st.sampled_from(("0.2", "0.6", "0.9", "1.3")))
    def two_workers_look_before_either_writes(self, month: str, share: str) -> None:
        both = [self.look(month, share, ledger) for ledger in (self.first, self.second)]
        for ledger, done in zip((self.first, self.second), both, strict=True):
            settle(ledger.engine, done)
        self.happened(month, share)

    @rule(month=st.sampled_from(MONTHS), share=st.sampled_from(("0.2", "0.9", "1.3")), last=st.integers(1, 12))
    def die_while_writing(self, month: str, share: str, last: int) -> None:
        done = self.look(month, share, self.first)
        try:
            with dying(self.first.engine, last):
                settle(self.first.engine, done)
        except DiedError:
            return
        self.happened(month, share)

    @rule(hours=st.sampled_from((1, -1, 40 * 24, -40 * 24)))
    def jump(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @precondition(lambda self: self.state)
    @rule(data=st.data(), event=st.sampled_from(("acknowledge", "snooze", "resolve")), hours=st.sampled_from((1, 48)))
    def somebody_clicks(self, data: st.DataObject, event: AlertEvent, hours: int) -> None:
        month, at = which = data.draw(st.sampled_from(sorted(self.state)))
        found = alerts.of_key(self.first.engine, finding(at, period=month).key)
        assert found
        until = self.now + timedelta(hours=hours) if event == "snooze" else None
        change = alerts.act(self.second.engine, found.id, event, "U0ANA", self.now, "it is a migration", until)
        assert change.happened == ((self.state[which], event) in NEXT)
        if change.happened:
            self.state[which] = NEXT[self.state[which], event]
            self.until |= {which: until} if until else {}

    @rule()
    def snoozes_that_are_over_end(self) -> None:
        over = [which for which, state in self.state.items() if state == "snoozed" and self.until[which] <= self.now]
        woken = alerts.wake(self.second.engine, self.now)
        assert sorted(over) == sorted((one.finding.period, str(one.finding.threshold)) for one in woken)
        self.state |= dict.fromkeys(over, "open")

    @invariant()
    def every_threshold_was_told_once(self) -> None:
        found = alerts.past_alerts(self.first.engine, NOON + timedelta(days=36500), most=1000)
        assert {(one.finding.period, str(one.finding.threshold)): one.state for one in found} == self.state
        assert len(letters(self.first.engine, "post")) == self.posts


def test_alerts_behave_as_their_model(make_ledger: MakeLedger) -> None:
    class Here(Machine):
        first, second = make_ledger(), make_ledger()

    quick = settings(max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    run_state_machine_as_test(Here, settings=quick)
