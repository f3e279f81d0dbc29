"""Readers in other processes see whole deliveries only, while two months are replaced at once."""

import subprocess
import sys
import textwrap
from datetime import date, timedelta
from pathlib import Path

from tests.ledger.bills import NOON, Charge, deliver
from tests.ledger.conftest import MakeLedger

READER = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.state import open_state
from finops.periods import Period
from finops.query import CostQuery

ledger = Ledger(open_state(sys.argv[1]), Path(sys.argv[2]), DuckFacts(Path(sys.argv[2]), threads=1), Terms())
query = CostQuery(Period(date(2026, 2, 1), date(2026, 4, 1)))
seen = set()
for _ in range(60):
    seen.add(str(ledger.answer(query, datetime(2026, 5, 1, tzinfo=UTC)).sums[0].total))
print(*sorted(seen))
"""


def two_months(amount: int) -> list[Charge]:
    """Both months say the same amount on every day, so a mixture would give an odd total."""
    first = date(2026, 2, 1)
    return [Charge(first + timedelta(days=n), str(amount)) for n in range(59)]


def test_no_reader_ever_sees_half_a_delivery(make_ledger: MakeLedger, state_url: str, tmp_path: Path) -> None:
    ledger = make_ledger()
    deliver(ledger, two_months(1))
    reader = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(READER), state_url, str(tmp_path / "ledger")], stdout=subprocess.PIPE, text=True
    )
    amount = 1
    while reader.poll() is None and amount < 400:
        amount += 1
        deliver(ledger, two_months(amount), at=NOON + timedelta(minutes=amount))
    seen = reader.communicate(timeout=60)[0].split()
    assert reader.returncode == 0
    assert len(seen) >= 1
    assert {int(float(total)) % 59 for total in seen} == {0}
