"""A message that could not arrive: given up, listed, tried again by an admin once what was wrong is set right, and delivered once."""

import json
from collections.abc import Iterator

import pytest

from finops.guard.watching import Firing
from finops.ledger import alerts
from finops.ledger.audit import entries, history_of
from finops.ledger.outbox import counts, enqueue
from finops.ledger.state import writing
from tests.flows.decided import Case, deciding, together
from tests.flows.slack import ANA, BOT, BRUNO, COSTS, GUEST, ML, Message, eventually, words
from tests.ledger.alerts_case import finding


@pytest.fixture
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    with deciding(tmp_path_factory.mktemp("messages")) as case:
        yield case


def throw_out(case: Case, channel: str = ML) -> None:
    case.slack.box.world.channels[channel].members.remove(BOT)


def invite(case: Case, channel: str = ML) -> None:
    case.slack.box.world.channels[channel].members.append(BOT)


def fire(case: Case, route: str = "slack:#ml", rule: str = "ml") -> None:
    alerts.take(case.tools.ledger.engine, [Firing(finding(rule=rule), rule, (route,))], case.clock())
    dead = counted(case, "dead")
    case.delivered(lambda: counted(case, "dead") > dead)


def counted(case: Case, state: str) -> int:
    return counts(case.tools.ledger.engine)[state]


def lost(case: Case) -> Message:
    """An alert that the bot was thrown out of the channel of, and the list that an admin then sees."""
    throw_out(case)
    fire(case)
    return case.slack.type("/cost messages", ANA)


def click(case: Case, message: Message, action: str, user: str = ANA) -> Message:
    """Click a button of the list, and return the list as it is drawn after that."""
    block = held(message, action)
    where = {"channel": COSTS, "ts": message["ts"]}
    assert case.slack.call("interact", user=user, message=where, block_id=block, action_id=action)["acked"]
    case.settle()
    changed: Message = eventually(
        lambda: next((one for one in case.slack.messages(user) if one["ts"] == message["ts"] and one != message), None)
    )
    return changed


def held(message: Message, action: str) -> str:
    return next(
        str(block["block_id"]) for block in message["blocks"] if any(one.get("action_id") == action for one in block.get("elements", ()))
    )


def told(case: Case, message: Message, action: str, user: str) -> str:
    """Click, and return what that person alone is told."""
    where = {"channel": COSTS, "ts": message["ts"]}
    with case.slack.new(user, only=lambda each: each["ephemeral"]) as seen:
        assert case.slack.call("interact", user=user, message=where, block_id=held(message, action), action_id=action)["acked"]
    case.settle()
    return words(seen[0])


def actions(message: Message) -> list[str]:
    return [one["action_id"] for block in message["blocks"] for one in block.get("elements", ()) if "action_id" in one]


def arrived(case: Case) -> list[str]:
    return [words(one) for one in case.slack.messages(BRUNO, ML) if "A-1" in words(one)]


def test_a_message_for_a_channel_the_bot_was_thrown_out_of_arrives_once_it_is_back(case: Case) -> None:
    listed = lost(case)
    said = words(listed)
    assert "1 message was given up." in said
    assert "*M-1: A-1 · ml is past 0.8*" in said
    assert "To #ml, given up" in said
    assert "finops-bot is in no channel ml; invite it there" in said
    assert "To do: invite finops-bot to #ml (/invite @finops-bot), then try again." in said
    assert ["message.again", "message.drop", "message.all", "message.look"] == actions(listed)
    invite(case)
    after = words(click(case, listed, "message.again"))
    assert "*M-1 arrived.*" in after
    assert "Everything that was to be told has arrived." in after
    case.slack.service.slack.courier.wake()
    case.settle()
    assert (1, 1, 0) == (len(arrived(case)), counted(case, "sent"), counted(case, "dead"))
    [entry] = [one for one in history_of(case.tools.ledger.engine, "alert:A-1") if one.action == "outbox.revived"]
    assert (ANA, "A-1") == (entry.actor, json.loads(entry.detail)["about"])
    audit = case.slack.ask("audit M-1", BRUNO)
    assert ("M-1 about A-1 arrived" in audit, f"{ANA} had it tried again" in audit, "#ml" in audit) == (True, True, False)
    assert "there is no message M-9" in case.slack.ask("audit M-9", BRUNO)


def test_clicks_in_two_lists_have_it_sent_once_and_the_second_says_so(case: Case) -> None:
    lists = [lost(case), case.slack.type("/cost messages", ANA)]
    invite(case)
    seen: list[str] = []
    together(*(lambda one=one: seen.append(words(click(case, one, "message.again"))) for one in lists))
    assert ["M-1 arrived.", "nothing was done."] == sorted(
        found for one in seen for found in ("M-1 arrived.", "nothing was done.") if found in one
    )
    assert 1 == len(arrived(case))
    revived = [one for one in history_of(case.tools.ledger.engine, "alert:A-1") if one.action == "outbox.revived"]
    assert 1 == len(revived)


def test_a_click_that_slack_delivers_twice_counts_once(case: Case) -> None:
    listed = lost(case)
    click(case, listed, "message.again")
    case.delivered(lambda: counted(case, "dead"))
    case.slack.again(case.slack.log("delivery")[-1])
    case.settle()
    assert (1, 0) == (counted(case, "dead"), counted(case, "pending"))


def test_what_is_not_set_right_is_given_up_again_and_stays_in_the_list(case: Case) -> None:
    again = click(case, lost(case), "message.again")
    assert "M-1 was given up again." in words(again)
    assert "after 2 attempts" in words(again)
    invite(case)
    assert "M-1 arrived." in words(click(case, again, "message.again"))


def test_what_came_of_it_later_is_seen_by_looking_again(case: Case) -> None:
    listed = lost(case)
    invite(case)
    case.slack.fault("chat.postMessage", error="internal_error", times=1)
    waiting = click(case, listed, "message.again")
    assert "M-1 is sent again, as things stand then." in words(waiting)
    assert "*May have arrived*\n• M-1: A-1 · ml is past 0.8 to #ml" in words(waiting)
    case.delivered(lambda: counted(case, "sent"))
    assert "Everything that was to be told has arrived." in words(click(case, waiting, "message.look"))


def test_it_says_how_things_stand_when_it_is_sent(case: Case) -> None:
    listed = lost(case)
    alerts.acknowledge(case.tools.ledger.engine, "A-1", ANA, case.clock())
    case.delivered(lambda: counted(case, "dead") == 2)
    case.clock.forward(hours=2)
    invite(case)
    click(case, listed, "message.again")
    said = eventually(lambda: arrived(case))[0]
    assert f"Acknowledged by <@{ANA}>" in said
    eventually(lambda: counted(case, "sent") == 2)
    assert 1 == len(arrived(case))


def test_an_alert_that_is_over_meanwhile_is_not_told_as_news(case: Case) -> None:
    listed = lost(case)
    alerts.resolve(case.tools.ledger.engine, "A-1", "check-budgets", case.clock(), "spend fell")
    case.delivered(lambda: counted(case, "dead") == 2)
    invite(case)
    after = words(click(case, listed, "message.again"))
    assert "M-1 is not sent, because A-1 is resolved." in after
    assert ([], 0, 2) == (arrived(case), counted(case, "dead"), counted(case, "dropped"))


def test_all_at_once(case: Case) -> None:
    throw_out(case)
    fire(case)
    fire(case, rule="search")
    listed = case.slack.type("/cost messages", ANA)
    invite(case)
    assert "nothing was done" not in words(click(case, listed, "message.all"))
    eventually(lambda: counted(case, "sent") == 2)
    assert "A-2" in words(case.slack.messages(BRUNO, ML)[-1])


def test_what_nobody_needs_is_let_go(case: Case) -> None:
    after = click(case, lost(case), "message.drop")
    assert "M-1 is not sent, because somebody let it go." in words(after)
    assert (0, 1) == (counted(case, "dead"), counted(case, "dropped"))
    assert ["message.look"] == actions(after)


def test_a_member_learns_how_many_and_not_which(case: Case) -> None:
    lost(case)
    said = case.slack.type("/cost messages", BRUNO)
    assert "1 message was given up." in words(said)
    assert "shown to admins of this workspace" in words(said)
    assert ("#ml" in words(said), actions(said)) == (False, [])


def test_a_guest_sees_nothing(case: Case) -> None:
    throw_out(case)
    fire(case)
    said = case.slack.ask("messages", GUEST)
    assert ("you are a guest" in said, "given up" in said) == (True, False)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"role": "member"}, "Only admins of this workspace"),
        ({"role": "guest"}, "Guests of this workspace decide nothing"),
        ({"role": "external", "team": "T0ACMECORP"}, "People of other workspaces decide nothing here"),
    ],
)
@pytest.mark.parametrize("action", ["message.again", "message.all", "message.drop", "message.look"])
def test_who_is_no_admin_any_more_when_they_click_is_refused_and_on_the_record(
    case: Case, changed: dict[str, str], why: str, action: str
) -> None:
    listed = lost(case)
    with case.slack.becoming(ANA, **changed):
        assert why in told(case, listed, action, ANA)
    with case.tools.ledger.engine.connect() as connection:
        [entry] = [one for one in entries(connection) if one.action == "outbox.refused"]
    assert (ANA, 1, why.lower()) == (entry.actor, counted(case, "dead"), (entry.reason or "").lower()[: len(why)])


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("message.again", "M-1"),
        ("message.again", "M-0|1"),
        ("message.drop", "P-1|1"),
        ("message.all", "yesterday"),
        ("message.all", "2026-11-21"),
    ],
)
def test_a_button_that_is_none_of_ours_does_nothing_and_is_on_the_record(case: Case, action: str, value: str) -> None:
    lost(case)
    button = {"type": "button", "action_id": action, "value": value, "text": {"type": "plain_text", "text": "Try again"}}
    blocks = [{"type": "actions", "block_id": "forged", "elements": [button]}]
    case.slack.service.slack.client.chat_postMessage(channel=COSTS, text="x", blocks=blocks)
    forged = next(one for one in case.slack.messages(ANA) if one["text"] == "x")
    assert "This is no button of finops-bot, so nothing was done" in told(case, forged, action, ANA)
    with case.tools.ledger.engine.connect() as connection:
        assert [ANA] == [one.actor for one in entries(connection) if one.action == "outbox.refused"]
    assert 1 == counted(case, "dead")


@pytest.mark.parametrize("text", ["messages retry M-1", "messages faild", "messages M-1"])
def test_a_word_too_many_is_told_what_works(case: Case, text: str) -> None:
    said = case.slack.ask(text, ANA)
    assert "messages only lists" in said or "messages takes nothing, or 'failed'" in said


def test_hostile_words_in_a_message_stay_words(case: Case) -> None:
    throw_out(case)
    with writing(case.tools.ledger.engine) as tx:
        payload = {"text": "<!channel> *bold* <http://x|y>"}
        enqueue(tx, key="x", route="slack:#ml", kind="post", object_id="<!here>", payload=payload, at=case.clock())
    case.delivered(lambda: counted(case, "dead"))
    said = "\n".join(block["text"]["text"] for block in case.slack.type("/cost messages", ANA)["blocks"] if block["type"] == "section")
    assert ("<!channel>" in said, "<!here>" in said, "&lt;!channel&gt; ∗bold∗" in said) == (False, False, True)
