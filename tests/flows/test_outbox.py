"""Messages from the outbox to a Slack in trouble: late perhaps, never lost, hardly ever twice, and then said to be."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.manifest import manifest
from bot.routes_mail import MailRoute
from finops.ledger.facts import DuckFacts
from finops.ledger.ledger import Ledger, Terms
from finops.ledger.loads import record
from finops.ledger.outbox import Reference, enqueue, reference_of
from finops.ledger.outbox_unsent import unsent
from finops.ledger.state import open_state, writing
from finops.routing import MailServer
from finops.telling.drawings import Bridge
from jobs.delivering import Deliverer
from jobs.routes import Content
from slackbox.world import Message
from tests.conftest import free_port
from tests.fakes.smtp_server import SmtpServer
from tests.flows.outbox_case import ANA, BOT, COSTS, GUEST, ML, SEARCH, Case, beside_slack, looking
from tests.ledger.conftest import ledger, make_ledger, state_url
from tests.ledger.dying import KILLED, Arm, die_at
from tests.ledger.outbox_case import Clock, put

__all__ = ["ledger", "make_ledger", "state_url"]
OPS = "email:ops@example.com"


@pytest.fixture
def case(ledger: Ledger) -> Iterator[Case]:
    with beside_slack(ledger, Clock()) as case:
        yield case


@pytest.fixture
def mail(case: Case, tmp_path: Path) -> Iterator[SmtpServer]:
    server = SmtpServer(tmp_path)
    with server.running():
        route = MailRoute(MailServer("localhost", server.port, "starttls"), "finops@example.com", case.clock, server.trusting)
        case.others, case.fallbacks = {"email": route}, [OPS]
        yield server


def state_of(case: Case, key: str) -> str:
    with case.ledger.engine.connect() as connection:
        return str(connection.exec_driver_sql(f"SELECT state FROM outbox WHERE key = '{key}'").scalar_one())


def test_a_message_is_posted_edited_and_replied_to(case: Case) -> None:
    put(case.ledger, "a", payload={"text": "over budget", "blocks": [section("over budget")]})
    put(case.ledger, "a.ack", kind="update", after="a", payload={"text": "acknowledged", "blocks": [section("acknowledged")]})
    put(case.ledger, "a.note", kind="thread", after="a", payload={"text": "it saved 12 USD"})
    assert 3 == case.deliver().sent
    first, reply = case.seen()
    assert ("acknowledged", "it saved 12 USD", first.ts) == (first.text, reply.text, reply.thread_ts)
    assert {"event_type": "finops_bot", "event_payload": {"key": "a"}} == first.metadata
    assert Reference(COSTS, first.ts) == reference_of(case.ledger.engine, "a.ack")


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


@pytest.mark.parametrize(
    ("trouble", "expected"), [(None, ["section", "image", "section"]), ("files.getUploadURLExternal", ["section", "section"])]
)
def test_a_drawing_stands_below_the_first_block_and_a_message_goes_out_without_it_where_slack_takes_none(
    case: Case, trouble: str | None, expected: list[str]
) -> None:
    put(case.ledger, "a")
    if trouble:
        case.fault(trouble, status=500)
    drawing = Bridge("Why", "5 to 9", "", "USD", ("before", 5), ("after", 9), (("model=opus", 4),), alt_text="4 USD more of opus")
    around = replace(case.worker()._around, show=lambda _: Content("why", [section("why"), section("more")], drawing=drawing))
    assert 1 == Deliverer(around).deliver().sent
    (message,) = case.seen()
    assert expected == [block["type"] for block in message.blocks]
    assert [] == [block for block in message.blocks if block["type"] == "image" and block["alt_text"] != "4 USD more of opus"]


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child only writes, posts and dies
def test_a2_killed_between_alert_row_outbox_and_post_at_each_point(case: Case, state_url: str, tmp_path: Path) -> None:
    """After a restart there is exactly one row and one post, or neither and the next evaluation makes both."""
    code, step = KILLED, 0
    while code == KILLED:
        step += 1
        key = f"alert{step}"
        code = _in_a_child(case, state_url, key, step)
        _evaluate(case, key)  # the restarted process looks again
        case.forward(minutes=3)
        case.deliver()
        posted = [message.metadata["event_payload"]["key"] for message in case.seen() if message.metadata]
        assert 1 == posted.count(key), f"killed at step {step}"
        assert "sent" == state_of(case, key)
    assert step > 12


def _evaluate(case: Case, key: str) -> None:
    """Write the row, its record and its message in one step, unless that was done."""
    now = case.clock.now
    with writing(case.ledger.engine) as tx:
        if enqueue(tx, key=key, route="slack:#ai-costs", kind="post", object_id=key, payload={"text": key}, at=now):
            record(tx, now, "check-budgets", "alert.fired", key, {})


def _in_a_child(case: Case, url: str, key: str, step: int) -> int:
    def work(arm: Arm) -> None:
        engine = open_state(url)
        arm(engine)
        own = Case(case.box, Ledger(engine, Path(os.devnull), DuckFacts(Path(os.devnull), threads=1), Terms()), case.clock)
        _evaluate(own, key)
        own.deliver()

    return die_at(step, work, ("before_cursor_execute", "after_cursor_execute", "commit"))


def test_s1_slack_asks_to_wait_on_the_second_of_five(case: Case) -> None:
    """It waits as told; all five in order, no duplicates."""
    for number in range(5):
        put(case.ledger, f"m{number}")
    case.fault("chat.postMessage")  # the first goes through
    case.fault("chat.postMessage", status=429, retry_after=7)
    assert 1 == case.deliver().sent
    case.forward(seconds=5)
    assert (0, 2) == (case.deliver().sent, case.calls("chat.postMessage"))
    case.forward(seconds=2)
    assert 4 == case.deliver().sent
    assert [f"m{number}" for number in range(5)] == case.texts()
    assert 6 == case.calls("chat.postMessage")


@pytest.mark.parametrize("trouble", ["5xx", "refused", "hanging"])
def test_s2_slack_is_in_trouble_for_two_hours_around_the_digest(case: Case, mail: SmtpServer, trouble: str) -> None:
    """The digest comes late and says so; mail is used once the limit is over, and once only."""
    put(case.ledger, "digest", payload={"text": "What yesterday cost"})
    case.api_url = f"http://127.0.0.1:{free_port()}/api/" if trouble == "refused" else None
    case.timeout = 1 if trouble == "hanging" else 20
    slow = {"delay_seconds": 1.3} if trouble == "hanging" else {}
    for method in ("chat.postMessage", "conversations.history", "users.conversations"):
        case.fault(method, status=503, times=1000, **slow)
    for _ in range(4):
        case.deliver()
        case.forward(minutes=30)
    assert ([], ["What yesterday cost (not delivered to slack:#ai-costs)"]) == (case.texts(), [each["Subject"] for each in mail.mails])
    case.mend()
    case.api_url = None
    case.timeout = 20
    assert 1 == case.deliver().sent
    [said] = case.texts()
    assert said.startswith("What yesterday cost Delivered 2 h late.")
    assert (trouble == "5xx" and "may be a repeat" in said) or "may be a repeat" not in said
    assert 1 == len(mail.mails)


def test_s2_a_channel_in_trouble_for_a_while_wakes_nobody(case: Case, mail: SmtpServer) -> None:
    put(case.ledger, "digest")
    case.fault("chat.postMessage", status=503, times=3)
    for _ in range(5):
        case.deliver()
        case.forward(minutes=2)
    assert ([], 1) == (mail.mails, len(case.seen()))


@pytest.mark.parametrize("kind", ["post", "thread"])
def test_s3_the_answer_is_lost_after_delivery(case: Case, kind: Any) -> None:
    """It is recognised by its metadata; one visible message."""
    put(case.ledger, "root", payload={"text": "root"})
    case.deliver()
    case.forward(seconds=5)
    put(case.ledger, "a", kind=kind, after="root")
    case.fault("chat.postMessage", drop_response=True)
    assert (0, 1) == ((done := case.deliver()).sent, done.put_off)
    case.forward(minutes=1)
    assert 1 == case.deliver().sent
    assert ["root", "a"] == case.texts()
    assert Reference(COSTS, case.seen()[1].ts) == reference_of(case.ledger.engine, "a")


def test_s3_an_edit_whose_answer_is_lost_is_made_again(case: Case) -> None:
    put(case.ledger, "a")
    put(case.ledger, "a.ack", kind="update", after="a", payload={"text": "acknowledged"})
    case.fault("chat.update", drop_response=True)
    case.deliver()
    case.forward(minutes=1)
    case.deliver()
    assert (["acknowledged"], 2) == (case.texts(), case.calls("chat.update"))


def test_s3_a_message_that_was_lost_on_its_way_is_sent_again_and_marked(case: Case) -> None:
    put(case.ledger, "a", payload={"text": "a", "blocks": [section("a")]})
    case.fault("chat.postMessage", error="fatal_error")
    case.deliver()
    case.forward(minutes=1)
    case.deliver()
    [said] = case.seen()
    assert "This may be a repeat" in said.text
    assert "This may be a repeat" in said.blocks[-1]["elements"][0]["text"]


def test_s3_without_the_right_to_look_there_is_one_marked_repeat_at_most(ledger: Ledger) -> None:
    with beside_slack(ledger, Clock(), manifest() | {}) as case:
        scopes = case.box.rig.app.scopes
        case.box.rig.app = type(case.box.rig.app)(**{**vars(case.box.rig.app), "scopes": tuple(s for s in scopes if "history" not in s)})
        put(ledger, "a")
        case.fault("chat.postMessage", drop_response=True, times=2)
        for _ in range(4):
            case.deliver()
            case.forward(minutes=1)
        first, second = case.texts()
        assert ("a", True) == (first, "This may be a repeat" in second)
        assert "dead" == state_of(case, "a")


def test_s3_a_message_of_another_with_our_key_is_not_taken_for_ours(case: Case) -> None:
    put(case.ledger, "a")
    case.fault("chat.postMessage", error="internal_error")
    case.deliver()
    forged = {"event_type": "finops_bot", "event_payload": {"key": "a"}}
    case.box.world.add(Message(case.box.world.new_ts(), COSTS, GUEST, "nothing to see here", metadata=forged))
    case.forward(minutes=1)
    case.deliver()
    assert 2 == len(case.seen())
    assert case.texts()[1].startswith("a This may be a repeat")


@pytest.mark.parametrize("trouble", ["archived", "bot removed", "token revoked", "blocks too large"])
def test_s4_what_will_never_go_is_told_by_mail_and_the_others_go_on(case: Case, mail: SmtpServer, trouble: str) -> None:
    channel = case.box.world.channels[ML]
    channel.archived = trouble == "archived"
    if trouble == "bot removed":
        channel.members.remove(BOT)
    if trouble == "token revoked":
        case.fault("chat.postMessage", error="token_revoked", times=2)
    blocks = [section("x" * 3001)] if trouble == "blocks too large" else []
    if trouble == "blocks too large":
        case.fault("chat.postMessage", times=2)
        case.fault("chat.postMessage", error="is_archived")  # and not even the text alone goes
    put(case.ledger, "a", "slack:#ml", payload={"text": "a", "blocks": blocks})
    put(case.ledger, "b", "slack:#search")
    put(case.ledger, "c", OPS)
    case.deliver()
    assert "dead" == state_of(case, "a")
    assert ["a (not delivered to slack:#ml)"] == [each["Subject"] for each in mail.mails if each["Subject"].startswith("a")]
    assert "c" in [each["Subject"] for each in mail.mails]
    assert trouble == "token revoked" or ["b"] == case.texts(SEARCH)


def test_s4_blocks_that_slack_refuses_leave_the_text_in_the_channel(case: Case, mail: SmtpServer) -> None:
    put(case.ledger, "a", payload={"text": "over budget", "blocks": [section("x" * 3001)]})
    put(case.ledger, "a.ack", kind="update", after="a", payload={"text": "acknowledged"})
    case.deliver()
    assert (["acknowledged"], []) == (case.texts(), mail.mails)
    [given_up] = unsent(case.ledger.engine, 20).given_up.letters
    assert ("a", "slack:#ai-costs", "invalid_blocks") == (given_up.key, given_up.route, given_up.error)


def test_no_figures_go_to_a_channel_shared_with_another_company(case: Case, mail: SmtpServer) -> None:
    put(case.ledger, "a", "slack:#partner-acme")
    case.deliver()
    assert (0, 1) == (case.calls("chat.postMessage"), len(mail.mails))


@pytest.mark.parametrize(("whom", "reached"), [("@U0ANA00001", True), ("@ana", True), (f"@{GUEST}", False), ("@nobody", False)])
def test_a_person_is_written_to_directly_unless_a_guest_or_nobody(case: Case, whom: str, reached: bool) -> None:
    put(case.ledger, "a", f"slack:{whom}")
    case.deliver()
    assert reached == (["a"] == case.texts("D" + ANA[1:]))
    assert reached == (state_of(case, "a") == "sent")


def test_an_edit_of_what_was_never_delivered_is_given_up(case: Case) -> None:
    put(case.ledger, "a.ack", kind="update", after="never")
    case.deliver()
    assert "dead" == state_of(case, "a.ack")


def test_many_messages_lie_between_and_it_is_found_all_the_same(case: Case) -> None:
    put(case.ledger, "a")
    case.fault("chat.postMessage", drop_response=True)
    case.deliver()
    for number in range(450):
        case.box.world.add(Message(case.box.world.new_ts(), COSTS, ANA, f"chatter {number}"))
    case.forward(minutes=1)
    case.deliver()
    assert (1, 3) == (case.texts().count("a"), case.calls("conversations.history"))


def test_the_rights_to_look_are_the_only_ones_added_here() -> None:
    before, after = manifest()["oauth_config"]["scopes"]["bot"], looking()["oauth_config"]["scopes"]["bot"]
    assert set(after) - set(before) <= {"channels:history", "groups:history", "im:history"}
