"""Kept anomalies under repeats, crashes, clicks and a second worker, against a model of a few lines."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete

from finops.insight.anomalies_events import Anomaly
from finops.ledger.anomalies import acknowledge, anomaly, expect, kept, not_useful
from finops.ledger.ledger import Ledger
from finops.ledger.outbox import Reference, claim, sent
from finops.ledger.settling_anomalies import settle
from finops.ledger.state import writing
from finops.ledger.tables_anomalies import anomalies, anomaly_looks, anomaly_words
from finops.ledger.tables_outbox import outbox
from tests.ledger.alerts_case import DiedError, dying
from tests.ledger.anomalies_case import DAY, NOON, TODAY, found, letters, look
from tests.ledger.conftest import MakeLedger

TEAMS = ("ml", "search", "data")
SEEN = st.dictionaries(st.sampled_from(TEAMS), st.sampled_from((100.0, 160.0, 260.0)), max_size=3)
MOVES = {"acknowledge": ("open", "growing"), "expect": ("open", "growing", "acknowledged")}


class Machine(RuleBasedStateMachine):
    """The model: the state of each team's anomaly, the excess people last heard of, and up to which one the like of it is covered."""

    first: Ledger
    second: Ledger

    def __init__(self) -> None:
        super().__init__()
        with writing(self.first.engine) as tx:
            for table in (anomalies, anomaly_words, anomaly_looks, outbox):
                tx.execute(delete(table))
        self.now = NOON
        self.state: dict[str, str] = {}
        self.heard: dict[str, float] = {}
        self.covered: dict[str, float] = {}

    def seen(self, team: str, excess: float) -> Anomaly:
        return replace(found((("team", team),), excess=excess), end=TODAY)

    def happened(self, wanted: dict[str, float]) -> None:
        for team, excess in wanted.items():
            before = self.state.get(team)
            if before is None:
                self.state[team], self.heard[team] = "open", excess
            elif before == "resolved":
                if excess > self.covered.get(team, 0.0):
                    self.state[team], self.heard[team] = "open", excess
            elif excess >= 1.5 * self.heard[team]:
                self.state[team], self.heard[team] = "growing", excess
        for team in set(self.state) - set(wanted):
            self.state[team] = "resolved"

    @rule(wanted=SEEN, worker=st.booleans(), died=st.one_of(st.none(), st.integers(1, 12)))
    def a_look(self, wanted: dict[str, float], worker: bool, died: int | None) -> None:
        self.now += timedelta(minutes=10)
        on = (self.second if worker else self.first).engine
        one = look(*(self.seen(team, excess) for team, excess in sorted(wanted.items())), at=self.now)
        if died is not None:
            try:
                with dying(on, died):
                    settle(on, one)
            except DiedError:
                return
        else:
            settle(on, one)
            settle((self.first if worker else self.second).engine, one)  # again, by the other worker
        self.happened(wanted)

    @rule(team=st.sampled_from(TEAMS), move=st.sampled_from(sorted(MOVES)), twice=st.booleans())
    def a_click(self, team: str, move: str, twice: bool) -> None:
        if team not in self.state:
            return
        identity = self.seen(team, 1.0).id
        for number in range(1 + twice):
            if move == "acknowledge":
                change = acknowledge(self.first.engine, identity, "U0ANA", self.now, TODAY)
            else:
                change = expect(self.second.engine, identity, "U0ANA", self.now, TODAY, "a launch", "day of month")
            assert change.happened == (self.state[team] in MOVES[move] and not number)
        if self.state[team] in MOVES[move]:
            self.heard[team] = anomaly(self.first.engine, identity).case.anomaly.excess
            if move == "expect":
                self.covered[team] = max(self.covered.get(team, 0.0), 1.5 * self.heard[team])
            self.state[team] = "acknowledged" if move == "acknowledge" else "expected"

    @rule(team=st.sampled_from(TEAMS), who=st.sampled_from(("U0ANA", "U0BRUNO")))
    def called_of_no_use(self, team: str, who: str) -> None:
        if team not in self.state:
            return
        excess = anomaly(self.first.engine, self.seen(team, 1.0).id).case.anomaly.excess
        if not_useful(self.second.engine, self.seen(team, 1.0).id, who, self.now, TODAY).happened:
            self.covered[team] = max(self.covered.get(team, 0.0), 1.25 * excess)
            self.state[team] = "resolved"

    @rule(times=st.integers(1, 3))
    def letters_go_out(self, times: int) -> None:
        for _ in range(times):
            letter = claim(self.first.engine, self.now, DAY, ("slack",))
            if letter is not None:
                assert sent(self.first.engine, letter, self.now, Reference("C1", "1.0"))

    @invariant()
    def every_anomaly_stands_as_modelled_and_has_one_message(self) -> None:
        stored = {dict(one.case.anomaly.key)["team"]: one.case.state for one in kept(self.first.engine, self.now)}
        assert self.state == stored
        posts = letters(self.first.engine, "post")
        assert len(set(posts)) == len(posts) == len(self.state)


def test_anomalies_behave_as_their_model(make_ledger: MakeLedger) -> None:
    class Here(Machine):
        first, second = make_ledger(), make_ledger()

    quick = settings(max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    run_state_machine_as_test(Here, settings=quick)
