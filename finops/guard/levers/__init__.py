"""Levers of clouds and clusters, by name: real things that a plan can move."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from finops.ports import Lever

if TYPE_CHECKING:
    from finops.configuration.rulebook_approvals import Guard
    from finops.guard.levers.aws import Aws
    from finops.guard.levers.kubernetes_access import Cluster


def cloud_levers(guard: "Callable[[], Guard]", aws: "Aws", cluster: "Cluster") -> Mapping[str, Lever]:
    """Return them all; `guard` gives the limits as they stand at each call. Nothing is reached before a lever is used."""
    from finops.guard.levers.aws_endpoints import ScaleEndpoint
    from finops.guard.levers.aws_groups import ScaleGroup
    from finops.guard.levers.aws_instances import StopInstances
    from finops.guard.levers.kubernetes import Scale, Suspend

    levers: tuple[Lever, ...] = (
        StopInstances(guard, aws),
        ScaleGroup(guard, aws),
        ScaleEndpoint(guard, aws),
        Scale(guard, cluster),
        Suspend(guard, cluster),
    )
    return {lever.name: lever for lever in levers}
