"""`/metrics` as Prometheus reads it."""

from tests.api.conftest import Serve

OUTBOX = "finops_outbox_messages"


def page(serve: Serve, **more: object) -> list[str]:
    return serve(**more).send("/metrics", token=None).body.decode().splitlines()


def test_what_the_state_database_tells_stands_beside_the_doors_own_counters(serve: Serve) -> None:
    told = [(OUTBOX, (("state", "pending"),), 3.0), (OUTBOX, (("state", "dead"),), 0.0), ("finops_outbox_oldest_pending_seconds", (), 61.5)]
    found = page(serve, tallies=lambda: told)
    at = found.index(f"# TYPE {OUTBOX} gauge")
    assert ['finops_outbox_messages{state="pending"} 3', 'finops_outbox_messages{state="dead"} 0'] == found[at + 1 : at + 3]
    assert "finops_outbox_oldest_pending_seconds 61.5" in found
    assert "finops_state_up 1" in found


def test_a_database_that_cannot_be_read_takes_nothing_else_away(serve: Serve) -> None:
    def broken() -> list[object]:
        raise OSError("no such server")

    found = page(serve, tallies=broken)
    assert "finops_state_up 0" in found
    assert not [row for row in found if row.startswith(OUTBOX)]
    assert any(row.startswith("finops_spool_bytes ") for row in found)


def test_every_family_is_described_once_and_before_its_figures(serve: Serve) -> None:
    found = page(serve, tallies=lambda: [("finops_alerts", (("state", "open"),), 1.0)])
    types = [row.split()[2] for row in found if row.startswith("# TYPE")]
    assert sorted(set(types)) == sorted(types)
    for place, row in enumerate(found):
        if not row.startswith("#"):
            assert f"# TYPE {row.partition('{')[0].split()[0]} " in " ".join(found[:place]) + " "
