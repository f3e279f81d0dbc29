"""What can be proposed: every lever by name, the parameters it takes, and how much it usually risks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from finops.configuration import shapes
from finops.configuration.fields import WrongError, as_amount, as_text
from finops.configuration.readers import as_count, as_model, as_replicas
from finops.configuration.shapes import Schema
from finops.guard.plans import Risk
from finops.yamlfile import Node, Table

RISKS: Final[tuple[Risk, ...]] = ("low", "medium", "high")
EVERY: Final = "*"
FALLBACK: Final = shapes.either(shapes.TEXT, shapes.named(shapes.TEXT))


@dataclass(frozen=True)
class Parameter:
    """One parameter: `read` gives plain JSON."""

    read: Callable[[Node], Any]
    schema: Schema
    about: str


@dataclass(frozen=True)
class LeverForm:
    """A lever as it is written: at least one of `needs` must be given, and no other than `parameters`."""

    about: str
    parameters: Mapping[str, Parameter]
    needs: tuple[str, ...] = ()
    risk: Risk = "medium"


def as_fallback(node: Node) -> dict[str, str]:
    """Read `{premium: cheap}`, or one model that answers for every other."""
    if not isinstance(node.value, Table):
        return {EVERY: as_model(node)}
    pairs = {entry.name: as_model(entry.value) for entry in node.value}
    if not pairs:
        raise WrongError("a model, or models by name such as {premium: cheap}")
    for name in pairs:
        if turn := _circle(name, pairs):
            raise WrongError("models that end somewhere", f"; {' → '.join(turn)} goes round in a circle")
    return dict(sorted(pairs.items()))


def _circle(name: str, pairs: Mapping[str, str]) -> list[str] | None:
    """Return the way from a model back to itself."""
    way = [name]
    while (following := pairs.get(way[-1])) is not None and following not in way[1:]:
        way.append(following)
        if following == name:
            return way
    return None


def _decimal(node: Node) -> str:
    return format(_plain(as_amount(node)), "f")


def _plain(number: Decimal) -> Decimal:
    return number.normalize() if number != number.to_integral_value() else number.quantize(Decimal(1))


_LIMITS: Final[Mapping[str, Parameter]] = {
    "requests_per_second": Parameter(_decimal, shapes.NUMBER, "Requests per second that are let through."),
    "burst": Parameter(as_count, shapes.WHOLE, "How many may come at once."),
    "tokens_per_day": Parameter(as_count, shapes.WHOLE, "Tokens a day, input and output together."),
    "cost_per_day": Parameter(_decimal, shapes.NUMBER, "What a day may cost."),
    "max_input_tokens": Parameter(as_count, shapes.WHOLE, "Input tokens of one request."),
    "max_output_tokens": Parameter(as_count, shapes.WHOLE, "Output tokens of one request."),
}
_REPLICAS: Final = Parameter(as_replicas, shapes.NUMBER, "How many there shall be.")

LEVERS: Final[Mapping[str, LeverForm]] = {
    "gateway.fallback": LeverForm(
        "send requests to a cheaper model",
        {"fallback": Parameter(as_fallback, FALLBACK, "The model that answers instead: one for all, or by name.")},
        needs=("fallback",),
    ),
    "gateway.throttle": LeverForm("let fewer requests or tokens through", _LIMITS, needs=tuple(_LIMITS)),
    "gateway.block": LeverForm("refuse requests", {}, risk="high"),
    "aws.stop_instances": LeverForm("stop EC2 instances", {}),
    "aws.scale_group": LeverForm(
        "set the size of an Auto Scaling group",
        {"desired": _REPLICAS, "min": Parameter(as_replicas, shapes.NUMBER, "The smallest size it may shrink to.")},
        needs=("desired",),
    ),
    "aws.scale_endpoint": LeverForm(
        "set the instances of a SageMaker endpoint",
        {"instances": _REPLICAS, "variant": Parameter(as_text, shapes.TEXT, "The variant; needed where there are several.")},
        needs=("instances",),
    ),
    "kubernetes.scale": LeverForm("set the replicas of a Deployment or StatefulSet", {"replicas": _REPLICAS}, needs=("replicas",)),
    "kubernetes.suspend": LeverForm("suspend a Job or CronJob", {}),
}
# Shorter words for the same; `gateway` is the lever its parameters belong to.
SHORT_LEVERS: Final[Mapping[str, str]] = {"stop-instance": "aws.stop_instances"}
GATEWAY: Final = "gateway"
