"""A GPU is idle only where enough samples say so; everything else is busy or unknown."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from finops.guard.idle import Fleet, Verdict
from finops.ledger.idle_gpus import fleet
from finops.ledger.ledger import Ledger
from tests.capacity.idle_case import ENGINE, MINUTE, NOON, UTIL, Rack, arn

TWO_HOURS = timedelta(hours=2)
INSTANCE = "i-0123456789abcdef0"


@pytest.fixture
def rack(ledger: Ledger, tmp_path: Path) -> Rack:
    folder = tmp_path / "samples"
    folder.mkdir()
    return Rack(ledger, folder)


def seen(rack: Rack, at_least: timedelta = TWO_HOURS, later: timedelta = timedelta()) -> Fleet | None:
    if rack.rows:
        rack.put()
    return fleet(rack.ledger, NOON + later, at_least)


def verdicts(rack: Rack) -> dict[str, Verdict]:
    found = seen(rack)
    assert found is not None
    return {machine.name: machine.verdict(found.newest) for machine in found.machines}


@pytest.mark.parametrize(
    ("value", "metric", "verdict"),
    [(0, UTIL, "idle"), (4.9, UTIL, "idle"), (5, UTIL, "busy"), (0.049, ENGINE, "idle"), (0.05, ENGINE, "busy")],
)
def test_idle_is_below_five_percent_in_whatever_the_metric_counts(rack: Rack, value: float, metric: str, verdict: Verdict) -> None:
    rack.gpu("GPU-1", "a", value, metric=metric)
    assert {"a": verdict} == verdicts(rack)


def test_one_busy_minute_in_two_hours_is_work(rack: Rack) -> None:
    rack.gpu("GPU-1", "a", minutes=[n for n in range(1, 121) if n != 60])
    rack.gpu("GPU-1", "a", 80, minutes=[60])
    assert {"a": "busy"} == verdicts(rack)


def test_d2_gaps_are_not_idleness(rack: Rack) -> None:
    """119 samples may miss 12 of 120 minutes, not 13."""
    rack.gpu("GPU-1", "enough", minutes=[n for n in range(1, 121) if not 50 <= n < 62])
    rack.gpu("GPU-2", "gappy", minutes=[n for n in range(1, 121) if not 50 <= n < 63])
    assert {"enough": "idle", "gappy": "unknown"} == verdicts(rack)


def test_d2_without_samples_or_with_old_ones_nobody_can_say(rack: Rack) -> None:
    assert seen(rack) is None
    rack.gpu("GPU-1", "a")
    assert seen(rack) is not None
    assert seen(rack, later=timedelta(minutes=14)) is not None
    assert seen(rack, later=timedelta(minutes=16)) is None


def test_d2_a_clock_that_is_ahead_sees_only_what_is_old(rack: Rack) -> None:
    rack.gpu("GPU-1", "a")
    assert seen(rack, later=timedelta(hours=3)) is None


def test_d2_samples_that_are_not_numbers_count_for_nothing(rack: Rack) -> None:
    rack.gpu("GPU-1", "a", float("nan"), minutes=range(1, 61))
    rack.gpu("GPU-1", "a", minutes=range(61, 121))
    rack.gpu("GPU-2", "b")
    assert {"a": "unknown", "b": "idle"} == verdicts(rack)


def test_a_gpu_that_fell_silent_while_others_report_is_unknown(rack: Rack) -> None:
    rack.gpu("GPU-1", "a")
    rack.gpu("GPU-2", "silent", minutes=range(12, 121))
    assert {"a": "idle", "silent": "unknown"} == verdicts(rack)


def test_samples_every_five_minutes_cover_and_rarer_ones_do_not(rack: Rack) -> None:
    rack.gpu("GPU-1", "five", every=5)
    rack.gpu("GPU-2", "ten", every=10)
    assert {"five": "idle", "ten": "unknown"} == verdicts(rack)


def test_a_machine_with_one_busy_gpu_of_several_is_busy(rack: Rack) -> None:
    for number in range(3):
        rack.gpu(f"GPU-{number}", "a")
    rack.gpu("GPU-9", "a", 50)
    assert {"a": "busy"} == verdicts(rack)


def test_a_machine_that_has_more_gpus_than_are_seen_is_unknown(rack: Rack) -> None:
    rack.gpu("GPU-1", "a")
    rack.node("a", INSTANCE, gpus=2)
    rack.gpu("GPU-2", "b")
    rack.node("b", INSTANCE, gpus=1)
    assert {"a": "unknown", "b": "idle"} == verdicts(rack)


def test_pods_that_share_a_gpu_mirror_it_and_fill_no_gap(rack: Rack) -> None:
    """Three pods show the same half of the window: that is half of it, not three halves."""
    for pod in ("x", "y", "z"):
        rack.gpu("GPU-1", "a", pod=pod, minutes=range(1, 61))
    assert {"a": "unknown"} == verdicts(rack)


def test_zero_utilisation_of_a_gpu_cut_by_mig_says_nothing(rack: Rack) -> None:
    rack.gpu("GPU-1", "a", mig=("3g.40gb", "1"))
    assert {"a": "unknown"} == verdicts(rack)


@pytest.mark.parametrize(("first", "second", "minutes", "verdict"), [(0, 0, 121, "idle"), (0, 0.5, 121, "busy"), (0, 0, 61, "unknown")])
def test_of_a_gpu_cut_by_mig_every_part_must_be_idle(rack: Rack, first: float, second: float, minutes: int, verdict: Verdict) -> None:
    rack.gpu("GPU-1", "a", first, metric=ENGINE, mig=("3g.40gb", "1"))
    rack.gpu("GPU-1", "a", second, metric=ENGINE, mig=("3g.40gb", "2"), minutes=range(1, minutes))
    assert {"a": verdict} == verdicts(rack)


def test_a_kernel_that_waits_for_memory_is_work(rack: Rack) -> None:
    rack.gpu("GPU-1", "a", metric=ENGINE)
    rack.gpu("GPU-1", "a", 0.3, metric="DCGM_FI_PROF_DRAM_ACTIVE")
    assert {"a": "busy"} == verdicts(rack)


def test_the_bill_tells_what_a_machine_costs_and_how_a_lever_calls_it(rack: Rack) -> None:
    rack.gpu("GPU-1", "ip-10-0-0-1.ec2.internal")
    rack.node("ip-10-0-0-1.ec2.internal", INSTANCE)
    rack.bill(INSTANCE, "3.06")
    found = seen(rack)
    assert found is not None
    (machine,) = found.machines
    assert (arn(INSTANCE), Decimal("3.06"), "USD") == (machine.target, machine.hourly, machine.currency)
    assert "what the bill of aws-def0 charged an hour of it on 5 days before" == machine.basis


def test_what_a_commitment_pays_for_is_not_saved_by_a_stop(rack: Rack) -> None:
    rack.gpu("GPU-1", INSTANCE)
    rack.bill(INSTANCE, "3.06", CommitmentDiscountId="sp-1")
    found = seen(rack)
    assert found is not None
    assert (Decimal(0), arn(INSTANCE)) == (found.machines[0].hourly, found.machines[0].target)


def test_a_machine_no_bill_names_is_found_and_is_no_target(rack: Rack) -> None:
    rack.gpu("GPU-1", "a")
    rack.node("a", INSTANCE)
    found = seen(rack)
    assert found is not None
    assert (None, None) == (found.machines[0].target, found.machines[0].hourly)


def test_a_scope_is_told_by_the_bill_and_what_nobody_tells_lies_outside(rack: Rack) -> None:
    rack.gpu("GPU-1", INSTANCE)
    rack.gpu("GPU-2", "unbilled")
    rack.bill(INSTANCE)
    found = seen(rack)
    assert found is not None

    def names(**scope: str) -> list[str]:
        return [machine.name for machine in found.verdicts(tuple((key, (value,)) for key, value in scope.items()))["idle"]]

    assert [INSTANCE, "unbilled"] == names()
    assert [INSTANCE] == names(team="ml") == names(region="eu-*") == names(resource=INSTANCE, provider="aws")
    assert [] == names(team="search") == names(env="dev")


def test_replayed_it_sees_only_what_was_known_then(rack: Rack) -> None:
    rack.gpu("GPU-1", "a", minutes=range(61, 181))
    rack.gpu("GPU-1", "a", 90, minutes=range(1, 61))
    assert {"a": "busy"} == verdicts(rack)
    before = fleet(rack.ledger, NOON - 60 * MINUTE, TWO_HOURS)
    assert before is not None
    assert ["idle"] == [machine.verdict(before.newest) for machine in before.machines]
