"""Hours that GPUs were there, who held them and how busy they were: each device once, however many pods show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from finops.capacity import GPU_METRICS, busy_metrics, scale_of
from finops.ledger.capacity import micros, reading
from finops.ledger.ledger import Ledger

BY: Final = ("cluster", "node", "namespace", "pod", "gpu_model", "resource", "day")
OTHER_METRICS: Final = ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_SM_CLOCK", "nvidia_smi_gpu_info")


@dataclass(frozen=True)
class GpuHours:
    """Hours of whole GPUs under one key. `busy` counts each hour by its utilisation, of those `measured`; the rest is unknown, not idle.

    A key's namespace and pod are None where nobody held the GPU.
    """

    key: tuple[str | None, ...]
    hours: float
    held: float
    measured: float
    busy: float


def gpu_hours(
    ledger: Ledger,
    start: datetime,
    end: datetime,
    by: Sequence[str] = (),
    step: timedelta = timedelta(minutes=5),
    *,
    until: datetime | None = None,
) -> list[GpuHours]:
    """Return GPU hours in `[start, end)` by columns of `BY`; a step with a sample counts whole, one without counts nothing.

    A MIG instance counts by its slices, what no instance takes is held by nobody; a time-sliced GPU is shared by its pods.
    """
    unknown = [name for name in by if name not in BY]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is nothing to group GPU hours by; use {', '.join(BY)}")
    with reading(ledger, (*GPU_METRICS, *OTHER_METRICS), start, end, until) as con:
        if con is None:
            return []
        hours = step / timedelta(hours=1)
        con.execute(f"CREATE TEMP TABLE seen AS {_seen(start, step)}")
        con.execute(f"CREATE TEMP TABLE shares AS {SHARES}")
        keys = ", ".join((f"strftime({_day(start, step)}, '%Y-%m-%d')" if name == "day" else name) for name in by)
        rows = con.execute(
            f"""SELECT {keys + "," if by else ""} sum(share), coalesce(sum(share) FILTER (held), 0),
            coalesce(sum(share) FILTER (busy IS NOT NULL), 0), coalesce(sum(share * busy), 0)
            FROM shares {f"GROUP BY {', '.join(str(place) for place in range(1, len(by) + 1))}" if by else "HAVING count(*) > 0"}
            ORDER BY ALL"""
        ).fetchall()
    return [GpuHours(tuple(row[: len(by)]), *(amount * hours for amount in row[len(by) :])) for row in rows]


def _day(start: datetime, step: timedelta) -> str:
    return f"make_timestamp({micros(start)} + step * {int(step.total_seconds() * 1_000_000)})"


def _seen(start: datetime, step: timedelta) -> str:
    """One row for each step, device, instance and holder, with how busy the best metric says it was.

    Labels that only some metrics carry, such as the model, are taken from whichever has them.
    """
    size = int(step.total_seconds() * 1_000_000)
    ranks = "CASE " + " ".join(f"WHEN metric = '{name}' THEN {place}" for place, name in enumerate(busy_metrics(is_mig=False), 1)) + " END"
    scales = "CASE " + " ".join(f"WHEN metric = '{name}' THEN {scale_of(name)}" for name in busy_metrics(is_mig=False)) + " END"
    on_mig = ", ".join(f"'{name}'" for name in busy_metrics(is_mig=True))
    return f"""
        WITH device AS (
            SELECT *, coalesce(gpu_uuid, resource) AS device,
                bool_or(mig_instance IS NOT NULL OR mig_profile IS NOT NULL) OVER (PARTITION BY coalesce(gpu_uuid, resource)) AS cut
            FROM series WHERE metric LIKE 'DCGM%' OR metric LIKE 'nvidia_smi%'
        ), told AS (
            SELECT device, max(gpu_model) AS gpu_model, max(node) AS node, max(cluster) AS cluster FROM device GROUP BY device
        ), mean AS (
            SELECT key, (epoch_us(time) - {micros(start)}) // {size} AS step, avg(value) AS value FROM points GROUP BY ALL
        )
        SELECT step, device, mig_instance, max(mig_profile) AS mig_profile, namespace, pod,
            any_value(told.gpu_model) AS gpu_model, any_value(told.node) AS node, any_value(told.cluster) AS cluster,
            arg_min(least(value * {scales}, 1.0), {ranks}) FILTER ({ranks} IS NOT NULL AND (NOT cut OR metric IN ({on_mig}))) AS busy
        FROM mean JOIN device USING (key) JOIN told USING (device)
        GROUP BY step, device, mig_instance, namespace, pod"""


SLICES: Final = "coalesce(try_cast(regexp_extract(mig_profile, '([1-9])g[._]', 1) AS DOUBLE), 1)"

# The rules: on a device that is cut, what is said of the whole is left out and the remainder is nobody's; pods on one
# part share it; a row without a pod counts only where no row of that part has one.
SHARES: Final = f"""
    WITH part AS (
        SELECT *, bool_or(mig_instance IS NOT NULL) OVER (PARTITION BY step, device) AS cut,
            count(pod) OVER (PARTITION BY step, device, mig_instance) AS pods,
            max(busy) OVER (PARTITION BY step, device, mig_instance) AS part_busy,
            CASE WHEN regexp_matches(coalesce(gpu_model, ''), '\\bA30\\b') THEN 4.0 ELSE 7.0 END AS whole
        FROM seen
    ), held AS (
        SELECT step, device, cluster, node, gpu_model, namespace, pod, part_busy AS busy, pod IS NOT NULL AS held, whole, cut,
            CASE WHEN mig_instance IS NULL THEN device ELSE device || '/mig-' || mig_instance END AS resource,
            (CASE WHEN cut THEN {SLICES} / whole ELSE 1.0 END) / greatest(pods, 1) AS share
        FROM part WHERE (mig_instance IS NOT NULL OR NOT cut) AND (pod IS NOT NULL OR pods = 0)
    ), counted AS (
        SELECT step, device, cluster, node, gpu_model, namespace, pod, busy, held, resource,
            share / greatest(sum(share) OVER (PARTITION BY step, device), 1.0) AS share
        FROM held
    )
    FROM counted
    UNION ALL BY NAME
    SELECT step, device, any_value(cluster) AS cluster, any_value(node) AS node, any_value(gpu_model) AS gpu_model,
        NULL AS namespace, NULL AS pod, NULL AS busy, false AS held, device AS resource, 1 - sum(share) AS share
    FROM counted GROUP BY step, device HAVING sum(share) < 1 - 1e-9"""
