"""Stopping instances through boto3 against moto's server, with STS for the role that acts, and everything that goes wrong at AWS."""

import re
from typing import Any

import pytest

from finops.errors import LeverError, LeverUnknownError
from finops.guard.levers.aws import Aws
from finops.guard.levers.aws_instances import StopInstances
from finops.sources.retries import Backoff
from tests.integration.aws_account import (
    ACCOUNT,
    REGION,
    ROLE,
    Bench,
    answered,
    client,
    fails,
    fresh,
    group,
    instance,
    planned,
    recorded,
    refused,
    state,
    timed_out,
)


@pytest.fixture
def bench(aws: str, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return fresh(aws, monkeypatch)


def test_an_instance_is_stopped_observed_and_started_again(bench: Bench) -> None:
    arn = instance()
    plan = planned(bench.stop, arn)
    assert ("running", "g4dn.xlarge") == (plan.before[arn]["state"], plan.before[arn]["type"])
    assert "as before" == bench.stop.observe(plan, arn)
    bench.stop.apply(plan, arn)
    assert ("stopped", "applied") == (state(arn), bench.stop.observe(plan, arn))
    bench.stop.apply(plan, arn)
    bench.stop.revert(plan, arn)
    assert ("running", "as before") == (state(arn), bench.stop.observe(plan, arn))


def test_what_a_stop_loses_is_said_before(bench: Bench) -> None:
    arn = instance()
    plan = planned(bench.stop, arn)
    said = bench.stop.describe(plan)
    assert said[0] == f"stops {arn}, a g4dn.xlarge that is running since {plan.before[arn]['launched']}"
    assert f"what lies on the instance storage of {arn} is lost" in said
    assert "running" == state(arn)


def test_instances_that_would_not_survive_a_stop_are_refused_all_at_once(bench: Bench) -> None:
    spot = instance(InstanceMarketOptions={"MarketType": "spot"})
    kept, busy = instance(tags={"finops-protected": "yes"}), instance(tags={"env": "prod"})
    bench.limits["deny_scopes"] = ((("env", ("prod",)),),)
    client("ec2").create_tags(Resources=[spot.rpartition("/")[2], kept.rpartition("/")[2]], Tags=[{"Key": "env", "Value": "dev"}])
    said = refused(bench.stop, spot, kept, busy)
    assert f"{spot} is a spot instance, which may not come back once it is stopped" in said
    assert f"{kept} is protected by its tag 'finops-protected=yes'" in said
    assert f"{busy} is in env=prod, where nothing is moved" in said


def test_an_instance_of_a_group_is_refused(bench: Bench) -> None:
    group(desired=1, least=1)
    found = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"][0]["InstanceId"]
    said = refused(bench.stop, f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{found}")
    assert "belongs to the Auto Scaling group workers, which would replace it; use aws.scale_group" in said


def test_an_instance_that_is_stopped_or_ended_is_refused(bench: Bench) -> None:
    stopped, ended = instance(), instance()
    client("ec2").stop_instances(InstanceIds=[stopped.rpartition("/")[2]])
    client("ec2").terminate_instances(InstanceIds=[ended.rpartition("/")[2]])
    assert f"{stopped} is already stopped" == refused(bench.stop, stopped)
    assert f"{ended} is not there any more" == refused(bench.stop, ended)
    unknown = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0123456789abcdef0"
    assert f"{unknown} is not there any more" == refused(bench.stop, unknown)


def test_an_instance_of_another_account_is_not_ours(bench: Bench) -> None:
    arn = instance().replace(ACCOUNT, "210987654321")
    assert f"{arn} is not there any more" == refused(bench.stop, arn)


def test_an_instance_that_ended_since_is_gone(bench: Bench) -> None:
    """V9."""
    arn = instance()
    plan = planned(bench.stop, arn)
    client("ec2").terminate_instances(InstanceIds=[arn.rpartition("/")[2]])
    assert "gone" == bench.stop.observe(plan, arn)
    for act in (bench.stop.apply, bench.stop.revert):
        with pytest.raises(LeverError, match="is not there any more"):
            act(plan, arn)


def test_an_instance_started_anew_since_is_not_stopped(bench: Bench) -> None:
    """V9: somebody needs it again."""
    arn = instance()
    plan = planned(bench.stop, arn)
    plan.before[arn]["launched"] = "2026-01-01T00:00:00Z"
    with pytest.raises(LeverError, match="was started anew since the plan was made"):
        bench.stop.apply(plan, arn)
    assert "running" == state(arn)


def test_an_instance_of_another_type_is_another(bench: Bench) -> None:
    """V9."""
    arn = instance()
    plan = planned(bench.stop, arn)
    plan.before[arn]["type"] = "p4d.24xlarge"
    assert "changed" == bench.stop.observe(plan, arn)
    with pytest.raises(LeverError, match="is not as it was when the plan was made"):
        bench.stop.apply(plan, arn)


def test_a_tag_put_on_since_protects(bench: Bench) -> None:
    arn = instance()
    plan = planned(bench.stop, arn)
    client("ec2").create_tags(Resources=[arn.rpartition("/")[2]], Tags=[{"Key": "finops-protected", "Value": "true"}])
    with pytest.raises(LeverError, match="is protected by its tag"):
        bench.stop.apply(plan, arn)
    assert "running" == state(arn)


@pytest.mark.parametrize("limits", [{"dry_run": True}, {"dry_run": False, "stop": True}, {"dry_run": False, "max_targets": 0}])
def test_limits_hold_when_it_is_done(bench: Bench, limits: dict[str, Any]) -> None:
    arn = instance()
    plan = planned(bench.stop, arn)
    bench.limits = limits
    with pytest.raises(LeverError, match=r"in rules\.yaml"):
        bench.stop.apply(plan, arn)
    assert "running" == state(arn)


@pytest.mark.parametrize(
    ("role", "said"),
    [
        (None, "no role is set that may act; set FINOPS_AWS_ACTION_ROLE"),
        ("arn:aws:iam::210987654321:role/finops-acts", "is not in the account of FINOPS_AWS_ACTION_ROLE"),
    ],
)
def test_without_a_role_of_that_account_nothing_is_done(bench: Bench, role: str | None, said: str) -> None:
    arn = instance()
    plan = planned(bench.stop, arn)
    with pytest.raises(LeverError, match=said):
        StopInstances(bench.guard, Aws(role)).apply(plan, arn)
    assert "running" == state(arn)


def test_the_role_acts_in_the_name_of_the_plan_and_reading_does_without_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = instance()
    sent = recorded(monkeypatch)
    plan = planned(bench.stop, arn)
    assert {"DescribeInstances", "DescribeInstanceTypes"} == {name for name, _ in sent}
    bench.stop.apply(plan, arn)
    sessions = {given["RoleSessionName"] for name, given in sent if name == "AssumeRole"}
    assert ({f"finops-bot-{plan.short_digest}"}, 1) == (sessions, sum(name == "StopInstances" for name, _ in sent))
    allowed = {permission.partition(":")[2] for permission in bench.stop.permissions}
    assert {name for name, _ in sent} <= allowed


def test_an_answer_that_is_lost_is_unknown_and_found_out_by_reading(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """V8: it worked, and nobody heard of it."""
    arn = instance()
    plan = planned(bench.stop, arn)
    sent = recorded(monkeypatch, after=fails("StopInstances", timed_out()))
    with pytest.raises(LeverUnknownError, match="the answer to ec2:StopInstances was lost"):
        bench.stop.apply(plan, arn)
    assert "applied" == bench.stop.observe(plan, arn)
    bench.stop.apply(plan, arn)
    assert 1 == sum(name == "StopInstances" for name, _ in sent)


def test_an_error_of_the_server_at_a_write_is_unknown(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = instance()
    plan = planned(bench.stop, arn)
    recorded(monkeypatch, before=fails("StopInstances", answered("InternalError", 500)))
    with pytest.raises(LeverUnknownError, match="AWS failed at ec2:StopInstances"):
        bench.stop.apply(plan, arn)


@pytest.mark.parametrize(("times", "expected"), [(2, "stopped"), (3, "running")])
def test_throttling_is_waited_out_within_limits(bench: Bench, monkeypatch: pytest.MonkeyPatch, times: int, expected: str) -> None:
    """V8."""
    arn = instance()
    plan = planned(bench.stop, arn)
    recorded(monkeypatch, before=fails("StopInstances", answered("RequestLimitExceeded", 503), times))
    if expected == "stopped":
        bench.stop.apply(plan, arn)
    else:
        with pytest.raises(
            LeverError, match="AWS did not take the request for ec2:StopInstances: RequestLimitExceeded said; nothing was changed"
        ):
            bench.stop.apply(plan, arn)
    assert expected == state(arn)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("UnauthorizedOperation", "AWS refuses ec2:StopInstances (UnauthorizedOperation); the role or user needs that permission"),
        ("ExpiredToken", "AWS does not accept our credentials (ExpiredToken); renew them"),
        ("InsufficientInstanceCapacity", "AWS did not do ec2:StopInstances: InsufficientInstanceCapacity said"),
    ],
)
def test_a_refusal_is_certain_and_told(bench: Bench, monkeypatch: pytest.MonkeyPatch, code: str, said: str) -> None:
    arn = instance()
    plan = planned(bench.stop, arn)
    recorded(monkeypatch, before=fails("StopInstances", answered(code, 400)))
    with pytest.raises(LeverError, match=f"^{re.escape(said)}$"):
        bench.stop.apply(plan, arn)


def test_a_place_where_nobody_answers_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    lever = StopInstances(bench.guard, Aws(ROLE, backoff=Backoff(tries=2, sleep=lambda _: None)))
    assert "AWS did not take the request for ec2:DescribeInstances" in refused(lever, f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1")


@pytest.mark.parametrize(
    "target", ["i-0123", "arn:aws:s3:::b", f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/v", f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/"]
)
def test_only_exact_arns_are_targets(bench: Bench, target: str) -> None:
    assert f"is no target; give an exact ARN such as arn:aws:ec2:eu-central-1:{ACCOUNT}:instance/…" in refused(bench.stop, target)
