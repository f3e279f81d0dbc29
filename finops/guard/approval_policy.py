"""Who must agree before a plan is carried out, and how long an agreement holds."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Need:
    """`quorum` different members of a Slack user group, named by id or handle."""

    group: str
    quorum: int = 1


@dataclass(frozen=True)
class ApprovalPolicy:
    """Every one of `needs` must be met; without any, whoever owns the budget decides.

    Nobody approves a request of their own. `expires` is how long a request may wait for votes, `executes_within` how soon
    after the last vote it must be carried out. `step_up` asks each voter to type a phrase as well.
    """

    needs: tuple[Need, ...] = ()
    expires: timedelta = timedelta(hours=24)
    executes_within: timedelta = timedelta(minutes=15)
    step_up: bool = False
