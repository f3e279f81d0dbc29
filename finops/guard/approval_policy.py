"""Who must agree before a plan is carried out, and how long an agreement holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any


@dataclass(frozen=True)
class Need:
    """`quorum` different members of a Slack user group, named by id or handle."""

    group: str
    quorum: int = 1


@dataclass(frozen=True)
class ApprovalPolicy:
    """Every one of `needs` must be met; without any, whoever owns the budget decides.

    Nobody approves a request of their own. `expires` is how long a request may wait for votes, `executes_within` how soon
    after the last vote it must be carried out. `step_up` asks each voter to type a phrase as well. With `excludes_owner`
    the owner of what asked for it (an agent's, say) may not vote either.
    """

    needs: tuple[Need, ...] = ()
    expires: timedelta = timedelta(hours=24)
    executes_within: timedelta = timedelta(minutes=15)
    step_up: bool = False
    excludes_owner: bool = False

    def document(self) -> dict[str, Any]:
        """Return the policy as plain JSON; `read_policy` gives the same policy back."""
        return {
            "needs": [{"group": need.group, "quorum": need.quorum} for need in self.needs],
            "expires": int(self.expires.total_seconds()),
            "executes_within": int(self.executes_within.total_seconds()),
            "step_up": self.step_up,
            "excludes_owner": self.excludes_owner,
        }


def read_policy(document: Mapping[str, Any]) -> ApprovalPolicy:
    """Read what `ApprovalPolicy.document` wrote."""
    return ApprovalPolicy(
        needs=tuple(Need(need["group"], need["quorum"]) for need in document["needs"]),
        expires=timedelta(seconds=document["expires"]),
        executes_within=timedelta(seconds=document["executes_within"]),
        step_up=document["step_up"],
        excludes_owner=document["excludes_owner"],
    )
