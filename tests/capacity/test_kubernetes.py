"""Nodes' cost split among pods: exact, never negative, unknown where nothing was measured."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.insight.kubernetes import Allocation, NodeDay, PodDay, allocate, bill_keys, owner_of, split_day
from finops.ledger.kubernetes import HourPrices, kubernetes_costs
from finops.ledger.ledger import Ledger
from finops.ledger.loads import Delivery
from finops.owners import OwnerRule
from finops.periods import Period
from jobs.ingest_bills import ingest_files
from tests.capacity.conftest import Put

DAY = date(2026, 3, 1)
NODE = NodeDay(DAY, "n", None, 24, 4, 8, 32e9, Decimal("96.00"), "USD", "bill")
UNTIL = datetime(2026, 3, 2, tzinfo=UTC)


def pod(name: str, **asked: float) -> PodDay:
    return PodDay(DAY, "n", None, "ml", name, **asked)


def test_pods_pay_for_the_gpus_they_hold_and_the_rest_is_idle() -> None:
    found = split_day(NODE, Decimal("96.00"), [pod("a", gpu_hours=48), pod("b", gpu_hours=12)])
    assert ((Decimal("48.00"), Decimal("12.00")), Decimal("36.00")) == (found.pods, found.idle)


def test_a_pod_without_a_gpu_on_a_gpu_node_pays_nothing() -> None:
    assert (Decimal("0.00"),) == split_day(NODE, Decimal("96.00"), [pod("log", cpu_hours=24)]).pods


def test_a_node_without_gpus_is_split_by_cpu_and_memory() -> None:
    found = split_day(replace(NODE, gpus=0), Decimal("10.00"), [pod("a", cpu_hours=96, memory_hours=0), pod("b", gpu_hours=5)])
    assert ((Decimal("2.50"), Decimal("0.00")), Decimal("7.50")) == (found.pods, found.idle)


def test_pods_that_ask_for_more_than_there_is_share_and_nothing_is_negative() -> None:
    found = split_day(NODE, Decimal("100.00"), [pod("a", gpu_hours=192), pod("b", gpu_hours=96)])
    assert ((Decimal("66.67"), Decimal("33.33")), Decimal("0.00"), True) == (found.pods, found.idle, found.overcommitted)


@given(
    st.decimals(min_value="0.01", max_value="100000", places=4),
    st.lists(st.floats(min_value=0, max_value=500), max_size=20),
    st.sampled_from((0.0, 1.0, 8.0)),
)
def test_pods_and_idle_are_the_nodes_cost_to_the_last_digit(cost: Decimal, asked: list[float], gpus: float) -> None:
    found = split_day(replace(NODE, gpus=gpus), cost, [pod(str(n), gpu_hours=hours, cpu_hours=hours) for n, hours in enumerate(asked)])
    assert cost == sum(found.pods, found.idle)
    assert found.idle >= 0
    assert all(part >= 0 for part in found.pods)


def test_an_unpriced_node_is_told_and_costs_nothing_it_cannot_know() -> None:
    found = allocate([replace(NODE, cost=None, basis=None)], [pod("a", gpu_hours=1)], {})
    assert (Decimal(0), 1) == (found.nodes[0].cost, found.nodes[0].days_unpriced)
    assert any("No bill and no price names n" in note for note in found.notes)


def test_a_node_whose_pods_were_not_measured_is_unallocated_and_not_idle() -> None:
    found = allocate([replace(NODE, is_measured=False)], [], {})
    assert (Decimal(0), Decimal("96.00")) == (found.nodes[0].idle, found.nodes[0].unmeasured)


def test_a_team_is_found_by_rule_then_on_the_pod_then_on_its_namespace() -> None:
    rule = OwnerRule((("tag:namespace", ("ml-*",)),), team="research")
    labels = ({"label_app_kubernetes_io_part_of": "search"}, {"label_team": "web"})
    assert ["research", "search", "web", None] == [
        owner_of("ml-1", *labels, (rule,)),
        owner_of("x", *labels, (rule,)),
        owner_of("x", {}, labels[1]),
        owner_of("x", {}, {}),
    ]


@pytest.mark.parametrize(
    ("provider_id", "keys"),
    [
        ("aws:///us-east-1a/i-0AB", ("i-0ab",)),
        ("gce://p/z/n", ("//compute.googleapis.com/projects/p/zones/z/instances/n", "projects/p/zones/z/instances/n", "n")),
        ("azure:///subscriptions/S/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm", 1),
        ("azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/set/virtualMachines/0", 2),
        ("", ()),
    ],
)
def test_a_provider_id_says_how_the_bill_calls_the_machine(provider_id: str, keys: tuple[str, ...] | int) -> None:
    found = bill_keys(provider_id)
    assert keys == (len(found) if isinstance(keys, int) else found)
    assert all(key == key.lower() for key in found)


HEADER = "time,resource,metric,value,node,namespace,pod,provider_id,phase,label_team\n"


def cluster(*, phase: str = "") -> str:
    """A day of one node of four GPUs: pod a holds two of them all day, pod b one for six hours."""
    rows = []
    for step in range(288):
        time = f"2026-03-01T{step // 12:02}:{step % 12 * 5:02}:00Z"
        rows.append(f"{time},,kube_node_info,1,n1,,,aws:///eu-west-1a/i-0abc,,")
        rows.append(f"{time},nvidia_com_gpu,kube_node_status_allocatable,4,n1,,,,,")
        rows.append(f"{time},,kube_pod_labels,1,,ml,a,,,vision")
        rows.append(f"{time},nvidia_com_gpu,kube_pod_container_resource_requests,2,n1,ml,a,,,")
        rows += [f"{time},nvidia_com_gpu,kube_pod_container_resource_requests,1,n1,ml,b,,,"] if step < 72 else []
        rows += [f"{time},,kube_pod_status_phase,1,,ml,a,,{phase},"] if phase else []
    return HEADER + "\n".join(rows) + "\n"


@pytest.fixture
def bill(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "focus.csv"
    path.write_text(
        "ChargePeriodStart,BilledCost,EffectiveCost,BillingCurrency,ServiceName,ResourceId\n"
        "2026-03-01T00:00:00Z,100.00,96.00,USD,EC2,arn:aws:ec2:eu-west-1:123456789012:instance/i-0abc\n"
        "2026-03-01T00:00:00Z,5.00,5.00,USD,EC2,arn:aws:ec2:eu-west-1:123456789012:instance/i-0abcd\n"
    )
    ingest_files(ledger, [path], "focus", delivery=Delivery(UNTIL, UNTIL, "test"))


NO_PRICES = HourPrices()


def asked(ledger: Ledger, prices: HourPrices = NO_PRICES, until: datetime = UNTIL) -> Allocation:
    return kubernetes_costs(ledger, Period(DAY, date(2026, 3, 2)), until, prices)


@pytest.mark.usefixtures("bill")
def test_the_bill_of_a_node_is_split_by_what_its_pods_asked_for(ledger: Ledger, put: Put) -> None:
    put(cluster())
    found = asked(ledger)
    assert [("a", "vision", Decimal(48)), ("b", None, Decimal(6))] == [(one.pod, one.owner, one.cost) for one in found.pods]
    assert (Decimal(96), Decimal(54), Decimal(42)) == (found.nodes[0].cost, found.nodes[0].allocated, found.nodes[0].idle)


@pytest.mark.usefixtures("bill")
def test_a_pod_that_is_over_pays_nothing_though_its_request_is_still_shown(ledger: Ledger, put: Put) -> None:
    put(cluster(phase="Running"))
    assert ["a"] == [one.pod for one in asked(ledger).pods]


def test_without_a_bill_the_price_of_a_gpu_hour_stands_in(ledger: Ledger, put: Put) -> None:
    put(cluster())
    found = asked(ledger, HourPrices(gpu=Decimal("2.50")))
    assert (Decimal(240), ("price",)) == (found.nodes[0].cost, found.nodes[0].basis)
    assert any("estimate" in note for note in found.notes)


@pytest.mark.usefixtures("bill")
def test_as_of_an_earlier_instant_only_what_was_before_counts(ledger: Ledger, put: Put) -> None:
    put(cluster())
    found = asked(ledger, until=datetime(2026, 3, 1, 6, tzinfo=UTC))
    assert [("a", 12.0), ("b", 6.0)] == [(one.pod, round(one.gpu_hours, 6)) for one in found.pods]
