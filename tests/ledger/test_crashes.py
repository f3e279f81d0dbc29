"""A load killed at any statement leaves the figures of before or of after, and a second try makes them right."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.ledger.upkeep import sweep
from tests.ledger.bills import deliver
from tests.ledger.dying import Arm, die_at
from tests.ledger.test_publish import FIRST, LATER, SECOND, total


def load_and_die(url: str, root: Path, step: int) -> int:
    """Load SECOND in a child process that dies before its `step`-th statement; return the child's exit code."""

    def work(arm: Arm) -> None:
        engine = open_state(url)
        arm(engine)
        deliver(Ledger(engine, root, DuckFacts(root, threads=1), Terms()), SECOND, at=LATER)

    return die_at(step, work)


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only loads and dies
def test_killed_before_any_statement(tmp_path: Path) -> None:
    for step in range(1, 40):
        root, url = tmp_path / f"{step}", f"sqlite:///{tmp_path}/{step}.sqlite"
        before = Ledger(open_state(url), root, DuckFacts(root, threads=1), Terms())
        deliver(before, FIRST)
        before.close()
        code = load_and_die(url, root, step)
        after = Ledger(open_state(url), root, DuckFacts(root, threads=1), Terms())
        seen = total(after)
        assert seen == Decimal("17.5" if code == 0 else "15.5")
        deliver(after, SECOND, at=LATER)
        assert total(after) == Decimal("17.5")
        sweep(after, datetime.now(UTC) + timedelta(days=1))  # noqa: TID251 - the files' own age is compared
        assert total(after) == Decimal("17.5")
        assert len(list(root.glob("source=*/period=*/*.parquet"))) == 2
        assert not list(after.staging_folder.glob("*"))
        after.close()
        if code == 0:
            break
    assert code == 0
    assert step > 8
