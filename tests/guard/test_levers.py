"""The levers as a whole: all are there, written down, and none reaches out before it is used."""

from pathlib import Path

import pytest

from finops.configuration.levers import LEVERS
from finops.configuration.rulebook_approvals import Guard
from finops.guard.levers import cloud_levers
from finops.guard.levers.aws import Aws
from finops.guard.levers.kubernetes_access import Cluster
from finops.ports import Lever

ALL = cloud_levers(Guard, Aws(), Cluster())
DOCS = (Path(__file__).parents[2] / "docs" / "levers.md").read_text(encoding="utf-8")


def test_every_lever_a_rule_can_name_is_there() -> None:
    assert sorted(ALL) == sorted(name for name in LEVERS if not name.startswith("gateway."))


@pytest.mark.parametrize("lever", ALL.values(), ids=list(ALL))
def test_its_permissions_and_parameters_are_in_the_docs(lever: Lever) -> None:
    rows = [row for row in DOCS.splitlines() if row.startswith(f"| `{lever.name}` |")]
    assert 2 == len(rows)
    assert [] == [name for name in LEVERS[lever.name].parameters if f"`{name}`" not in rows[0]]
    assert [] == [name for name in lever.permissions if f"`{name}`" not in rows[1]]
