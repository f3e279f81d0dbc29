"""The door as `finops-bot run --only api` opens it: quotas of budgets.yaml, our prices, clients' keys."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from starlette.testclient import TestClient

from bot.assemble import assemble
from bot.door import UsageDoor
from finops.ledger.gateway import Gateways
from gateway.prices import Tokens
from gateway.snapshot import key_digest, unseal
from tests.gateway.rig import KEY, TOKEN

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BUDGETS = """
quotas:
  - {match: {team: ml}, tokens_per_day: %s}
prices:
  - {model: our-model, provider: self-hosted, from: 2026-01-01, input_per_mtok: 0.50, output_per_mtok: 1.50}
"""


def test_quotas_keys_and_prices_reach_gateways_and_a_changed_quota_makes_a_new_version(tmp_path: Path) -> None:
    (tmp_path / "budgets.yaml").write_text(BUDGETS % 1000, encoding="utf-8")
    environ = {"FINOPS_GATEWAY_KEY": KEY, "FINOPS_API_TOKENS": f"gateway={TOKEN}"}
    with assemble(tmp_path, environ, lambda: NOW) as tools:
        Gateways(tools.ledger.engine).add_key(key_digest("k"), {"team": "ml"}, NOW, "ann")
        door = UsageDoor(tools)
        client = TestClient(door.application(), headers={"authorization": f"Bearer {TOKEN}"})

        def said() -> tuple[int, int | None, Decimal]:
            sealed = client.get("/v1/guard/snapshot", params={"worker": "w"}).json()["sealed"]
            found = unseal(json.dumps(sealed), KEY.encode()).snapshot
            assert found
            assert {key_digest("k"): {"team": "ml"}} == found.keys
            assert found.prices.known("gpt-4o")
            price = found.prices.known("our-model")
            assert price
            return found.version, found.limits[0].tokens_per_day, price.of(Tokens(1_000_000, 1_000_000))

        before = said()
        (tmp_path / "budgets.yaml").write_text(BUDGETS % 20000, encoding="utf-8")
        door._job_tools()  # as the publisher does before each round
        after = said()
        door.stop()
    assert (1000, 20000, Decimal("2.0")) == (before[1], after[1], after[2])
    assert after[0] == before[0] + 1
