"""Fetches what the split of Kubernetes nodes rests on: requests and nodes from samples, their cost from bills."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select

from finops.capacity import GPU_METRICS, KUBE_METRICS, gpus_requested
from finops.insight.kubernetes import Allocation, Basis, NodeDay, PodDay, allocate, bill_keys, owner_of
from finops.ledger.capacity import kube_labels, micros, reading
from finops.ledger.catalog import live_files
from finops.ledger.ledger import Ledger
from finops.money import split
from finops.periods import Period

STEP: Final = timedelta(minutes=5)
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class HourPrices:
    """What an hour costs where no bill names the node: of one GPU, or of a whole node; in the ledger's currency."""

    gpu: Decimal | None = None
    node: Decimal | None = None


Key = tuple[date, str | None, str]  # day, cluster, node


def kubernetes_costs(ledger: Ledger, period: Period, until: datetime, prices: HourPrices, step: timedelta = STEP) -> Allocation:
    """Split the cost of every node seen in `period` among the pods that asked for a part of it.

    A step with a sample counts whole; days are the ledger's own.
    """
    zone = ZoneInfo(ledger.terms.timezone)
    start, end = (datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in (period.start, period.end))
    with reading(ledger, (*KUBE_METRICS, *GPU_METRICS), start, end, until) as con:
        if con is None:
            return Allocation((), (), ("No capacity samples of this time are loaded; see docs/capacity.md.",))
        steps = [start + n * step for n in range(-(-(end - start) // step))]
        con.execute("CREATE TEMP TABLE spans (low BIGINT, high BIGINT, day DATE)")
        con.executemany("INSERT INTO spans VALUES (?, ?, ?)", _spans(steps, zone))
        con.execute(_mean(start, step))
        requests, offered = _quantities(con, "kube_pod_container_resource_requests"), _quantities(con, "kube_node_status_allocatable")
        hours, devices, provider = _node_hours(con, step), _devices(con), _provider_ids(con)
    if not hours:
        return Allocation((), (), ("No node was seen: kube_node_info and kube_node_status_allocatable are missing; see docs/capacity.md.",))
    owners = _owners(ledger, kube_labels(ledger, start, end, until), requests)
    pods = _pods(requests, step)
    measured = {(pod.day, pod.cluster) for pod in pods}
    costs = _costs(ledger, period, until, hours, provider)
    nodes = [
        _node(key, seen, offered, devices, costs, prices, measured, ledger.terms.currency) for key, seen in sorted(hours.items(), key=str)
    ]
    return allocate(nodes, pods, owners)


def _spans(steps: Sequence[datetime], zone: ZoneInfo) -> list[tuple[int, int, date]]:
    """Return for each local day the numbers of its steps."""
    found: dict[date, list[int]] = defaultdict(list)
    for number, moment in enumerate(steps):
        found[moment.astimezone(zone).date()].append(number)
    return [(numbers[0], numbers[-1], day) for day, numbers in found.items()]


def _mean(start: datetime, step: timedelta) -> str:
    place = f"(epoch_us(time) - {micros(start)}) // {int(step.total_seconds() * 1_000_000)}"
    return f"""CREATE TEMP TABLE mean AS
        WITH folded AS (SELECT key, {place} AS step, avg(value) AS value FROM points GROUP BY ALL)
        SELECT step, day, metric, value, cluster, node, namespace, pod, container, gpu_uuid, resource, labels
        FROM folded JOIN series USING (key) JOIN spans ON step BETWEEN low AND high"""


def _quantities(con: Any, metric: str) -> list[tuple[Any, ...]]:
    """Return (day, cluster, node, namespace, pod, kind, Σ value over steps, steps).

    Pods that are over still have requests: where phases are known, only running ones count.
    """
    running = "metric = 'kube_pod_status_phase' AND json_extract_string(labels, '$.phase') = 'Running' AND value > 0"
    rows: list[tuple[Any, ...]] = con.execute(
        f"""WITH running AS (SELECT DISTINCT step, cluster, namespace, pod FROM mean WHERE {running})
        SELECT day, cluster, node, namespace, pod, json_extract_string(labels, '$.resource') AS kind, sum(value), count(DISTINCT step)
        FROM mean WHERE metric = ? AND node IS NOT NULL AND json_extract_string(labels, '$.resource') IS NOT NULL
        AND (pod IS NULL OR NOT EXISTS (FROM running) OR EXISTS (FROM running r WHERE r.step = mean.step
            AND r.cluster IS NOT DISTINCT FROM mean.cluster AND r.namespace = mean.namespace AND r.pod = mean.pod))
        GROUP BY ALL ORDER BY ALL""",
        [metric],
    ).fetchall()
    return rows


def _node_hours(con: Any, step: timedelta) -> dict[Key, float]:
    rows = con.execute(
        """SELECT day, cluster, node, count(DISTINCT step) FROM mean
        WHERE metric IN ('kube_node_info', 'kube_node_status_allocatable') AND node IS NOT NULL GROUP BY ALL"""
    ).fetchall()
    return {(day, cluster, node): steps * (step / HOUR) for day, cluster, node, steps in rows}


def _devices(con: Any) -> dict[tuple[date, str], int]:
    """Return how many GPUs were seen on a node, for nodes that do not say what they offer."""
    rows = con.execute("SELECT day, node, count(DISTINCT gpu_uuid) FROM mean WHERE gpu_uuid IS NOT NULL AND node IS NOT NULL GROUP BY ALL")
    return {(day, node): count for day, node, count in rows.fetchall()}


def _provider_ids(con: Any) -> dict[tuple[str | None, str], str]:
    rows = con.execute(
        """SELECT cluster, node, max(json_extract_string(labels, '$.provider_id')) FROM mean
        WHERE metric = 'kube_node_info' AND node IS NOT NULL GROUP BY ALL"""
    ).fetchall()
    return {(cluster, node): found for cluster, node, found in rows if found}


def _owners(
    ledger: Ledger, labels: Mapping[tuple[str, str | None], dict[str, str]], requests: Sequence[tuple[Any, ...]]
) -> dict[tuple[str, str], str | None]:
    pods = {(row[3] or "-", row[4] or "-") for row in requests}
    return {
        (namespace, pod): owner_of(namespace, labels.get((namespace, pod), {}), labels.get((namespace, None), {}), ledger.terms.owners)
        for namespace, pod in pods
    }


def _pods(requests: Sequence[tuple[Any, ...]], step: timedelta) -> list[PodDay]:
    sums: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for day, cluster, node, namespace, pod, kind, total, _ in requests:
        mine = sums[(day, node, cluster, namespace or "-", pod or "-")]
        gpus = gpus_requested(kind, float(total))
        mine[0] += gpus or 0.0
        mine[1] += float(total) if kind == "cpu" else 0.0
        mine[2] += float(total) if kind == "memory" else 0.0
    return [PodDay(*key, *(amount * (step / HOUR) for amount in amounts)) for key, amounts in sorted(sums.items(), key=str)]


def _node(
    key: Key,
    hours: float,
    offered: Sequence[tuple[Any, ...]],
    devices: Mapping[tuple[date, str], int],
    costs: Mapping[Key, tuple[Decimal, str]],
    prices: HourPrices,
    measured: set[tuple[date, str | None]],
    currency: str,
) -> NodeDay:
    day, cluster, node = key
    mine = {row[5]: float(row[6]) / row[7] for row in offered if row[:3] == key and row[7]}
    gpus = sum(gpus_requested(kind, amount) or 0.0 for kind, amount in mine.items())
    gpus = gpus if mine else float(devices.get((day, node), 0))
    cost, basis = _cost(key, hours, gpus, costs, prices)
    money = costs[key][1] if key in costs else currency
    return NodeDay(day, node, cluster, hours, gpus, mine.get("cpu"), mine.get("memory"), cost, money, basis, (day, cluster) in measured)


def _cost(
    key: Key, hours: float, gpus: float, costs: Mapping[Key, tuple[Decimal, str]], prices: HourPrices
) -> tuple[Decimal | None, Basis | None]:
    """The bill goes before any price: list prices overstate what spot and committed machines cost."""
    if key in costs:
        return costs[key][0], "bill"
    hour = prices.gpu * Decimal(str(gpus)) if prices.gpu is not None and gpus else prices.node
    if hour is None:
        return None, None
    return (hour * Decimal(str(round(hours, 6)))).quantize(Decimal("0.0000000001")), "price"


def _costs(
    ledger: Ledger, period: Period, until: datetime, hours: Mapping[Key, float], provider: Mapping[tuple[str | None, str], str]
) -> dict[Key, tuple[Decimal, str]]:
    """Return each node's effective cost of each day; a resource that stands for several nodes is shared by their hours."""
    names = {node: bill_keys(found) for node, found in provider.items()}
    billed = _billed(ledger, period, until, {key for keys in names.values() for key in keys})
    sharing: dict[tuple[date, str], list[Key]] = defaultdict(list)
    for day, cluster, node in hours:
        name = next((name for name in names.get((cluster, node), ()) if (day, name) in billed), None)
        if name is not None:
            sharing[(day, name)].append((day, cluster, node))
    found: dict[Key, tuple[Decimal, str]] = {}
    for place, nodes in sharing.items():
        for currency, cost in billed[place].items():
            parts = split(cost, [max(1, round(hours[node] * 1000)) for node in nodes])
            found.update({node: (part, currency) for node, part in zip(nodes, parts, strict=True)})
    return found


def _billed(ledger: Ledger, period: Period, until: datetime, names: set[str]) -> dict[tuple[date, str], dict[str, Decimal]]:
    with ledger.engine.connect() as connection:
        files = [file for file in live_files(connection) if file.first_day < period.end and file.last_day >= period.start]
    if not files or not names:
        return {}
    with ledger.facts.reading([file.path for file in files]) as reading_:
        charge = reading_.charges.c
        identity, called = func.lower(charge.ResourceId), func.lower(charge.ResourceName)
        tail = func.regexp_replace(identity, "^.*[/:]", "")
        test = or_(identity.in_(names), called.in_(names), tail.in_(names))
        days = and_(
            charge.x_ChargeDay >= period.start, charge.x_ChargeDay < period.end, charge.ChargePeriodStart < until.replace(tzinfo=None)
        )
        rows = reading_.run(
            select(charge.x_ChargeDay, identity, called, charge.BillingCurrency, func.sum(charge.EffectiveCost))
            .where(test, days, charge.EffectiveCost.is_not(None))
            .group_by(charge.x_ChargeDay, identity, called, charge.BillingCurrency)
        )
    found: dict[tuple[date, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for day, identity_, name_, currency, cost in rows:
        key = next((each for each in (identity_, name_, _tail(identity_)) if each in names), None)
        if key is not None:
            found[(day, key)][currency] += Decimal(cost)
    return found


def _tail(identity: str | None) -> str:
    return (identity or "").replace(":", "/").rpartition("/")[2]
