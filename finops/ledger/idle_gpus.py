"""Reads from capacity samples how busy every GPU was at most, on which machine it sits, and what the bill charges an hour of that."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from finops.capacity import GPU_METRICS, busy_metrics, scale_of
from finops.guard.hour_rates import HourLine, by_resource, rate_of
from finops.guard.idle import Device, Fleet, Machine
from finops.insight.kubernetes import bill_keys, owner_of
from finops.ledger.capacity import kube_labels, reading
from finops.ledger.ledger import Ledger
from finops.ledger.resource_hours import hour_lines

MINUTE: Final = timedelta(minutes=1)
STALE: Final = timedelta(minutes=15)  # samples come every five minutes; older ones tell nothing of now
RAREST: Final = 5  # minutes between two samples; of one seen more rarely nobody knows what it did in between
BILLED: Final = timedelta(days=14)
ACTIVITY: Final = (*busy_metrics(is_mig=False), "DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_PROF_DRAM_ACTIVE")
ON_MIG: Final = tuple(name for name in ACTIVITY if "_PROF_" in name)
OF_NODES: Final = ("kube_node_info", "kube_node_labels")
PARTITIONS: Final = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
FINE: Final = Decimal("0.000001")
INSTANCE: Final = re.compile(r"i-[0-9a-f]{8,17}")


def fleet(ledger: Ledger, now: datetime, at_least: timedelta) -> Fleet | None:
    """Return every machine with GPUs and what it did in the last `at_least`; None where no sample is fresh."""
    begin = now - at_least - STALE
    with reading(ledger, (*GPU_METRICS, *ACTIVITY, *OF_NODES), begin, now, now) as con:
        newest = _newest(con)
        if newest is None or now - newest > STALE:
            return None
        con.execute(f"CREATE TEMP TABLE device AS {DEVICES}")
        first = newest + MINUTE - at_least
        told = con.execute(PARTS, [int(first.timestamp()) // 60]).fetchall()
        about = con.execute(ABOUT).fetchall()
        providers, counts = _of_nodes(con)
    owners = _owners(ledger, about, begin, now)
    devices = {row[0]: (row[1], _device(row[0], row[2], told, int(at_least / MINUTE), owners.get(row[0], ()))) for row in _each(about)}
    return Fleet(tuple(_priced(ledger, newest, _machines(devices, providers, counts))), newest)


def _newest(con: Any) -> datetime | None:
    if con is None:
        return None
    test = "metric LIKE 'DCGM%' OR metric LIKE 'nvidia_smi%'"
    found = con.execute(f"SELECT max(time) FROM points JOIN series USING (key) WHERE {test}").fetchone()[0]
    return None if found is None else found.replace(tzinfo=UTC)


# A GPU is one device, whichever of its parts and holders a series tells of; `cut` where MIG divides it.
DEVICES: Final = """
    SELECT *, bool_or(mig_instance IS NOT NULL OR mig_profile IS NOT NULL) OVER (PARTITION BY device) AS cut
    FROM (SELECT *, coalesce(gpu_uuid, regexp_replace(resource, '/mig-.*$', '')) AS device FROM series)
    WHERE metric LIKE 'DCGM%' OR metric LIKE 'nvidia_smi%'"""

# For each part of a device and each metric: minutes with a sample, the usual distance between two, the most, the last.
PARTS: Final = f"""
    WITH minute AS (
        SELECT device, cut, coalesce(mig_instance, '') AS part, metric, epoch_us(time) // 60000000 AS minute, max(value) AS value
        FROM points JOIN device USING (key)
        WHERE NOT isnan(value) AND value >= 0 AND metric IN ({", ".join(f"'{name}'" for name in ACTIVITY)})
            AND (NOT cut OR metric IN ({", ".join(f"'{name}'" for name in ON_MIG)}))
        GROUP BY ALL
    ), apart AS (
        SELECT *, minute - lag(minute) OVER (PARTITION BY device, part, metric ORDER BY minute) AS gap FROM minute WHERE minute >= ?
    )
    SELECT device, part, metric, count(*), median(gap), max(value) FROM apart GROUP BY device, part, metric ORDER BY ALL"""
ABOUT: Final = """
    SELECT device, max(cluster) OVER whole, max(node) OVER whole, max(gpu_model) OVER whole, namespace, pod, max(seen) OVER whole
    FROM device JOIN (SELECT key, max(time) AS seen FROM points GROUP BY key) USING (key)
    WINDOW whole AS (PARTITION BY device) ORDER BY device"""


def _each(about: Iterable[tuple[Any, ...]]) -> list[tuple[str, tuple[str | None, str | None], tuple[Any, ...]]]:
    """Return (device, (cluster, node), all that is told of it) once for each device."""
    return [(name, (row[1], row[2]), row) for name, row in {row[0]: row for row in about}.items()]


def _device(name: str, about: tuple[Any, ...], told: Sequence[tuple[Any, ...]], minutes: int, owners: tuple[str, ...]) -> Device:
    mine = [row for row in told if row[0] == name]
    most = max(mine, key=lambda row: row[5] * scale_of(row[2]), default=None)
    metrics = busy_metrics(is_mig=any(row[1] for row in mine))
    parts = {row[1] for row in mine if row[1]} or {""}  # what is said of a whole GPU says nothing of its parts
    coverage = min(max((_covered(row, minutes) for row in mine if row[1] == part and row[2] in metrics), default=0.0) for part in parts)
    busiest = None if most is None else most[5] * scale_of(most[2])
    return Device(name, about[2], None if most is None else most[2], busiest, coverage, about[6].replace(tzinfo=UTC), about[3], owners)


def _covered(row: tuple[Any, ...], minutes: int) -> float:
    apart = min(max(float(row[4] or 1), 1.0), RAREST)
    return min(1.0, float(row[3]) * apart / minutes)


def _of_nodes(con: Any) -> tuple[dict[tuple[str | None, str], str], dict[tuple[str | None, str], int]]:
    """Return what the provider calls each node, and how many GPUs it has as NVIDIA's feature discovery labels it."""
    rows = con.execute(
        """SELECT cluster, node, max(json_extract_string(labels, '$.provider_id')),
            max(try_cast(json_extract_string(labels, '$.label_nvidia_com_gpu_count') AS INTEGER))
        FROM series WHERE metric IN ('kube_node_info', 'kube_node_labels') AND node IS NOT NULL GROUP BY ALL"""
    ).fetchall()
    return {row[:2]: row[2] for row in rows if row[2]}, {row[:2]: row[3] for row in rows if row[3]}


def _owners(ledger: Ledger, about: Sequence[tuple[Any, ...]], begin: datetime, now: datetime) -> dict[str, tuple[str, ...]]:
    if not any(row[4] for row in about):
        return {}
    labels = kube_labels(ledger, begin, now, now)
    found: dict[str, set[str]] = defaultdict(set)
    for name, _, _, _, namespace, pod, _ in about:
        mine = labels.get((namespace, pod), {}), labels.get((namespace, None), {})
        if namespace and (team := owner_of(namespace, *mine, ledger.terms.owners)):
            found[name].add(team)
    return {name: tuple(sorted(teams)) for name, teams in found.items()}


def _machines(
    devices: Mapping[str, tuple[tuple[str | None, str | None], Device]],
    providers: Mapping[tuple[str | None, str], str],
    counts: Mapping[tuple[str | None, str], int],
) -> list[tuple[Machine, tuple[str, ...]]]:
    """Return each machine with the names that bills may have for it."""
    grouped: dict[tuple[str | None, str], list[Device]] = defaultdict(list)
    for (cluster, node), device in devices.values():
        grouped[cluster, node or device.name].append(device)
    found = []
    for place, held in grouped.items():
        names = bill_keys(providers[place]) if place in providers else tuple(dict.fromkeys((place[1], place[1].partition(".")[0])))
        found.append((Machine(place[1], tuple(sorted(held, key=lambda each: each.name)), counts.get(place)), names))
    return found


def _priced(ledger: Ledger, newest: datetime, machines: Sequence[tuple[Machine, tuple[str, ...]]]) -> list[Machine]:
    names = [name for _, known in machines for name in known]
    billed = by_resource(hour_lines(ledger, names, newest - BILLED, newest))
    return [_known(machine, next((billed[name] for name in known if name in billed), []), known) for machine, known in machines]


def _known(machine: Machine, lines: Sequence[HourLine], names: Sequence[str]) -> Machine:
    if not lines:
        return machine
    place = dict(max(lines, key=lambda line: line.start).place)
    rate = rate_of(lines)
    told = replace(machine, place=place, target=_target(place, names))
    return replace(told, hourly=rate.likely.quantize(FINE), currency=rate.currency, basis=rate.basis) if rate else told


def _target(place: Mapping[str, str], names: Sequence[str]) -> str | None:
    """Return the ARN of an EC2 instance; other machines are called by what no lever of ours moves."""
    instance = next((found[0] for name in names if (found := INSTANCE.search(name.lower()))), None)
    account, region = place.get("account", ""), place.get("region", "")
    if instance is None or not re.fullmatch(r"\d{12}", account) or not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        return None
    partition = next((name for start, name in PARTITIONS.items() if region.startswith(start)), "aws")
    return f"arn:{partition}:ec2:{region}:{account}:instance/{instance}"
