"""An account at moto's server with things to move in it, the levers on it, and faults between boto3 and the server."""

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from finops.configuration.rulebook_approvals import Guard
from finops.errors import LeverError
from finops.guard.levers.aws import Aws
from finops.guard.levers.aws_endpoints import ScaleEndpoint
from finops.guard.levers.aws_groups import ScaleGroup
from finops.guard.levers.aws_instances import StopInstances
from finops.guard.plans import Plan
from finops.ports import Lever
from finops.sources.retries import Backoff

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/finops-acts"


@dataclass
class Bench:
    """The three levers on one account, as `limits` have it at each call."""

    aws: Aws
    limits: dict[str, Any] = field(default_factory=lambda: {"dry_run": False})

    def guard(self) -> Guard:
        return Guard(**self.limits)

    @property
    def stop(self) -> StopInstances:
        return StopInstances(self.guard, self.aws)

    @property
    def group(self) -> ScaleGroup:
        return ScaleGroup(self.guard, self.aws)

    @property
    def endpoint(self) -> ScaleEndpoint:
        return ScaleEndpoint(self.guard, self.aws)


@cache
def client(service: str) -> Any:
    """Kept for all tests, which talk to one server; making one takes longer than most tests."""
    import boto3

    return boto3.client(service, region_name=REGION)


@cache
def image() -> str:
    """An image of moto's, the same after each reset."""
    return str(client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"])


@cache
def acting() -> Aws:
    """One for all tests, which keeps the clients that read."""
    return Aws(ROLE, backoff=Backoff(tries=3, sleep=lambda _: None))


def fresh(aws: str, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Empty the server and return the levers on it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    urllib.request.urlopen(urllib.request.Request(f"{aws}/moto-api/reset", method="POST")).close()
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
    client("iam").create_role(RoleName="finops-acts", AssumeRolePolicyDocument=json.dumps(policy))
    return Bench(acting())


def instance(**options: Any) -> str:
    """Start an instance and return its ARN."""
    tags = [{"Key": key, "Value": value} for key, value in options.pop("tags", {}).items()]
    specification = [{"ResourceType": "instance", "Tags": tags}] if tags else []
    asked = {"ImageId": image(), "InstanceType": "g4dn.xlarge", "MinCount": 1, "MaxCount": 1, "TagSpecifications": specification, **options}
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{client('ec2').run_instances(**asked)['Instances'][0]['InstanceId']}"


def state(arn: str) -> str:
    found = client("ec2").describe_instances(InstanceIds=[arn.rpartition("/")[2]])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def group(desired: int = 4, least: int = 2, most: int = 8, **tags: str) -> str:
    """Make an Auto Scaling group and return its ARN."""
    scaling = client("autoscaling")
    scaling.create_launch_configuration(LaunchConfigurationName="gpu", ImageId=image(), InstanceType="g4dn.xlarge")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="workers",
        LaunchConfigurationName="gpu",
        MinSize=least,
        MaxSize=most,
        DesiredCapacity=desired,
        AvailabilityZones=[f"{REGION}a"],
        Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": False} for key, value in tags.items()],
    )
    return str(client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupARN"])


def size() -> tuple[int, int]:
    found = client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    return found["MinSize"], found["DesiredCapacity"]


def endpoint(*variants: str, instances: int = 3, **tags: str) -> str:
    """Make a SageMaker endpoint and return its ARN."""
    sagemaker = client("sagemaker")
    container = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/m:1"
    sagemaker.create_model(ModelName="m", PrimaryContainer={"Image": container}, ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/m")
    production = [
        {
            "VariantName": each,
            "ModelName": "m",
            "InitialInstanceCount": instances,
            "InstanceType": "ml.g4dn.xlarge",
            "InitialVariantWeight": 1,
        }
        for each in variants or ("main",)
    ]
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=production)
    labels = [{"Key": key, "Value": value} for key, value in tags.items()]
    return str(sagemaker.create_endpoint(EndpointName="chat", EndpointConfigName="c", Tags=labels)["EndpointArn"])


def instances_of(variant: str = "main") -> int:
    found = client("sagemaker").describe_endpoint(EndpointName="chat")["ProductionVariants"]
    return next(int(each["DesiredInstanceCount"]) for each in found if each["VariantName"] == variant)


def planned(lever: Lever, *targets: str, **parameters: Any) -> Plan:
    return Plan(lever.name, targets, parameters, lever.look(targets, parameters), "idle", {}, "policy")


def refused(lever: Lever, *targets: str, **parameters: Any) -> str:
    with pytest.raises(LeverError) as error:
        lever.look(targets, parameters)
    return str(error.value)


def recorded(
    monkeypatch: pytest.MonkeyPatch, before: Callable[[str], None] = lambda _: None, after: Callable[[str], None] = lambda _: None
) -> list[tuple[str, Any]]:
    """Note every call that boto3 makes, and let `before` or `after` raise around it."""
    from botocore.client import BaseClient

    sent: list[tuple[str, Any]] = []
    call = BaseClient._make_api_call

    def noting(self: Any, name: str, given: Any) -> Any:
        sent.append((name, given))
        before(name)
        answer = call(self, name, given)
        after(name)
        return answer

    monkeypatch.setattr(BaseClient, "_make_api_call", noting)
    return sent


def fails(name: str, error: Exception, times: int = 1) -> Callable[[str], None]:
    left = [error] * times

    def fail(called: str) -> None:
        if called == name and left:
            raise left.pop()

    return fail


def answered(code: str, status: int) -> Exception:
    from botocore.exceptions import ClientError

    response: Any = {"Error": {"Code": code, "Message": "said"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error: Exception = ClientError(response, "StopInstances")
    return error


def timed_out() -> Exception:
    from botocore.exceptions import ReadTimeoutError

    error: Exception = ReadTimeoutError(endpoint_url="http://aws")
    return error
