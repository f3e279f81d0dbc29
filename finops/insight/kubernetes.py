"""What pods cost: each node's bill split by what its pods asked for, the rest idle, and not a cent more or less."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Final, Literal

from finops.money import split
from finops.owners import OwnerRule

FINE: Final = 10**12  # weights are whole numbers of this
TEAM_LABELS: Final = ("team", "owner", "squad", "app_kubernetes_io_part_of", "app_kubernetes_io_name", "app")
Basis = Literal["bill", "price"]


@dataclass(frozen=True)
class NodeDay:
    """A node on one day: hours it was seen, what it offers, what it cost; None is unknown. `basis` says where the cost is from."""

    day: date
    node: str
    cluster: str | None
    hours: float
    gpus: float
    cpus: float | None
    memory: float | None
    cost: Decimal | None
    currency: str
    basis: Basis | None = None
    is_measured: bool = True  # False where nobody said what its pods ask for


@dataclass(frozen=True)
class PodDay:
    """What a pod asked of a node on one day, in hours: GPUs, CPU cores, bytes of memory."""

    day: date
    node: str
    cluster: str | None
    namespace: str
    pod: str
    gpu_hours: float = 0.0
    cpu_hours: float = 0.0
    memory_hours: float = 0.0


@dataclass(frozen=True)
class PodCost:
    namespace: str
    pod: str
    cluster: str | None
    owner: str | None
    currency: str
    cost: Decimal
    gpu_hours: float


@dataclass(frozen=True)
class NodeCost:
    """`cost` is `allocated` + `idle` + `unmeasured`, exactly; None where no bill and no price names the node on some day."""

    node: str
    cluster: str | None
    currency: str
    cost: Decimal
    allocated: Decimal
    idle: Decimal
    unmeasured: Decimal
    gpu_hours: float
    days: int
    days_unpriced: int
    basis: tuple[Basis, ...]
    overcommitted: bool


@dataclass(frozen=True)
class Allocation:
    nodes: tuple[NodeCost, ...]
    pods: tuple[PodCost, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DaySplit:
    """One node's day: what each of its pods costs, and what is left."""

    pods: tuple[Decimal, ...]
    idle: Decimal
    overcommitted: bool


def split_day(node: NodeDay, cost: Decimal, pods: Sequence[PodDay]) -> DaySplit:
    """Share a node's cost among its pods by what they asked for.

    A node with GPUs is paid by those who hold them; one without by the mean of the shares of CPU and memory. Where more is
    asked for than there is (time slicing, overcommitment) all shares shrink alike and nothing is idle.
    """
    shares = [share_of(node, pod) for pod in pods]
    total = sum(shares)
    scale = max(1.0, total)
    weights = [round(share / scale * FINE) for share in shares]
    idle = max(0, FINE - sum(weights)) if total < 1 else 0
    *parts, rest = split(cost, [*weights, idle])
    return DaySplit(tuple(parts), rest, total > 1 + 1e-6)


def share_of(node: NodeDay, pod: PodDay) -> float:
    """Return which part of a node a pod asked for; a node without GPUs never has a GPU cost."""
    if node.gpus > 0:
        return _part(pod.gpu_hours, node.gpus * node.hours)
    known = [
        _part(asked, offered * node.hours)
        for asked, offered in ((pod.cpu_hours, node.cpus), (pod.memory_hours, node.memory))
        if offered is not None
    ]
    return sum(known) / len(known) if known else 0.0


def _part(asked: float, offered: float) -> float:
    return asked / offered if offered > 0 else 0.0


def allocate(nodes: Iterable[NodeDay], pods: Iterable[PodDay], owners: Mapping[tuple[str, str], str | None]) -> Allocation:
    """Split every node's every day, and add up by node and by pod. `owners` knows who owns a (namespace, pod)."""
    held: dict[tuple[date, str | None, str], list[PodDay]] = defaultdict(list)
    for pod in pods:
        held[(pod.day, pod.cluster, pod.node)].append(pod)
    by_node: dict[tuple[str | None, str, str], _NodeSum] = {}
    by_pod: dict[tuple[str | None, str, str, str], _PodSum] = {}
    for node in sorted(nodes, key=lambda one: (one.day, one.cluster or "", one.node)):
        total = by_node.setdefault((node.cluster, node.node, node.currency), _NodeSum())
        mine = held.get((node.day, node.cluster, node.node), [])
        done = split_day(node, node.cost, mine) if node.cost is not None and node.is_measured else None
        total.add(node, done)
        for place, pod in enumerate(mine):
            one = by_pod.setdefault((pod.cluster, pod.namespace, pod.pod, node.currency), _PodSum())
            one.gpu_hours += pod.gpu_hours
            one.cost += done.pods[place] if done else Decimal(0)
    node_rows = [total.row(*key) for key, total in by_node.items()]
    pod_rows = [
        PodCost(namespace, pod, cluster, owners.get((namespace, pod)), currency, one.cost, one.gpu_hours)
        for (cluster, namespace, pod, currency), one in by_pod.items()
    ]
    return Allocation(
        tuple(sorted(node_rows, key=lambda row: (-row.cost, row.node))),
        tuple(sorted(pod_rows, key=lambda row: (-row.cost, row.namespace, row.pod))),
        tuple(_notes(node_rows, pod_rows)),
    )


class _PodSum:
    def __init__(self) -> None:
        self.cost = Decimal(0)
        self.gpu_hours = 0.0


class _NodeSum:
    def __init__(self) -> None:
        self.cost = self.allocated = self.idle = self.unmeasured = Decimal(0)
        self.gpu_hours = 0.0
        self.days = self.unpriced = 0
        self.basis: set[Basis] = set()
        self.overcommitted = False

    def add(self, node: NodeDay, done: DaySplit | None) -> None:
        self.days += 1
        self.gpu_hours += node.gpus * node.hours
        if node.cost is None:
            self.unpriced += 1
            return
        self.cost += node.cost
        self.basis |= {node.basis} if node.basis else set()
        if done is None:
            self.unmeasured += node.cost
            return
        self.allocated += sum(done.pods, Decimal(0))
        self.idle += done.idle
        self.overcommitted |= done.overcommitted

    def row(self, cluster: str | None, node: str, currency: str) -> NodeCost:
        sums = (self.cost, self.allocated, self.idle, self.unmeasured, self.gpu_hours, self.days, self.unpriced)
        return NodeCost(node, cluster, currency, *sums, tuple(sorted(self.basis)), self.overcommitted)


def _notes(nodes: Sequence[NodeCost], pods: Sequence[PodCost]) -> Iterable[str]:
    unpriced = [row.node for row in nodes if row.days_unpriced]
    if unpriced:
        how = "load the bill that names them, or set FINOPS_GPU_HOUR_PRICE or FINOPS_NODE_HOUR_PRICE"
        yield f"No bill and no price names {_some(unpriced)} on {sum(row.days_unpriced for row in nodes)} node days; {how}."
    priced = [row.node for row in nodes if "price" in row.basis]
    if priced:
        yield f"{_some(priced)} cost what the settings say on days that no bill names; it is an estimate."
    unmeasured = [row.node for row in nodes if row.unmeasured]
    if unmeasured:
        yield f"What the pods of {_some(unmeasured)} ask for was not measured; their cost is unallocated, not idle."
    over = [row.node for row in nodes if row.overcommitted]
    if over:
        yield f"The pods of {_some(over)} ask for more than there is; each pays its share of the whole."
    unowned = {row.namespace for row in pods if row.owner is None and row.cost}
    if unowned:
        yield f"No label or owner rule names a team for namespace {_some(sorted(unowned))}."


def _some(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def owner_of(
    namespace: str, pod_labels: Mapping[str, str], namespace_labels: Mapping[str, str], rules: Sequence[OwnerRule] = ()
) -> str | None:
    """Return the team of a pod: by an owner rule on labels or `tag:namespace`, by the pod's labels, by its namespace's."""
    labels = {_folded(name): value for name, value in (*namespace_labels.items(), *pod_labels.items(), ("namespace", namespace))}
    for rule in rules:
        if rule.team and rule.match and all(_matches(name, patterns, labels) for name, patterns in rule.match):
            return rule.team
    for source in (pod_labels, namespace_labels):
        own = {_folded(name): value for name, value in source.items()}
        found = next((own[name] for name in TEAM_LABELS if own.get(name)), None)
        if found:
            return found
    return None


def _matches(name: str, patterns: Sequence[str], labels: Mapping[str, str]) -> bool:
    value = labels.get(_folded(name.removeprefix("tag:"))) if name.startswith("tag:") else None
    return value is not None and any(fnmatchcase(value.casefold(), pattern.casefold()) for pattern in patterns)


def _folded(label: str) -> str:
    """kube-state-metrics writes `app.kubernetes.io/part-of` as `label_app_kubernetes_io_part_of`."""
    return re.sub(r"[^a-z0-9_]", "_", label.casefold()).removeprefix("label_")


def bill_keys(provider_id: str) -> tuple[str, ...]:
    """Return how bills may call the machine behind a node, lower case, the surest first; `…/name` is a whole resource id.

    A scale set's machines stand on Azure's bill as the set, which several nodes then share.
    """
    kind, _, rest = provider_id.partition("://")
    path = rest.strip("/").lower()
    if kind == "aws" and path:
        return (path.rpartition("/")[2],)
    if kind == "gce" and path.count("/") == 2:
        project, zone, name = path.split("/")
        place = f"projects/{project}/zones/{zone}/instances/{name}"
        return (f"//compute.googleapis.com/{place}", place, name)
    if kind == "azure" and path.startswith("subscriptions/"):
        whole = f"/{path}"
        scale_set = re.fullmatch(r"(/.*/virtualmachinescalesets/[^/]+)/virtualmachines/\d+", whole)
        return (whole, scale_set[1]) if scale_set else (whole,)
    return (path,) if path else ()
