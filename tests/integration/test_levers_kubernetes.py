"""Levers of a cluster through the real client, against an API server of our own that can lose answers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from finops.configuration.rulebook_approvals import Guard
from finops.errors import LeverError, LeverUnknownError
from finops.guard.levers.kubernetes import Scale, Suspend
from finops.guard.levers.kubernetes_access import Cluster
from finops.guard.plans import Plan
from finops.ports import Lever
from finops.sources.retries import Backoff
from tests.fakes.kubernetes_server import Kubernetes, kubernetes_server

EMBEDDER = "ml/Deployment/embedder"
NIGHTLY = "ml/CronJob/nightly"


@dataclass
class Bench:
    """A server, both levers on it, and the pauses they made."""

    server: Kubernetes
    cluster: Cluster
    pauses: list[float]
    limits: dict[str, Any] = field(default_factory=lambda: {"dry_run": False})

    def guard(self) -> Guard:
        return Guard(**self.limits)

    @property
    def scale(self) -> Scale:
        return Scale(self.guard, self.cluster)

    @property
    def suspend(self) -> Suspend:
        return Suspend(self.guard, self.cluster)

    def replicas(self, name: str = "embedder", resource: str = "deployments") -> int:
        return int(self.server.objects["ml", resource, name]["spec"]["replicas"])

    def writes(self) -> int:
        return sum(asked.startswith("PATCH") for asked in self.server.asked)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    pauses: list[float] = []
    with kubernetes_server() as server:
        server.namespace("ml", env="dev")
        server.workload(EMBEDDER, 4)
        backoff = Backoff(tries=3, first=0.01, sleep=pauses.append, chance=lambda: 1.0)
        cluster = Cluster(config_file=server.config(tmp_path), backoff=backoff, timeout=5)
        yield Bench(server, cluster, pauses)
        cluster.close()


def planned(lever: Lever, *targets: str, **parameters: Any) -> Plan:
    before = lever.look(targets, parameters)
    return Plan(lever.name, targets, parameters, before, "idle", {}, "policy")


def refused(lever: Lever, *targets: str, **parameters: Any) -> str:
    with pytest.raises(LeverError) as error:
        lever.look(targets, parameters)
    return str(error.value)


@pytest.mark.parametrize(("target", "resource"), [(EMBEDDER, "deployments"), ("ml/StatefulSet/index", "statefulsets")])
def test_a_workload_is_scaled_observed_and_put_back(bench: Bench, target: str, resource: str) -> None:
    bench.server.workload(target, 4)
    plan, name = planned(bench.scale, target, replicas=1), target.rpartition("/")[2]
    assert [f"sets {target} from 4 to 1 replicas"] == bench.scale.describe(plan)
    assert "as before" == bench.scale.observe(plan, target)
    bench.scale.apply(plan, target)
    assert (1, "applied") == (bench.replicas(name, resource), bench.scale.observe(plan, target))
    bench.scale.revert(plan, target)
    assert (4, "as before") == (bench.replicas(name, resource), bench.scale.observe(plan, target))


def test_what_was_done_is_not_done_twice(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=0)
    for _ in range(3):
        bench.scale.apply(plan, EMBEDDER)
    assert 1 == bench.writes()
    for _ in range(3):
        bench.scale.revert(plan, EMBEDDER)
    assert (2, 4) == (bench.writes(), bench.replicas())


def test_looking_and_describing_write_nothing(bench: Bench) -> None:
    bench.scale.describe(planned(bench.scale, EMBEDDER, replicas=1))
    assert 0 == bench.writes()


def test_a_lost_answer_is_unknown_and_found_out_by_reading(bench: Bench) -> None:
    """V8: it worked, and nobody heard of it."""
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.faults.append(("PATCH", "lost after"))
    with pytest.raises(LeverUnknownError, match="the answer to patch deployments/scale was lost"):
        bench.scale.apply(plan, EMBEDDER)
    assert ("applied", 1) == (bench.scale.observe(plan, EMBEDDER), bench.writes())
    bench.scale.apply(plan, EMBEDDER)
    assert 1 == bench.writes()


def test_a_request_that_never_arrived_is_unknown_too(bench: Bench) -> None:
    """V8: from here both look the same."""
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.faults.append(("PATCH", "lost before"))
    with pytest.raises(LeverUnknownError):
        bench.scale.apply(plan, EMBEDDER)
    assert "as before" == bench.scale.observe(plan, EMBEDDER)


def test_a_server_error_at_a_write_is_unknown(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.faults.append(("PATCH", "500"))
    with pytest.raises(LeverUnknownError, match=r"the cluster failed to patch deployments/scale \(500\)"):
        bench.scale.apply(plan, EMBEDDER)
    assert 1 == bench.writes()


def test_a_busy_cluster_is_asked_again_when_it_says(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.faults += [("PATCH", "429"), ("GET", "429")]
    bench.scale.apply(plan, EMBEDDER)
    assert (1, [3.0, 3.0]) == (bench.replicas(), [pause for pause in bench.pauses if pause >= 1])


def test_a_cluster_that_stays_busy_is_given_up_with_nothing_changed(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.faults += [("PATCH", "429")] * 3
    with pytest.raises(LeverError, match=r"it is busy \(429\); nothing was changed"):
        bench.scale.apply(plan, EMBEDDER)
    assert 4 == bench.replicas()


def test_a_question_is_repeated_when_its_answer_is_lost(bench: Bench) -> None:
    bench.server.faults += [("GET", "lost after"), ("GET", "500")]
    assert 4 == bench.scale.look([EMBEDDER], {"replicas": 1})[EMBEDDER]["replicas"]


def test_an_answer_nobody_understands_counts_as_lost(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.faults.append(("PATCH", "garbled"))
    with pytest.raises(LeverUnknownError, match="the answer to patch deployments/scale makes no sense"):
        bench.scale.apply(plan, EMBEDDER)
    assert "applied" == bench.scale.observe(plan, EMBEDDER)


def test_a_missing_permission_is_named(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.faults.append(("PATCH", "403"))
    with pytest.raises(LeverError, match=r"the cluster does not let us patch deployments/scale \(403\); our role needs that permission"):
        bench.scale.apply(plan, EMBEDDER)


def test_a_conflict_with_a_change_of_status_is_tried_again(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.faults += [("PATCH", "409")] * 2
    bench.scale.apply(plan, EMBEDDER)
    assert (1, 3) == (bench.replicas(), bench.writes())


def test_endless_conflicts_are_given_up(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.faults += [("PATCH", "409")] * 9
    with pytest.raises(LeverError, match="changes all the time; nothing was changed"):
        bench.scale.apply(plan, EMBEDDER)
    assert (4, 5) == (bench.replicas(), bench.writes())


def test_somebody_who_is_faster_wins(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """V9: the object changes between our reading and our writing."""
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    body = bench.server.objects["ml", "deployments", "embedder"]
    lever = bench.scale
    write = lever.write

    def late(*given: Any) -> None:
        if body["spec"]["replicas"] == 4:
            body["spec"]["replicas"] = 7
            bench.server.touch(body)
        write(*given)

    monkeypatch.setattr(lever, "write", late)
    with pytest.raises(LeverError, match="was changed by somebody else since; it is left as it is"):
        lever.apply(plan, EMBEDDER)
    assert 7 == bench.replicas()


def test_a_plan_for_what_was_scaled_since_is_refused(bench: Bench) -> None:
    """V9."""
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.workload(EMBEDDER, 6)["metadata"]["uid"] = plan.before[EMBEDDER]["uid"]
    assert "changed" == bench.scale.observe(plan, EMBEDDER)
    for act in (bench.scale.apply, bench.scale.revert):
        with pytest.raises(LeverError):
            act(plan, EMBEDDER)
    assert (6, 0) == (bench.replicas(), bench.writes())


def test_a_workload_made_anew_under_the_same_name_is_another(bench: Bench) -> None:
    """V9: replaced."""
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.workload(EMBEDDER, 4)
    assert "gone" == bench.scale.observe(plan, EMBEDDER)
    with pytest.raises(LeverError, match="is not as it was when the plan was made"):
        bench.scale.apply(plan, EMBEDDER)


def test_what_was_deleted_is_gone(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    del bench.server.objects["ml", "deployments", "embedder"]
    assert "gone" == bench.scale.observe(plan, EMBEDDER)
    with pytest.raises(LeverError, match="is not there any more"):
        bench.scale.revert(plan, EMBEDDER)


def test_what_an_autoscaler_moves_is_left_to_it(bench: Bench) -> None:
    bench.server.autoscaler("ml", "embedder-hpa", "Deployment", "embedder")
    bench.server.autoscaler("ml", "other", "StatefulSet", "embedder")
    assert f"{EMBEDDER} is scaled by the autoscaler embedder-hpa; change that one" == refused(bench.scale, EMBEDDER, replicas=1)


def test_labels_of_the_object_and_of_its_namespace_protect_it(bench: Bench) -> None:
    bench.server.workload("ml/Deployment/kept", 2, keep="yes")
    bench.server.namespace("shop", env="prod")
    bench.server.workload("shop/Deployment/web", 2)
    bench.limits |= {"protected_tags": ("keep",), "deny_scopes": ((("env", ("prod",)),),)}
    assert "ml/Deployment/kept is protected by its tag 'keep=yes'; shop/Deployment/web is in env=prod, where nothing is moved" == refused(
        bench.scale, "ml/Deployment/kept", "shop/Deployment/web", replicas=1
    )


def test_protections_are_judged_again_when_it_is_done(bench: Bench) -> None:
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.server.objects["ml", "deployments", "embedder"]["metadata"]["labels"] = {"finops-protected": "true"}
    with pytest.raises(LeverError, match="is protected by its tag 'finops-protected=true'"):
        bench.scale.apply(plan, EMBEDDER)
    assert [
        "sets ml/Deployment/embedder from 4 to 1 replicas",
        f"not allowed: {EMBEDDER} is protected by its tag 'finops-protected=true'",
    ] == (bench.scale.describe(plan))


@pytest.mark.parametrize("limits", [{"dry_run": True}, {"dry_run": False, "stop": True}])
def test_the_switch_stops_what_is_new_and_lets_reverts_through(bench: Bench, limits: dict[str, Any]) -> None:
    done, other = planned(bench.scale, EMBEDDER, replicas=1), planned(bench.scale, EMBEDDER, replicas=2)
    bench.scale.apply(done, EMBEDDER)
    bench.limits = limits
    with pytest.raises(LeverError, match=r"in rules\.yaml"):
        bench.scale.apply(other, EMBEDDER)
    assert 1 == bench.replicas()
    bench.scale.revert(done, EMBEDDER)
    assert 4 == bench.replicas()


def test_more_targets_than_allowed_are_refused_before_anything_is_asked(bench: Bench) -> None:
    bench.limits["max_targets"] = 1
    assert refused(bench.scale, EMBEDDER, "ml/Deployment/b", replicas=1).startswith("2 targets are more than one plan may move, 1")
    assert [] == bench.server.asked


def test_nothing_outside_the_plan_is_moved(bench: Bench) -> None:
    bench.server.workload("ml/Deployment/other", 3)
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    with pytest.raises(LeverError, match="nothing outside a plan is moved"):
        bench.scale.apply(plan, "ml/Deployment/other")


@pytest.mark.parametrize(
    "target", ["ml/Pod/x", "embedder", "ml/Deployment/x/y", "ml/Deployment/../x", "ML/Deployment/x", "ml/deployment/x", "ml/Deployment/x\n"]
)
def test_only_exact_names_of_workloads_are_targets(bench: Bench, target: str) -> None:
    assert "is no target; give namespace/kind/name, the kind Deployment or StatefulSet" in refused(bench.scale, target, replicas=1)
    assert [] == bench.server.asked


def test_what_makes_no_sense_is_refused(bench: Bench) -> None:
    assert f"{EMBEDDER} has 4 replicas already" == refused(bench.scale, EMBEDDER, replicas=4)
    assert "replicas must be a whole number, not -1" == refused(bench.scale, EMBEDDER, replicas=-1)
    bench.server.workload("kube-system/Deployment/dns", 2)
    assert "kube-system/Deployment/dns belongs to the cluster itself" == refused(bench.scale, "kube-system/Deployment/dns", replicas=0)


def test_a_cron_job_is_suspended_and_resumed(bench: Bench) -> None:
    cron = {"schedule": "0 3 * * *", "suspend": False, "jobTemplate": {"spec": {"template": {"spec": {"containers": []}}}}}
    body = bench.server.add("cronjobs", NIGHTLY, cron, {"active": [{"name": "nightly-1"}]})
    plan = planned(bench.suspend, NIGHTLY)
    assert [f"suspends {NIGHTLY}", "1 jobs that nightly has started go on"] == bench.suspend.describe(plan)
    bench.suspend.apply(plan, NIGHTLY)
    assert (True, "applied") == (body["spec"]["suspend"], bench.suspend.observe(plan, NIGHTLY))
    bench.suspend.revert(plan, NIGHTLY)
    assert (False, "as before") == (body["spec"]["suspend"], bench.suspend.observe(plan, NIGHTLY))


def test_a_job_that_runs_is_suspended_with_a_warning(bench: Bench) -> None:
    body = bench.server.add("jobs", "ml/Job/train", {"template": {"spec": {"containers": []}}}, {"active": 3})
    plan = planned(bench.suspend, "ml/Job/train")
    assert "3 running pods of train are ended; what they did not save is lost" == bench.suspend.describe(plan)[1]
    bench.suspend.apply(plan, "ml/Job/train")
    assert body["spec"]["suspend"] is True


def test_a_job_that_is_done_or_suspended_is_refused(bench: Bench) -> None:
    template: dict[str, Any] = {"template": {"spec": {"containers": []}}}
    bench.server.add("jobs", "ml/Job/done", dict(template), {"completionTime": "2026-11-20T03:00:00Z"})
    bench.server.add("jobs", "ml/Job/held", {**template, "suspend": True})
    assert "ml/Job/done is done; there is nothing to suspend; ml/Job/held is suspended already" == (
        refused(bench.suspend, "ml/Job/done", "ml/Job/held")
    )


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path) -> None:
    with kubernetes_server() as server:
        config = server.config(tmp_path)
    cluster = Cluster(config_file=config, backoff=Backoff(tries=2, sleep=lambda _: None), timeout=2)
    with pytest.raises(LeverError, match="the cluster did not take the request to get deployments"):
        Scale(Guard, cluster).look([EMBEDDER], {"replicas": 1})
    cluster.close()


def test_a_context_nobody_wrote_down_is_told(bench: Bench, tmp_path: Path) -> None:
    cluster = Cluster("elsewhere", bench.server.config(tmp_path))
    with pytest.raises(LeverError, match="the kubeconfig cannot be used"):
        Scale(bench.guard, cluster).look([EMBEDDER], {"replicas": 1})


def test_permissions_are_all_that_is_asked_for(bench: Bench) -> None:
    """The server's log says what was used; each of it is listed."""
    plan = planned(bench.scale, EMBEDDER, replicas=1)
    bench.scale.apply(plan, EMBEDDER)
    used = {asked.split("?")[0] for asked in bench.server.asked}
    assert used == {
        "GET /apis/apps/v1/namespaces/ml/deployments/embedder",
        "GET /api/v1/namespaces/ml",
        "GET /apis/autoscaling/v2/namespaces/ml/horizontalpodautoscalers",
        "PATCH /apis/apps/v1/namespaces/ml/deployments/embedder/scale",
    }
