"""`ingest capacity`, `/cost capacity` and `/cost kubernetes`: what is there, who holds it, what that costs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from bot.assemble import Tools
from bot.replies import Asking, Reply, TextReply
from finops.deliveries import Progress
from finops.errors import QueryError, UserError
from finops.insight.kubernetes import Allocation, NodeCost, PodCost
from finops.money import show
from finops.periods import Period
from finops.query import CostQuery, parse
from finops.telling.answer_json import amount, moment
from finops.telling.names import clean, cut

if TYPE_CHECKING:
    from bot.ingesting import Order
    from finops.sources.prometheus import Server
    from jobs.ingest_capacity import IngestedSamples

MOST: Final = 15  # lines; scripts get all
PROMETHEUS: Final = "prometheus"
UNKNOWN: Final = "–"


def ingest_capacity(tools: Tools, order: "Order", progress: Progress) -> "IngestedSamples":
    """Load files of samples, or pull what Prometheus gathered since the last time. Raises UserError, BillError, SourceError."""
    from finops.ledger.loads import Delivery
    from jobs.ingest_capacity import ingest_capacity_files

    if not order.places:
        raise UserError("what shall be ingested? Give files or folders of samples, or the word prometheus and its address")
    if order.places[0] == PROMETHEUS or order.places[0].startswith(("http://", "https://")):
        return _pull(tools, order, progress)
    now = tools.now()
    delivery = Delivery(order.delivered_at or now, now, "terminal")
    paths = [Path(place) for place in order.places]
    done = ingest_capacity_files(tools.ledger, paths, taken_at=order.as_of, delivery=delivery, source=order.source, progress=progress)
    return replace(done, notes=(*done.notes, done.sentence))


def _pull(tools: Tools, order: "Order", progress: Progress) -> "IngestedSamples":
    from jobs.ingest_capacity import IngestedSamples, ingest_prometheus

    since = _options(order).get("since")
    found = [
        (server, ingest_prometheus(tools.ledger, server, now=order.as_of, actor="terminal", since=_since(tools, since), progress=progress))
        for server in _servers(tools, order)
    ]
    return IngestedSamples(
        tuple(load for _, done in found for load in done.loads),
        tuple(note for server, done in found for note in (f"{server.name}: {done.sentence}", *done.notes)),
        samples=sum(done.samples for _, done in found),
        series=sum(done.series for _, done in found),
        gaps=sum(done.gaps for _, done in found),
    )


def _since(tools: Tools, text: str | None) -> datetime | None:
    return None if text is None else tools.moment(text)


def _servers(tools: Tools, order: "Order") -> "list[Server]":
    from jobs.ingest_capacity import server_at, servers, step_of
    from jobs.registry import Tools as JobTools

    address = next((place for place in order.places if place.startswith(("http://", "https://"))), None)
    if address is not None:
        chosen = [server_at(address, tools.settings.prometheus_token, order.source or PROMETHEUS)]
    else:
        known = servers(JobTools(tools.ledger, order.as_of, tools.settings, tools.rulebook))
        chosen = [server for server in known if order.source in (None, server.name)]
    if not chosen:
        raise UserError("which Prometheus? Give its address, as in ingest capacity prometheus http://prometheus:9090, or add it to sources")
    step = _options(order).get("step")
    return [replace(server, step=step_of(step)) for server in chosen] if step else chosen


def prometheus_problems(tools: Tools) -> list[str]:
    """Return what stops a configured Prometheus from being read, a sentence each: `check --online`."""
    from finops.sources.prometheus import problems
    from jobs.ingest_capacity import servers
    from jobs.registry import Tools as JobTools

    found = servers(JobTools(tools.ledger, tools.now(), tools.settings, tools.rulebook), sleep=lambda _: None)
    return [f"source '{server.name}': {problem}" for server in found for problem in problems(server)]


def _options(order: "Order") -> dict[str, str]:
    found = dict(each.partition("=")[::2] for each in order.options)
    unknown = [name for name in found if name not in ("since", "step")]
    if unknown:
        raise UserError(f"'{unknown[0]}' is no option of capacity, which takes since=2026-03-01 and step=5m")
    return found


def capacity_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """What was sampled in a period, and hours of GPUs by node."""
    from finops.ledger.capacity import resources
    from finops.ledger.gpu_hours import gpu_hours

    query = _asked(tools, rest, asking, ())
    start, end = _span(tools, query.period)
    found = resources(tools.ledger, start, end, until=asking.until)
    hours = gpu_hours(tools.ledger, start, end, ("node", "gpu_model", "namespace"), until=asking.until)
    lines = [
        f"{clean(node or UNKNOWN)} ({clean(model or 'GPU')}), {f'namespace {clean(space)}' if space else 'held by nobody'}: "
        f"{one.hours:,.1f} GPU hours, {f'{one.busy / one.measured:.0%} busy' if one.measured else 'utilisation unknown'}"
        for one in sorted(hours, key=lambda one: -one.hours)[:MOST]
        for node, model, space in (one.key,)
    ]
    document: dict[str, Any] = {
        "period": _period(query.period),
        "gpu_hours": [
            dict(zip(("node", "gpu_model", "namespace"), one.key, strict=True))
            | {"hours": one.hours, "held": one.held, "measured": one.measured, "busy": one.busy}
            for one in hours
        ],
        "resources": [
            {
                "resource": one.resource,
                "first": moment(one.first),
                "last": moment(one.last),
                "samples": one.samples,
                "metrics": list(one.metrics),
                "cluster": one.cluster,
                "node": one.node,
                "namespace": one.namespace,
                "pod": one.pod,
                "gpu_model": one.gpu_model,
                "mig_profile": one.mig_profile,
                "model": one.model,
                "owner": one.owner,
            }
            for one in found
        ],
        "notes": [] if found else ["No capacity samples of this time are loaded."],
    }
    told = [f"{len(found)} resources with samples", *lines] if found else document["notes"]
    return TextReply(f"Capacity, {_words(query.period)}", tuple(told), document)


def kubernetes_verb(tools: Tools, rest: str, asking: Asking) -> Reply:
    """What nodes cost, whose pods hold them, and what is idle."""
    from finops.ledger.kubernetes import HourPrices, kubernetes_costs

    query = _asked(tools, rest, asking, ("team",))
    prices = HourPrices(tools.settings.gpu_hour_price, tools.settings.node_hour_price)
    found = kubernetes_costs(tools.ledger, query.period, asking.until, prices)
    pods = _of_teams(found.pods, query)
    return TextReply(
        f"Kubernetes, {_words(query.period)}",
        (*_lines(found.nodes, pods), *(f"Note: {clean(note)}" for note in found.notes)),
        {
            "period": _period(query.period),
            "totals": _totals(found),
            "nodes": [_node(row) for row in found.nodes],
            "namespaces": _namespaces(pods),
            "pods": [_pod(row) for row in pods],
            "notes": list(found.notes),
        },
    )


def _asked(tools: Tools, rest: str, asking: Asking, allowed: Sequence[str]) -> CostQuery:
    query = parse(rest or "last 7d", tools.today(asking.until))
    other = [each.dimension for each in query.scope if each.dimension not in allowed or each.negated]
    if other:
        can = f"filter by {', '.join(allowed)}" if allowed else "give a period only, such as last 7d"
        raise QueryError(f"'{other[0]}' does not filter this; {can}")
    return query


def _of_teams(pods: Sequence[PodCost], query: CostQuery) -> list[PodCost]:
    teams = {value.casefold() for each in query.scope for value in each.values}
    return [pod for pod in pods if not teams or (pod.owner or "").casefold() in teams]


def _span(tools: Tools, period: Period) -> tuple[datetime, datetime]:
    zone = ZoneInfo(tools.rulebook.timezone)
    start, end = (datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) for day in (period.start, period.end))
    return start, end


def _period(period: Period) -> dict[str, str]:
    return {"start": str(period.start), "end": str(period.end)}


def _words(period: Period) -> str:
    return f"{period.start} up to {period.end}"


def _lines(nodes: Sequence[NodeCost], pods: Sequence[PodCost]) -> list[str]:
    lines = [f"node {cut(row.node, 60)}: {_money(row.cost, row)}, {_money(row.idle, row)} of it idle" for row in nodes[:MOST]]
    lines += [
        f"{cut(row['namespace'], 60)} ({cut(row['owner'] or 'no team', 40)}): {show(Decimal(row['cost']), row['currency'])}, "
        f"{row['gpu_hours']:,.1f} GPU hours"
        for row in _namespaces(pods)[:MOST]
    ]
    return lines or ["No Kubernetes nodes were seen."]


def _money(value: Decimal, row: NodeCost) -> str:
    return "cost unknown" if row.days_unpriced == row.days else show(value, row.currency)


def _totals(found: Allocation) -> list[dict[str, Any]]:
    return [
        {
            "currency": currency,
            **{
                name: amount(sum((getattr(row, field) for row in found.nodes if row.currency == currency), Decimal(0)))
                for name, field in (("cost", "cost"), ("allocated", "allocated"), ("idle", "idle"), ("unallocated", "unmeasured"))
            },
        }
        for currency in sorted({row.currency for row in found.nodes})
    ]


def _node(row: NodeCost) -> dict[str, Any]:
    known = row.days_unpriced < row.days
    return {
        "node": row.node,
        "cluster": row.cluster,
        "currency": row.currency,
        "cost": amount(row.cost) if known else None,
        "allocated": amount(row.allocated) if known else None,
        "idle": amount(row.idle) if known else None,
        "unallocated": amount(row.unmeasured) if known else None,
        "gpu_hours": row.gpu_hours,
        "days": row.days,
        "days_without_cost": row.days_unpriced,
        "cost_from": list(row.basis),
        "overcommitted": row.overcommitted,
    }


def _pod(row: PodCost) -> dict[str, Any]:
    return {
        "cluster": row.cluster,
        "namespace": row.namespace,
        "pod": row.pod,
        "owner": row.owner,
        "currency": row.currency,
        "cost": amount(row.cost),
        "gpu_hours": row.gpu_hours,
    }


def _namespaces(pods: Sequence[PodCost]) -> list[dict[str, Any]]:
    """One row for each namespace and team in it; the dearest first."""
    costs: dict[tuple[str | None, str, str | None, str], Decimal] = defaultdict(Decimal)
    hours: dict[tuple[str | None, str, str | None, str], float] = defaultdict(float)
    for pod in pods:
        key = (pod.cluster, pod.namespace, pod.owner, pod.currency)
        costs[key] += pod.cost
        hours[key] += pod.gpu_hours
    return [
        dict(zip(("cluster", "namespace", "owner", "currency"), key, strict=True)) | {"cost": amount(cost), "gpu_hours": hours[key]}
        for key, cost in sorted(costs.items(), key=lambda item: (-item[1], str(item[0])))
    ]
