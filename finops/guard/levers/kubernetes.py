"""Scales Deployments and StatefulSets, suspends Jobs and CronJobs, and puts them back."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from finops.configuration.rulebook_approvals import Guard
from finops.errors import LeverError
from finops.guard.levers.guarded import Found, GuardedLever, overridden
from finops.guard.levers.kubernetes_access import AbsentError, Cluster, ConflictError, Workload, workload
from finops.guard.plans import Plan
from finops.guard.protections import Seen
from finops.ports import Standing

SYSTEM: Final = ("kube-system", "kube-public", "kube-node-lease")
TRIES: Final = 5
# The client's names: (interface, word in its methods, resource of the permission).
SCALED: Final = {"Deployment": ("deployment", "deployments"), "StatefulSet": ("stateful_set", "statefulsets")}
SUSPENDED: Final = {"CronJob": ("cron_job", "cronjobs"), "Job": ("job", "jobs")}


class WorkloadLever(GuardedLever):
    """What scaling and suspending have in common: the object is read with the labels of its namespace, and written as it was read."""

    kinds: ClassVar[Mapping[str, tuple[str, str]]]
    interface: ClassVar[str]

    def __init__(self, guard: Callable[[], Guard], cluster: Cluster) -> None:
        super().__init__(guard)
        self._cluster = cluster

    def find(self, target: str, parameters: Mapping[str, Any]) -> Found | None:
        at = workload(target, tuple(self.kinds))
        try:
            found = self._read(at)
            space = self._cluster.read(self._cluster.api("CoreV1Api").read_namespace, "get namespaces", at.namespace)
        except AbsentError:
            return None
        if found.metadata.deletion_timestamp:
            return None
        tags = {"namespace": at.namespace} | (space.metadata.labels or {}) | (found.metadata.labels or {})
        seen = Seen(target, {"provider": "kubernetes", "service": at.kind, "resource": target}, tags)
        system = [f"{target} belongs to the cluster itself"] if at.namespace in SYSTEM else []
        return Found(target, self.image(found), seen, (*system, *self.obstacles(at, found)), tuple(self.brings(at, found)))

    def change(self, plan: Plan, found: Found, image: Mapping[str, Any]) -> None:
        """Write what `image` says unless somebody changed the object in between; its status moves all the time, so look again then."""
        at = workload(found.target, tuple(self.kinds))
        for _ in range(TRIES):
            try:
                now = self._read(at)
                if self.image(now) != found.image:
                    raise overridden(found.target)
                self.write(at, now.metadata.resource_version, image)
                return
            except ConflictError:
                continue
            except AbsentError:
                raise LeverError(f"{found.target} is not there any more") from None
        raise LeverError(f"{found.target} changes all the time; nothing was changed, try again later")

    @abstractmethod
    def image(self, found: Any) -> dict[str, Any]: ...

    @abstractmethod
    def obstacles(self, at: Workload, found: Any) -> Sequence[str]: ...

    @abstractmethod
    def brings(self, at: Workload, found: Any) -> Sequence[str]: ...

    @abstractmethod
    def write(self, at: Workload, version: str, image: Mapping[str, Any]) -> None: ...

    def restore(self, plan: Plan, found: Found, standing: Standing) -> None:
        if standing == "changed":
            raise overridden(found.target)
        self.change(plan, found, plan.before[found.target])

    def _read(self, at: Workload) -> Any:
        word, plural = self.kinds[at.kind]
        return self._cluster.read(getattr(self._api, f"read_namespaced_{word}"), f"get {plural}", at.name, at.namespace)

    @property
    def _api(self) -> Any:
        return self._cluster.api(self.interface)


class Scale(WorkloadLever):
    """Targets are `namespace/Deployment/name` or `…/StatefulSet/…`; the parameter is `replicas`."""

    name: str = "kubernetes.scale"
    kinds = SCALED
    interface = "AppsV1Api"
    permissions: tuple[str, ...] = (
        "get namespaces",
        "get deployments",
        "patch deployments/scale",
        "get statefulsets",
        "patch statefulsets/scale",
        "list horizontalpodautoscalers",
    )

    def image(self, found: Any) -> dict[str, Any]:
        return {"uid": found.metadata.uid, "replicas": 1 if found.spec.replicas is None else found.spec.replicas}

    def compare(self, plan: Plan, found: Found) -> Standing:
        before, now = plan.before[found.target], found.image
        if now["uid"] != before["uid"]:
            return "gone"
        if now["replicas"] == before["replicas"]:
            return "as before"
        return "applied" if now["replicas"] == wanted(plan.parameters) else "changed"

    def unfit(self, found: Found, parameters: Mapping[str, Any]) -> Sequence[str]:
        replicas = wanted(parameters)
        return [f"{found.target} has {replicas} replicas already"] if replicas == found.image["replicas"] else []

    def said(self, plan: Plan, found: Found) -> str:
        return f"sets {found.target} from {found.image['replicas']} to {wanted(plan.parameters)} replicas"

    def obstacles(self, at: Workload, found: Any) -> Sequence[str]:
        """An autoscaler would undo whatever we set."""
        listing = self._cluster.api("AutoscalingV2Api").list_namespaced_horizontal_pod_autoscaler
        scalers = self._cluster.read(listing, "list horizontalpodautoscalers", at.namespace).items
        by = [
            each.metadata.name
            for each in scalers
            if (each.spec.scale_target_ref.kind, each.spec.scale_target_ref.name) == (at.kind, at.name)
        ]
        return [f"{at.namespace}/{at.kind}/{at.name} is scaled by the autoscaler {name}; change that one" for name in by]

    def brings(self, at: Workload, found: Any) -> Sequence[str]:
        return []

    def move(self, plan: Plan, found: Found) -> None:
        self.change(plan, found, {"replicas": wanted(plan.parameters)})

    def write(self, at: Workload, version: str, image: Mapping[str, Any]) -> None:
        word, plural = self.kinds[at.kind]
        body = {"metadata": {"resourceVersion": version}, "spec": {"replicas": image["replicas"]}}
        call = getattr(self._api, f"patch_namespaced_{word}_scale")
        self._cluster.patch(call, f"patch {plural}/scale", at.name, at.namespace, body=body)


class Suspend(WorkloadLever):
    """Targets are `namespace/CronJob/name` or `…/Job/…`; no parameters."""

    name: str = "kubernetes.suspend"
    kinds = SUSPENDED
    interface = "BatchV1Api"
    permissions: tuple[str, ...] = ("get namespaces", "get cronjobs", "patch cronjobs", "get jobs", "patch jobs")

    def image(self, found: Any) -> dict[str, Any]:
        return {"uid": found.metadata.uid, "suspended": bool(found.spec.suspend)}

    def compare(self, plan: Plan, found: Found) -> Standing:
        if found.image["uid"] != plan.before[found.target]["uid"]:
            return "gone"
        return "applied" if found.image["suspended"] else "as before"

    def unfit(self, found: Found, parameters: Mapping[str, Any]) -> Sequence[str]:
        return [f"{found.target} is suspended already"] if found.image["suspended"] else []

    def said(self, plan: Plan, found: Found) -> str:
        return f"suspends {found.target}"

    def obstacles(self, at: Workload, found: Any) -> Sequence[str]:
        over = at.kind == "Job" and bool(found.status and found.status.completion_time)
        return [f"{at.namespace}/{at.kind}/{at.name} is done; there is nothing to suspend"] if over else []

    def brings(self, at: Workload, found: Any) -> Sequence[str]:
        active = found.status and found.status.active
        if at.kind == "Job" and active:
            return [f"{active} running pods of {at.name} are ended; what they did not save is lost"]
        return [f"{len(active)} jobs that {at.name} has started go on"] if active else []

    def move(self, plan: Plan, found: Found) -> None:
        self.change(plan, found, {"suspended": True})

    def write(self, at: Workload, version: str, image: Mapping[str, Any]) -> None:
        word, plural = self.kinds[at.kind]
        body = {"metadata": {"resourceVersion": version}, "spec": {"suspend": image["suspended"]}}
        self._cluster.patch(getattr(self._api, f"patch_namespaced_{word}"), f"patch {plural}", at.name, at.namespace, body=body)


def wanted(parameters: Mapping[str, Any]) -> int:
    replicas = parameters.get("replicas")
    if not isinstance(replicas, int) or replicas < 0:
        raise LeverError(f"replicas must be a whole number, not {replicas!r}")
    return replicas
