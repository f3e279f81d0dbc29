"""The life of one anomaly: the table, and a machine that tries every order of happenings."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from finops.errors import UserError
from finops.insight.anomalies_states import GREW, NEXT, Case, advance, happening, opened, scanned
from tests.insight.test_anomalies_groups import ML, START, WEB, anomaly

FIRST = anomaly(ML, 100)


def grown(excess: float) -> Case:
    return scanned(opened(FIRST, START), anomaly(ML, excess), START)


def test_half_as_much_again_is_growing_and_less_is_not() -> None:
    assert ("open", "growing") == (grown(149).state, grown(150).state)


def test_a_scan_that_finds_the_same_changes_nothing_but_the_figures() -> None:
    case = opened(FIRST, START)
    assert replace(case, anomaly=anomaly(ML, 120)) == scanned(case, anomaly(ML, 120), START + timedelta(days=1))


def test_what_was_acknowledged_is_told_again_when_it_grows() -> None:
    case = advance(opened(FIRST, START), "acknowledge", START, by="ada")
    assert ("acknowledged", "growing") == (case.state, scanned(case, anomaly(ML, 200), START).state)


def test_what_a_scan_no_longer_finds_is_resolved_and_may_return() -> None:
    gone = scanned(opened(FIRST, START), None, START)
    assert ("resolved", "open") == (gone.state, scanned(gone, FIRST, START).state)


def test_a_resolved_case_stays_the_very_same_when_nothing_is_found() -> None:
    gone = scanned(opened(FIRST, START), None, START)
    assert gone is scanned(gone, None, START + timedelta(days=1))


def test_a_resolved_anomaly_cannot_be_acknowledged() -> None:
    with pytest.raises(UserError, match="is resolved, so it cannot 'acknowledge'; it can: return"):
        advance(scanned(opened(FIRST, START), None, START), "acknowledge", START)


def test_expected_needs_a_reason_that_is_kept() -> None:
    with pytest.raises(UserError, match="for a reason"):
        advance(opened(FIRST, START), "expect", START, by="ada")
    assert "load test" == advance(opened(FIRST, START), "expect", START, reason="load test").reason


def test_a_scan_of_another_series_is_refused() -> None:
    with pytest.raises(UserError, match="not of"):
        advance(opened(FIRST, START), "same", START, seen=anomaly(WEB, 1))


class Life(RuleBasedStateMachine):
    """Scans and people in any order: only what the table allows happens, and nobody is told of growth twice."""

    def __init__(self) -> None:
        super().__init__()
        self.case, self.days, self.heard = opened(FIRST, START), 0, FIRST.excess

    def move(self, after: Case) -> None:
        assert after.state == self.case.state or after.state in {state for (old, _), state in NEXT.items() if old == self.case.state}
        self.case = after

    @rule(excess=st.floats(1, 10_000), ended=st.booleans())
    def scan(self, excess: float, ended: bool) -> None:
        self.days += 1
        seen = replace(anomaly(ML, excess), status="ended" if ended else "open")
        what, told = happening(self.case, seen), self.case.told
        self.move(scanned(self.case, seen, START + timedelta(days=self.days)))
        if what == "grew":
            assert excess >= GREW * told
            assert excess == pytest.approx(self.case.told)
            assert happening(self.case, seen) == "same"

    @rule()
    def lose(self) -> None:
        self.move(scanned(self.case, None, START))
        assert not self.case.live

    @precondition(lambda self: self.case.state in ("open", "growing"))
    @rule()
    def acknowledge(self) -> None:
        self.move(advance(self.case, "acknowledge", START, by="ada"))

    @precondition(lambda self: self.case.state in ("open", "growing", "acknowledged"))
    @rule(reason=st.text(min_size=1).filter(str.strip))
    def expect(self, reason: str) -> None:
        self.move(advance(self.case, "expect", START, by="ada", reason=reason))

    @rule(what=st.sampled_from(sorted({happens for _, happens in NEXT})))
    def forbidden_is_refused(self, what: str) -> None:
        if (self.case.state, what) not in NEXT:
            with pytest.raises(UserError):
                advance(self.case, what, START, reason="x")  # type: ignore[arg-type]

    @invariant()
    def expected_has_a_reason(self) -> None:
        assert self.case.state != "expected" or self.case.reason.strip()


TestLife = Life.TestCase
