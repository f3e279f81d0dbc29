"""Sets the size of Auto Scaling groups, and puts it back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from finops.configuration.rulebook_approvals import Guard
from finops.errors import LeverError
from finops.guard.levers.aws import Aws, Resource, resource
from finops.guard.levers.guarded import Found, GuardedLever, Image, overridden
from finops.guard.plans import Plan
from finops.ports import Standing


class ScaleGroup(GuardedLever):
    """Targets are ARNs of groups. Parameters: `desired`, and `min` where it must fall too; without it, no further than needed."""

    name: str = "aws.scale_group"
    permissions: tuple[str, ...] = (
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:UpdateAutoScalingGroup",
        "sts:AssumeRole",
    )

    def __init__(self, guard: Callable[[], Guard], aws: Aws) -> None:
        super().__init__(guard)
        self._aws = aws

    def find(self, target: str, parameters: Mapping[str, Any]) -> Found | None:
        at = resource(target, "autoscaling", "autoScalingGroup:")
        answer = self._aws.read(
            "autoscaling",
            at.region,
            lambda client: client.describe_auto_scaling_groups(AutoScalingGroupNames=[at.id]),
            "autoscaling:DescribeAutoScalingGroups",
        )
        group = next((each for each in answer["AutoScalingGroups"] if each["AutoScalingGroupARN"] == target), None)
        if group is None or group.get("Status"):  # a status stands there only while it is being deleted
            return None
        tags = {tag["Key"]: tag["Value"] for tag in group.get("Tags", [])}
        image = {"min": group["MinSize"], "max": group["MaxSize"], "desired": group["DesiredCapacity"]}
        return Found(target, image, at.seen(tags), brings=tuple(_brings(group, parameters)))

    def compare(self, plan: Plan, found: Found) -> Standing:
        before, now = plan.before[found.target], found.image
        if _size(now) == _size(before):
            return "as before"
        return "applied" if _size(now) == wanted(before, plan.parameters) else "changed"

    def unfit(self, found: Found, parameters: Mapping[str, Any]) -> Sequence[str]:
        least, desired = wanted(found.image, parameters)
        if (least, desired) == _size(found.image):
            return [f"{found.target} has {desired} instances already"]
        if not least <= desired <= found.image["max"]:
            return [f"{found.target} can have {least} to {found.image['max']} instances, not {desired}"]
        return []

    def said(self, plan: Plan, found: Found) -> str:
        least, desired = wanted(found.image, plan.parameters)
        now = found.image
        return f"sets {found.target} from {now['desired']} to {desired} instances, its minimum from {now['min']} to {least}"

    def move(self, plan: Plan, found: Found) -> None:
        self._set(plan, found.target, *wanted(plan.before[found.target], plan.parameters))

    def restore(self, plan: Plan, found: Found, standing: Standing) -> None:
        """Put minimum and size back; where only the size moved on since, scaling policies did that, and theirs is kept."""
        before, now = plan.before[found.target], found.image
        if standing == "changed":
            if now["min"] != wanted(before, plan.parameters)[0]:
                raise overridden(found.target)
            self._set(plan, found.target, before["min"], max(before["min"], now["desired"]))
        else:
            self._set(plan, found.target, before["min"], before["desired"])

    def _set(self, plan: Plan, target: str, least: int, desired: int) -> None:
        at: Resource = resource(target, "autoscaling", "autoScalingGroup:")
        self._aws.write(
            at,
            plan,
            "autoscaling",
            lambda client: client.update_auto_scaling_group(AutoScalingGroupName=at.id, MinSize=least, DesiredCapacity=desired),
            "autoscaling:UpdateAutoScalingGroup",
        )


def wanted(before: Image, parameters: Mapping[str, Any]) -> tuple[int, int]:
    """Return the minimum and the size a group shall have."""
    desired = parameters.get("desired")
    least = parameters.get("min")
    if not isinstance(desired, int) or desired < 0 or not (least is None or isinstance(least, int)):
        raise LeverError(f"a group is set to a whole number of instances, not {desired!r}")
    return (min(before["min"], desired) if least is None else least), desired


def _size(image: Image) -> tuple[int, int]:
    return image["min"], image["desired"]


def _brings(group: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[str]:
    fewer = group["DesiredCapacity"] - int(parameters.get("desired", group["DesiredCapacity"]))
    if fewer <= 0:
        return []
    found = [f"{fewer} instances of {group['AutoScalingGroupName']} are ended, with what lies on their disks"]
    kept = sum(1 for each in group.get("Instances", []) if each.get("ProtectedFromScaleIn"))
    return [*found, f"{kept} of its instances are protected and stay"] if kept else found
