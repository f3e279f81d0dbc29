"""What every lever of a cloud does alike: refuse what is protected, act only on what stands as the plan saw it, never twice."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finops.configuration.rulebook_approvals import Guard
from finops.errors import LeverError
from finops.guard.plans import Plan
from finops.guard.protections import Seen, halted, over_limit, refusals
from finops.ports import Standing

Image = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """A target as it stands: its image for the plan, what protects it, why it cannot be moved, and what moving it brings."""

    target: str
    image: dict[str, Any]
    seen: Seen
    obstacles: tuple[str, ...] = ()
    brings: tuple[str, ...] = ()


class GuardedLever(ABC):
    """A lever whose targets are read one by one. Subclasses say how to `find`, `compare`, `move` and `restore` one."""

    name: str
    permissions: tuple[str, ...]

    def __init__(self, guard: Callable[[], Guard]) -> None:
        """`guard` returns the limits as they are configured at that moment."""
        self._guard = guard

    def look(self, targets: Sequence[str], parameters: Mapping[str, Any]) -> dict[str, Any]:
        if too_many := over_limit(self._guard(), len(set(targets))):
            raise LeverError(too_many)  # before anything is asked
        found = [self._existing(target, parameters) for target in dict.fromkeys(targets)]
        self._refuse(found, parameters)
        return {one.target: one.image for one in found}

    def describe(self, plan: Plan) -> list[str]:
        found = [self._existing(target, plan.parameters) for target in plan.targets]
        reasons = refusals(self._guard(), [one.seen for one in found])
        said = [sentence for one in found for sentence in (self.said(plan, one), *one.brings, *one.obstacles)]
        return said + [f"not allowed: {reason}" for reason in reasons]

    def apply(self, plan: Plan, target: str) -> None:
        self._mine(plan, target)
        if reason := halted(self._guard()) or over_limit(self._guard(), len(plan.targets)):
            raise LeverError(reason)
        found = self._existing(target, plan.parameters)
        standing = self.compare(plan, found)
        if standing == "applied":
            return
        if standing != "as before":
            raise LeverError(f"{target} is not as it was when the plan was made; ask again with a new one")
        self._refuse([found], plan.parameters)
        self.move(plan, found)

    def revert(self, plan: Plan, target: str) -> None:
        """Put a target back. The stop switch and protections do not hold this up: it only undoes what we did."""
        self._mine(plan, target)
        found = self._existing(target, plan.parameters)
        standing = self.compare(plan, found)
        if standing != "as before":
            self.restore(plan, found, standing)

    def observe(self, plan: Plan, target: str) -> Standing:
        self._mine(plan, target)
        found = self.find(target, plan.parameters)
        return "gone" if found is None else self.compare(plan, found)

    @abstractmethod
    def find(self, target: str, parameters: Mapping[str, Any]) -> Found | None:
        """Return a target as it stands now, None when it is not there. Raises LeverError."""

    @abstractmethod
    def compare(self, plan: Plan, found: Found) -> Standing: ...

    @abstractmethod
    def unfit(self, found: Found, parameters: Mapping[str, Any]) -> Sequence[str]:
        """Return why these parameters make no sense for the target, a sentence each."""

    @abstractmethod
    def said(self, plan: Plan, found: Found) -> str:
        """Return what would be done to a target, in a sentence."""

    @abstractmethod
    def move(self, plan: Plan, found: Found) -> None: ...

    @abstractmethod
    def restore(self, plan: Plan, found: Found, standing: Standing) -> None: ...

    def _existing(self, target: str, parameters: Mapping[str, Any]) -> Found:
        found = self.find(target, parameters)
        if found is None:
            raise LeverError(f"{target} is not there any more")
        return found

    def _refuse(self, found: Sequence[Found], parameters: Mapping[str, Any]) -> None:
        reasons = refusals(self._guard(), [one.seen for one in found])
        for one in found:
            reasons += [*one.obstacles, *self.unfit(one, parameters)]
        if reasons:
            raise LeverError("; ".join(reasons))

    def _mine(self, plan: Plan, target: str) -> None:
        if plan.lever != self.name or target not in plan.targets or target not in plan.before:
            raise LeverError(f"{target} with {plan.lever} is not in this plan; nothing outside a plan is moved")


def overridden(target: str) -> LeverError:
    """Return what to raise where somebody else moved a target since: theirs is left alone."""
    return LeverError(f"{target} was changed by somebody else since; it is left as it is")
