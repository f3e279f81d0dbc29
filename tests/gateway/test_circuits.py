"""Circuits, against a model that keeps every outcome."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.circuits import LONGEST, PROBE_FOR, USUAL, Circuit, Rule


def test_a_circuit_opens_after_half_of_ten_fail_and_a_probe_closes_it() -> None:
    circuit = Circuit()
    assert [False] * 9 + [True] == [circuit.note(number % 2 == 0, 0.0) for number in range(10)]
    assert 10.0 == circuit.refuses(0.0)
    assert 0.0 == circuit.refuses(10.0)
    assert 1.0 == circuit.refuses(10.0)
    assert (True, False, 0.0) == (circuit.note(True, 11.0, probe=True), circuit.is_open, circuit.refuses(11.0))


def test_a_failed_probe_opens_it_for_twice_as_long() -> None:
    circuit = _opened()
    assert 0.0 == circuit.refuses(10.0)
    circuit.note(False, 10.0, probe=True)
    assert 20.0 == circuit.refuses(10.0)


def test_what_was_under_way_before_the_probe_decides_nothing() -> None:
    circuit = _opened()
    circuit.refuses(10.0)
    assert (False, True) == (circuit.note(True, 10.5), circuit.is_open)


def test_a_probe_nobody_hears_of_again_is_followed_by_another() -> None:
    circuit = _opened()
    assert [0.0, 1.0, 0.0] == [circuit.refuses(10.0), circuit.refuses(11.0), circuit.refuses(10.0 + PROBE_FOR)]


def test_a_circuit_goes_by_the_rule_of_its_route() -> None:
    circuit = Circuit(Rule(share=0.2, least=5, window=60.0, pause=300.0))
    assert [False] * 4 + [True] == [circuit.note(number > 0, 10.0 * number) for number in range(5)]
    assert (300.0, 0.0) == (circuit.refuses(40.0), circuit.refuses(340.0))
    circuit.note(False, 340.0, probe=True)
    assert 300.0 == circuit.refuses(340.0)


def _opened() -> Circuit:
    circuit = Circuit()
    for _ in range(USUAL.least):
        circuit.note(False, 0.0)
    return circuit


class CircuitMachine(RuleBasedStateMachine):
    """A closed circuit opens exactly when its window says so; an open one passes one probe at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit, self.now = Circuit(), 0.0
        self.outcomes: list[tuple[float, bool]] = []
        self.probing_since: float | None = None
        self.opened_at = 0.0

    @rule(seconds=st.sampled_from([0.1, 1.0, 7.0, 31.0, 130.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: not self.circuit.is_open)
    @rule(ok=st.booleans(), times=st.integers(1, 6))
    def requests_end(self, ok: bool, times: int) -> None:
        for _ in range(times):
            if self.circuit.is_open:
                return
            self.outcomes = [each for each in [*self.outcomes, (self.now, ok)] if each[0] >= self.now - USUAL.window]
            failed = sum(not each for _, each in self.outcomes)
            expected = len(self.outcomes) >= USUAL.least and failed >= USUAL.share * len(self.outcomes)
            assert expected == self.circuit.note(ok, self.now)
            if expected:
                self.opened_at, self.probing_since = self.now, None

    @precondition(lambda self: self.circuit.is_open)
    @rule()
    def a_request_asks(self) -> None:
        running = self.probing_since is not None and self.now < self.probing_since + PROBE_FOR
        passes = self.circuit.refuses(self.now) == 0
        assert not (passes and (running or self.now < self.opened_at + USUAL.pause))
        if passes:
            self.probing_since = self.now

    @precondition(lambda self: self.circuit.is_open and self.probing_since is not None)
    @rule(ok=st.booleans())
    def the_probe_ends(self, ok: bool) -> None:
        self.circuit.note(ok, self.now, probe=True)
        assert ok != self.circuit.is_open
        self.probing_since, self.opened_at = None, self.now
        if ok:
            self.outcomes = []

    @invariant()
    def a_wait_is_never_longer_than_the_longest(self) -> None:
        if self.circuit.is_open and self.probing_since is None:
            assert self.now - self.opened_at > LONGEST or self.circuit._wait <= LONGEST


TestCircuitMachine = CircuitMachine.TestCase
