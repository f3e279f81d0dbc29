"""Stops EC2 instances that stand idle, and starts them again."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from finops.configuration.rulebook_approvals import Guard
from finops.errors import LeverError
from finops.guard.levers.aws import Aws, Resource, missing, resource
from finops.guard.levers.guarded import Found, GuardedLever, overridden
from finops.guard.plans import Plan
from finops.ports import Standing

# What a state comes to: on its way there is as good as there.
COMES_TO: Final[Mapping[str, str]] = {"pending": "running", "running": "running", "stopping": "stopped", "stopped": "stopped"}
GROUP: Final = "aws:autoscaling:groupName"


class StopInstances(GuardedLever):
    """Targets are ARNs of instances; no parameters. The image is the state, the type, and since when it runs."""

    name: str = "aws.stop_instances"
    permissions: tuple[str, ...] = (
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceTypes",
        "ec2:StopInstances",
        "ec2:StartInstances",
        "sts:AssumeRole",
    )

    def __init__(self, guard: Callable[[], Guard], aws: Aws) -> None:
        super().__init__(guard)
        self._aws = aws

    def find(self, target: str, parameters: Mapping[str, Any]) -> Found | None:
        at = resource(target, "ec2", "instance/")
        owner, instance = self._read(at)
        state = COMES_TO.get(instance.get("State", {}).get("Name", ""))
        if state is None or owner != at.account:
            return None
        tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
        image = {"state": state, "type": instance["InstanceType"], "launched": f"{instance['LaunchTime']:%Y-%m-%dT%H:%M:%SZ}"}
        return Found(target, image, at.seen(tags), tuple(_obstacles(target, instance, tags)), tuple(self._brings(at, instance)))

    def compare(self, plan: Plan, found: Found) -> Standing:
        before, now = plan.before[found.target], found.image
        if now["type"] != before["type"]:
            return "changed"
        if now["state"] == "stopped":
            return "applied"
        return "as before"

    def unfit(self, found: Found, parameters: Mapping[str, Any]) -> Sequence[str]:
        return [] if found.image["state"] == "running" else [f"{found.target} is already stopped"]

    def said(self, plan: Plan, found: Found) -> str:
        return f"stops {found.target}, a {found.image['type']} that is {found.image['state']} since {found.image['launched']}"

    def move(self, plan: Plan, found: Found) -> None:
        if found.image != plan.before[found.target]:
            raise LeverError(f"{found.target} was started anew since the plan was made; ask again with a new one")
        at = resource(found.target, "ec2", "instance/")
        self._aws.write(at, plan, "ec2", lambda ec2: ec2.stop_instances(InstanceIds=[at.id]), "ec2:StopInstances")

    def restore(self, plan: Plan, found: Found, standing: Standing) -> None:
        if standing == "changed":
            raise overridden(found.target)
        at = resource(found.target, "ec2", "instance/")
        self._aws.write(at, plan, "ec2", lambda ec2: ec2.start_instances(InstanceIds=[at.id]), "ec2:StartInstances")

    def _read(self, at: Resource) -> tuple[str, dict[str, Any]]:
        """Return an instance and the account that owns it; an empty one where there is none."""
        try:
            answer = self._aws.read("ec2", at.region, lambda ec2: ec2.describe_instances(InstanceIds=[at.id]), "ec2:DescribeInstances")
        except LeverError as error:
            if missing(error, "InvalidInstanceID"):
                return "", {}
            raise
        found = [(group["OwnerId"], instance) for group in answer["Reservations"] for instance in group["Instances"]]
        return found[0] if found else ("", {})

    def _brings(self, at: Resource, instance: Mapping[str, Any]) -> Sequence[str]:
        """Return what is lost with a stop although it can be started again."""
        kind = instance["InstanceType"]
        answer = self._aws.read(
            "ec2", at.region, lambda ec2: ec2.describe_instance_types(InstanceTypes=[kind]), "ec2:DescribeInstanceTypes"
        )
        found = []
        if any(each.get("InstanceStorageSupported") for each in answer["InstanceTypes"]):
            found.append(f"what lies on the instance storage of {at.arn} is lost")
        faces = instance.get("NetworkInterfaces", [])
        if any(face.get("Association", {}).get("IpOwnerId") == "amazon" for face in faces):
            found.append(f"{at.arn} gets another public address when it is started again")
        return found


def _obstacles(target: str, instance: Mapping[str, Any], tags: Mapping[str, str]) -> list[str]:
    found = []
    if GROUP in tags:
        found.append(f"{target} belongs to the Auto Scaling group {tags[GROUP]}, which would replace it; use aws.scale_group")
    if instance.get("InstanceLifecycle"):
        found.append(f"{target} is a {instance['InstanceLifecycle']} instance, which may not come back once it is stopped")
    if instance.get("RootDeviceType") == "instance-store":
        found.append(f"{target} has its root on instance storage and cannot be stopped, only ended")
    return found
