"""Sets the number of instances behind a SageMaker endpoint, and puts it back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from finops.configuration.problems import shown
from finops.configuration.rulebook_approvals import Guard
from finops.errors import LeverError
from finops.guard.levers.aws import Aws, Resource, missing, resource
from finops.guard.levers.guarded import Found, GuardedLever, overridden
from finops.guard.plans import Plan
from finops.ports import Standing


class ScaleEndpoint(GuardedLever):
    """Targets are ARNs of endpoints. Parameters: `instances`, and `variant` where there are several."""

    name: str = "aws.scale_endpoint"
    permissions: tuple[str, ...] = (
        "sagemaker:DescribeEndpoint",
        "sagemaker:ListTags",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "application-autoscaling:DescribeScalableTargets",
        "sts:AssumeRole",
    )

    def __init__(self, guard: Callable[[], Guard], aws: Aws) -> None:
        super().__init__(guard)
        self._aws = aws

    def find(self, target: str, parameters: Mapping[str, Any]) -> Found | None:
        at = resource(target, "sagemaker", "endpoint/")
        endpoint = self._read(at)
        if endpoint is None:
            return None
        variant = _variant(target, endpoint.get("ProductionVariants", []), parameters.get("variant"))
        image = {"variant": variant["VariantName"], "instances": variant.get("DesiredInstanceCount", variant.get("CurrentInstanceCount"))}
        return Found(target, image, at.seen(self._tags(at)), tuple(self._obstacles(at, endpoint, variant)))

    def compare(self, plan: Plan, found: Found) -> Standing:
        if found.image == plan.before[found.target]:
            return "as before"
        return "applied" if found.image["instances"] == wanted(plan.parameters) else "changed"

    def unfit(self, found: Found, parameters: Mapping[str, Any]) -> Sequence[str]:
        instances = wanted(parameters)
        if instances < 1:
            return [f"{found.target} cannot have {instances} instances; one is the least an endpoint has"]
        return [f"{found.target} has {instances} instances already"] if instances == found.image["instances"] else []

    def said(self, plan: Plan, found: Found) -> str:
        now = found.image
        return f"sets variant {now['variant']} of {found.target} from {now['instances']} to {wanted(plan.parameters)} instances"

    def move(self, plan: Plan, found: Found) -> None:
        self._set(plan, found, wanted(plan.parameters))

    def restore(self, plan: Plan, found: Found, standing: Standing) -> None:
        if standing == "changed":
            raise overridden(found.target)
        if found.obstacles:
            raise LeverError("; ".join(found.obstacles))
        self._set(plan, found, plan.before[found.target]["instances"])

    def _set(self, plan: Plan, found: Found, instances: int) -> None:
        at = resource(found.target, "sagemaker", "endpoint/")
        change = {"VariantName": found.image["variant"], "DesiredInstanceCount": instances}
        self._aws.write(
            at,
            plan,
            "sagemaker",
            lambda client: client.update_endpoint_weights_and_capacities(EndpointName=at.id, DesiredWeightsAndCapacities=[change]),
            "sagemaker:UpdateEndpointWeightsAndCapacities",
        )

    def _read(self, at: Resource) -> dict[str, Any] | None:
        try:
            endpoint: dict[str, Any] = self._aws.read(
                "sagemaker", at.region, lambda client: client.describe_endpoint(EndpointName=at.id), "sagemaker:DescribeEndpoint"
            )
        except LeverError as error:
            if missing(error, "Could not find endpoint"):
                return None
            raise
        return endpoint if endpoint["EndpointArn"] == at.arn and endpoint.get("EndpointStatus") != "Deleting" else None

    def _tags(self, at: Resource) -> dict[str, str]:
        answer = self._aws.read(
            "sagemaker",
            at.region,
            lambda client: list(client.get_paginator("list_tags").paginate(ResourceArn=at.arn)),
            "sagemaker:ListTags",
        )
        return {tag["Key"]: tag["Value"] for page in answer for tag in page["Tags"]}

    def _obstacles(self, at: Resource, endpoint: Mapping[str, Any], variant: Mapping[str, Any]) -> list[str]:
        found = []
        if endpoint.get("EndpointStatus") != "InService":
            found.append(f"{at.arn} is {endpoint.get('EndpointStatus')}; only an endpoint in service can be scaled")
        if variant.get("CurrentServerlessConfig") or variant.get("DesiredServerlessConfig"):
            found.append(f"variant {variant['VariantName']} of {at.arn} is serverless and has no instances")
        if variant.get("ManagedInstanceScaling") or self._scaled(at, variant["VariantName"]):
            found.append(
                f"variant {variant['VariantName']} of {at.arn} is scaled by its own policy, which would undo this; change the policy"
            )
        return found

    def _scaled(self, at: Resource, variant: str) -> bool:
        asked = {"ServiceNamespace": "sagemaker", "ResourceIds": [f"endpoint/{at.id}/variant/{variant}"]}
        answer = self._aws.read(
            "application-autoscaling",
            at.region,
            lambda client: client.describe_scalable_targets(**asked),
            "application-autoscaling:DescribeScalableTargets",
        )
        return bool(answer["ScalableTargets"])


def wanted(parameters: Mapping[str, Any]) -> int:
    instances = parameters.get("instances")
    if not isinstance(instances, int):
        raise LeverError(f"an endpoint is set to a whole number of instances, not {instances!r}")
    return instances


def _variant(target: str, variants: Sequence[Mapping[str, Any]], name: object) -> Mapping[str, Any]:
    names = ", ".join(each["VariantName"] for each in variants)
    if name is None and len(variants) == 1:
        return variants[0]
    if name is None:
        raise LeverError(f"{target} has the variants {names}; say which with 'variant'")
    found = next((each for each in variants if each["VariantName"] == name), None)
    if found is None:
        raise LeverError(f"{target} has no variant {shown(str(name))}; it has {names or 'none'}")
    return found
