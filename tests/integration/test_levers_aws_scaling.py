"""Scaling Auto Scaling groups and SageMaker endpoints through boto3 against moto's server."""

import pytest

from finops.errors import LeverError
from tests.integration.aws_account import Bench, client, endpoint, fresh, group, instances_of, planned, refused, size


@pytest.fixture
def bench(aws: str, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return fresh(aws, monkeypatch)


def test_a_group_is_scaled_and_put_back(bench: Bench) -> None:
    arn = group()
    plan = planned(bench.group, arn, desired=1)
    assert {"min": 2, "max": 8, "desired": 4} == plan.before[arn]
    assert bench.group.describe(plan) == [
        f"sets {arn} from 4 to 1 instances, its minimum from 2 to 1",
        "3 instances of workers are ended, with what lies on their disks",
    ]
    assert ((2, 4), "as before") == (size(), bench.group.observe(plan, arn))
    bench.group.apply(plan, arn)
    bench.group.apply(plan, arn)
    assert ((1, 1), "applied") == (size(), bench.group.observe(plan, arn))
    bench.group.revert(plan, arn)
    assert ((2, 4), "as before") == (size(), bench.group.observe(plan, arn))


def test_a_group_that_policies_moved_since_gets_its_minimum_back_and_keeps_its_size(bench: Bench) -> None:
    arn = group()
    plan = planned(bench.group, arn, desired=1)
    bench.group.apply(plan, arn)
    client("autoscaling").set_desired_capacity(AutoScalingGroupName="workers", DesiredCapacity=6)
    assert "changed" == bench.group.observe(plan, arn)
    bench.group.revert(plan, arn)
    assert (2, 6) == size()


def test_a_group_whose_minimum_somebody_set_is_left_alone(bench: Bench) -> None:
    """V9: a limit edited by hand."""
    arn = group()
    plan = planned(bench.group, arn, desired=1)
    bench.group.apply(plan, arn)
    client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="workers", MinSize=3, DesiredCapacity=3)
    with pytest.raises(LeverError, match="was changed by somebody else since; it is left as it is"):
        bench.group.revert(plan, arn)
    assert (3, 3) == size()


def test_a_group_is_not_set_to_what_it_cannot_have(bench: Bench) -> None:
    arn = group()
    assert f"{arn} can have 2 to 8 instances, not 9" == refused(bench.group, arn, desired=9)
    assert f"{arn} can have 3 to 8 instances, not 1" == refused(bench.group, arn, desired=1, min=3)
    assert f"{arn} has 4 instances already" == refused(bench.group, arn, desired=4)
    assert "a group is set to a whole number of instances, not None" == refused(bench.group, arn)


def test_a_group_made_anew_under_the_same_name_is_another(bench: Bench) -> None:
    """V9: replaced."""
    arn = group()
    plan = planned(bench.group, arn, desired=1)
    client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="workers", ForceDelete=True)
    assert "gone" == bench.group.observe(plan, arn)
    client("autoscaling").delete_launch_configuration(LaunchConfigurationName="gpu")
    assert (arn != group(), "gone") == (True, bench.group.observe(plan, arn))


def test_tags_of_a_group_protect_it(bench: Bench) -> None:
    arn = group(keep="true")
    bench.limits["protected_tags"] = ("keep",)
    assert f"{arn} is protected by its tag 'keep=true'" == refused(bench.group, arn, desired=1)


def test_an_endpoint_is_scaled_and_put_back(bench: Bench) -> None:
    arn = endpoint()
    plan = planned(bench.endpoint, arn, instances=1)
    assert {"variant": "main", "instances": 3} == plan.before[arn]
    assert [f"sets variant main of {arn} from 3 to 1 instances"] == bench.endpoint.describe(plan)
    bench.endpoint.apply(plan, arn)
    bench.endpoint.apply(plan, arn)
    assert (1, "applied") == (instances_of(), bench.endpoint.observe(plan, arn))
    bench.endpoint.revert(plan, arn)
    assert (3, "as before") == (instances_of(), bench.endpoint.observe(plan, arn))


def test_of_several_variants_one_is_named(bench: Bench) -> None:
    arn = endpoint("a", "b")
    assert f"{arn} has the variants a, b; say which with 'variant'" == refused(bench.endpoint, arn, instances=1)
    assert f"{arn} has no variant 'c'; it has a, b" == refused(bench.endpoint, arn, instances=1, variant="c")
    bench.endpoint.apply(planned(bench.endpoint, arn, instances=1, variant="b"), arn)
    assert (3, 1) == (instances_of("a"), instances_of("b"))


def test_an_endpoint_that_scales_itself_is_left_to_it(bench: Bench) -> None:
    arn = endpoint()
    client("application-autoscaling").register_scalable_target(
        ServiceNamespace="sagemaker",
        ResourceId="endpoint/chat/variant/main",
        ScalableDimension="sagemaker:variant:DesiredInstanceCount",
        MinCapacity=1,
        MaxCapacity=4,
    )
    assert f"variant main of {arn} is scaled by its own policy, which would undo this; change the policy" == (
        refused(bench.endpoint, arn, instances=1)
    )


def test_an_endpoint_is_not_set_to_what_it_cannot_have(bench: Bench) -> None:
    arn = endpoint()
    assert f"{arn} cannot have 0 instances; one is the least an endpoint has" == refused(bench.endpoint, arn, instances=0)
    assert f"{arn} has 3 instances already" == refused(bench.endpoint, arn, instances=3)
    assert f"{arn}x is not there any more" == refused(bench.endpoint, f"{arn}x", instances=1)


def test_an_endpoint_somebody_scaled_since_is_left_alone(bench: Bench) -> None:
    """V9."""
    arn = endpoint()
    plan = planned(bench.endpoint, arn, instances=1)
    change = [{"VariantName": "main", "DesiredInstanceCount": 7}]
    client("sagemaker").update_endpoint_weights_and_capacities(EndpointName="chat", DesiredWeightsAndCapacities=change)
    for act in (bench.endpoint.apply, bench.endpoint.revert):
        with pytest.raises(LeverError):
            act(plan, arn)
    assert 7 == instances_of()


def test_tags_of_an_endpoint_protect_it(bench: Bench) -> None:
    arn = endpoint(env="prod")
    bench.limits["deny_scopes"] = ((("env", ("prod",)),),)
    assert f"{arn} is in env=prod, where nothing is moved" == refused(bench.endpoint, arn, instances=1)
