"""Counts votes towards groups: each person counts for one group only, placed so that most of the needs are met."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from finops.guard.approval_policy import ApprovalPolicy, Need

USER: Final = re.compile(r"[UW][A-Z0-9]{4,}")  # an id of Slack's, where a single person is named in place of a group


def group_name(name: str) -> str:
    """Return a group's id or handle as it is compared: `@ML-oncall` and `ml-oncall` are one."""
    return name.strip().removeprefix("@").casefold()


def needs_of(policy: ApprovalPolicy, owner: str | None) -> tuple[Need, ...]:
    """Return who must agree: what the policy says, else the owner of the budget, else nobody can."""
    if policy.needs:
        return policy.needs
    return (Need(owner),) if owner else ()


def memberships(person: str, groups: Collection[str]) -> frozenset[str]:
    """Return every name a need can know a person by: their groups, and their own id."""
    return frozenset(group_name(name) for name in (*groups, person))


def placed(needs: Sequence[Need], people: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return for which group each person counts, such that as many places as possible are filled.

    `people` holds the memberships of each. Places are filled one by one; where one is taken only by a person who could
    sit elsewhere, that person moves on.
    """
    places = [(need.group, n) for need in needs for n in range(need.quorum)]
    seated: dict[tuple[str, int], str] = {}
    for person in people:
        _seat(person, people, places, seated, set())
    return {person: group for (group, _), person in seated.items()}


def _seat(
    person: str,
    people: Mapping[str, Collection[str]],
    places: Sequence[tuple[str, int]],
    seated: dict[tuple[str, int], str],
    tried: set[tuple[str, int]],
) -> bool:
    for place in places:
        if place in tried or group_name(place[0]) not in people[person]:
            continue
        tried.add(place)
        holder = seated.get(place)
        if holder is None or _seat(holder, people, places, seated, tried):
            seated[place] = person
            return True
    return False


def missing(needs: Sequence[Need], people: Mapping[str, Collection[str]]) -> tuple[Need, ...]:
    """Return what is still needed of each group; nothing when the quorum is reached."""
    filled = list(placed(needs, people).values())
    left = ((need.group, need.quorum - filled.count(need.group)) for need in needs)
    return tuple(Need(group, count) for group, count in left if count > 0)


def shortage(
    policy: ApprovalPolicy, members_by_group: Mapping[str, Collection[str]], requester: str, *, owner: str | None = None
) -> str | None:
    """Say why a request could never be agreed to, all members counted but its requester; None when it could.

    `owner` is who decides where the policy names nobody, and who may not vote where it excludes them.
    """
    needs = needs_of(policy, owner)
    if not needs:
        return "nobody is named who may decide; give the budget an owner or approvers"
    barred = {requester} | ({owner} if policy.excludes_owner and owner else set())
    by_person: dict[str, set[str]] = {need.group: {group_name(need.group)} for need in needs if USER.fullmatch(need.group)}
    for group, members in members_by_group.items():
        for person in members:
            by_person.setdefault(person, set()).add(group_name(group))
    able = {person: groups for person, groups in by_person.items() if person not in barred}
    short = missing(needs, able)
    return f"without {requester} there are too few people who may agree: {told(short)} missing" if short else None


def reachable(policy: ApprovalPolicy, members_by_group: Mapping[str, Collection[str]], requester: str, *, owner: str | None = None) -> bool:
    """Say whether enough others than the requester could agree."""
    return shortage(policy, members_by_group, requester, owner=owner) is None


def told(needs: Sequence[Need]) -> str:
    """Return `1 of @ml-oncall and 2 of @finance`."""
    each = [f"{need.quorum} of {need.group}" for need in needs]
    return " and ".join(filter(None, [", ".join(each[:-1]), *each[-1:]]))
