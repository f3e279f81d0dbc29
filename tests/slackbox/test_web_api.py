"""The Web API as slack_sdk's WebClient meets it: arguments, scopes, error names, limits."""

import io
import struct
import urllib.error
import zlib
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slackbox.server import Slackbox, start
from slackbox.settings import Settings
from tests.slackbox.conftest import (
    ANA,
    BOT,
    BRUNO,
    CHEN,
    COSTS,
    DORA,
    EVE,
    FINANCE,
    MANIFEST,
    PARTNER,
    SEARCH,
    TOM,
    Browser,
    client_of,
    eventually,
    fetch,
    post_json,
)


def error(call: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The answer of a call that must fail."""
    with pytest.raises(SlackApiError) as caught:
        call(*args, **kwargs)
    answer: dict[str, Any] = caught.value.response.data
    return answer


def png(width: int = 1) -> bytes:
    """A real grey picture, one pixel high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" + b"\x80" * width)) + chunk(b"IEND", b"")


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_the_token_says_who_calls(client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["user_id"], answer["user"], answer["team_id"]) == (BOT, "finops-bot", "T0LUMENLAB")
    assert "chat:write" in answer.headers["x-oauth-scopes"]


@pytest.mark.parametrize(
    ("token", "expected"), [("", "not_authed"), ("xoxb-other", "invalid_auth"), ("xapp-slackbox", "not_allowed_token_type")]
)
def test_a_wrong_token_is_refused(box: Slackbox, token: str, expected: str) -> None:
    assert expected == error(WebClient(token, base_url=box.api_url).auth_test)["error"]


def test_a_token_may_come_in_the_form(box: Slackbox) -> None:
    assert fetch(f"{box.url}/api/auth.test?token=xoxb-slackbox")["ok"]


def test_an_unknown_method_is_named(client: WebClient) -> None:
    assert (lambda answer: (answer["error"], answer["req_method"]))(error(client.api_call, "chat.shout")) == (
        "unknown_method",
        "chat.shout",
    )


def test_a_method_needs_its_scope(client: WebClient) -> None:
    answer = error(client.conversations_history, channel=FINANCE)
    assert answer["error"] == "channel_not_found"
    answer = error(client.conversations_list, types="mpim")
    assert (answer["error"], answer["needed"]) == ("missing_scope", "mpim:read")
    assert answer["provided"].startswith("commands,chat:write")


def test_missing_arguments_are_listed(client: WebClient) -> None:
    answer = error(client.api_call, "reactions.add", json={"channel": COSTS})
    assert answer["response_metadata"]["messages"] == ["[ERROR] missing required field: timestamp", "[ERROR] missing required field: name"]


def test_an_argument_has_a_proper_name(client: WebClient) -> None:
    assert error(client.api_call, "api.test", params={"a b": "1"})["error"] == "invalid_arg_name"


def test_a_body_that_is_no_json_is_named(box: Slackbox) -> None:
    import urllib.request

    headers = {"Content-Type": "application/json", "Authorization": "Bearer xoxb-slackbox"}
    bodies = [b"{", b"[]", b"[" * 100_000]
    answers = [fetch(urllib.request.Request(f"{box.url}/api/auth.test", body, headers))["error"] for body in bodies]
    assert answers == ["invalid_json", "json_not_object", "invalid_json"]


def test_a_message_needs_something_to_say(client: WebClient) -> None:
    assert error(client.api_call, "chat.postMessage", json={"channel": COSTS})["error"] == "no_text"


def test_blocks_without_text_are_taken_with_a_warning(client: WebClient) -> None:
    with pytest.warns(UserWarning, match="text"):
        answer = client.chat_postMessage(channel=COSTS, blocks=[section("hi")])
    assert answer["warning"] == "missing_text_in_message"


def test_invalid_blocks_are_pointed_at(client: WebClient) -> None:
    answer = error(client.chat_postMessage, channel=COSTS, text="x", blocks=[section("fine"), section("x" * 3001)])
    line = "must be less than 3001 characters [json-pointer:/blocks/1/text/text]"
    assert ("invalid_blocks", [line], [f"[ERROR] {line}"]) == (answer["error"], answer["errors"], answer["response_metadata"]["messages"])


def test_blocks_that_are_no_json_are_named(client: WebClient) -> None:
    assert (
        error(client.api_call, "chat.postMessage", data={"channel": COSTS, "text": "x", "blocks": "{["})["error"] == "invalid_blocks_format"
    )


@pytest.mark.parametrize(
    ("channel", "expected"),
    [(FINANCE, "channel_not_found"), ("C0NOWHERE1", "channel_not_found"), ("C0OLDPROJ1", "is_archived"), (TOM, "user_disabled")],
)
def test_a_message_goes_only_where_the_bot_may_write(client: WebClient, channel: str, expected: str) -> None:
    assert expected == error(client.chat_postMessage, channel=channel, text="x")["error"]


def test_a_public_channel_must_be_joined_first(box: Slackbox, client: WebClient) -> None:
    box.world.channels[SEARCH].members.remove(BOT)
    assert error(client.chat_postMessage, channel=SEARCH, text="x")["error"] == "not_in_channel"
    client.conversations_join(channel=SEARCH)
    assert client.chat_postMessage(channel="#search", text="x")["ok"]


def test_long_text_is_cut_when_posted_and_refused_when_updated(client: WebClient) -> None:
    sent = client.chat_postMessage(channel=COSTS, text="x" * 40_001)
    assert len(sent["message"]["text"]) == 40_000
    assert client.chat_update(channel=COSTS, ts=sent["ts"], text="x" * 4_000)["ok"]
    assert error(client.chat_update, channel=COSTS, ts=sent["ts"], text="x" * 4_001)["error"] == "msg_too_long"


def test_all_blocks_together_have_a_size(client: WebClient) -> None:
    exactly = [section("x" * 2_640)] * 5
    assert client.chat_postMessage(channel=COSTS, text="x", blocks=exactly)["ok"]
    over = [*exactly[:4], section("x" * 2_641)]
    assert error(client.chat_postMessage, channel=COSTS, text="x", blocks=over)["error"] == "msg_blocks_too_long"


def test_text_without_blocks_takes_the_blocks_away(client: WebClient, browser: Browser) -> None:
    sent = client.chat_postMessage(channel=COSTS, text="x", blocks=[section("old")])
    client.chat_update(channel=COSTS, ts=sent["ts"], text="new")
    assert browser.messages(ANA)[0]["blocks"] == []


def test_only_its_own_messages_are_the_bots_to_change(client: WebClient, browser: Browser) -> None:
    ts = browser("message", user=ANA, channel=COSTS, text="mine")["ts"]
    assert error(client.chat_update, channel=COSTS, ts=ts, text="x")["error"] == "cant_update_message"
    assert error(client.chat_delete, channel=COSTS, ts=ts)["error"] == "cant_delete_message"
    assert error(client.chat_update, channel=COSTS, ts="1.000000", text="x")["error"] == "message_not_found"


def test_an_ephemeral_message_is_one_persons_and_cannot_be_updated(client: WebClient, browser: Browser) -> None:
    ts = client.chat_postEphemeral(channel=COSTS, user=ANA, text="psst")["message_ts"]
    assert tuple([each["text"] for each in browser.messages(user)] for user in (ANA, BRUNO)) == (["psst"], [])
    assert error(client.chat_update, channel=COSTS, ts=ts, text="x")["error"] == "message_not_found"
    assert client.conversations_history(channel=COSTS)["messages"] == []
    assert error(client.chat_postEphemeral, channel=SEARCH, user=ANA, text="x")["error"] == "user_not_in_channel"


def test_metadata_is_kept_and_told_on_request(client: WebClient) -> None:
    metadata = {"event_type": "proposal", "event_payload": {"id": "P-1"}}
    client.chat_postMessage(channel=COSTS, text="x", metadata=metadata)
    assert "metadata" not in client.conversations_history(channel=COSTS)["messages"][0]
    assert metadata == client.conversations_history(channel=COSTS, include_all_metadata=True)["messages"][0]["metadata"]
    wrong = error(client.chat_postMessage, channel=COSTS, text="x", metadata={"event_type": "x"})
    assert wrong["error"] == "invalid_metadata_format"


def test_a_thread_has_its_first_message_and_its_replies(client: WebClient) -> None:
    root = client.chat_postMessage(channel=COSTS, text="root")["ts"]
    reply = client.chat_postMessage(channel=COSTS, text="reply", thread_ts=root)["ts"]
    client.chat_postMessage(channel=COSTS, text="reply to the reply", thread_ts=reply)
    thread = client.conversations_replies(channel=COSTS, ts=root)["messages"]
    assert [("root", root), ("reply", root), ("reply to the reply", root)] == [(each["text"], each["thread_ts"]) for each in thread]
    assert [each["text"] for each in client.conversations_history(channel=COSTS)["messages"]] == ["root"]
    assert thread[0]["reply_count"] == 2


def test_history_comes_in_pages(client: WebClient) -> None:
    for number in range(5):
        client.chat_postMessage(channel=COSTS, text=str(number))
    texts = [[each["text"] for each in answer["messages"]] for answer in client.conversations_history(channel=COSTS, limit=2)]
    assert texts == [["4", "3"], ["2", "1"], ["0"]]


def test_a_shared_channel_says_so(client: WebClient) -> None:
    shared = {each["name"]: each["is_ext_shared"] for each in client.conversations_list()["channels"]}
    assert {name: shared[name] for name in ("partner-acme", "ai-costs")} == {"partner-acme": True, "ai-costs": False}
    assert "finance" not in shared
    assert EVE in client.conversations_members(channel=PARTNER)["members"]
    stranger = client.users_info(user=EVE)["user"]
    assert (stranger["is_stranger"], stranger["team_id"]) == (True, "T0ACMECORP")


def test_people_are_found_by_address_while_they_work_here(client: WebClient) -> None:
    assert client.users_lookupByEmail(email="ana@lumen.example")["user"]["id"] == ANA
    assert error(client.users_lookupByEmail, email="old-tom@lumen.example")["error"] == "users_not_found"
    assert client.users_info(user=TOM)["user"]["deleted"]


def test_a_user_group_lists_its_people(client: WebClient) -> None:
    groups = {each["handle"]: each["id"] for each in client.usergroups_list()["usergroups"]}
    assert client.usergroups_users_list(usergroup=groups["finops-approvers"])["users"] == [ANA, DORA]
    assert error(client.usergroups_users_list, usergroup="S0NOWHERE1")["error"] == "no_such_subteam"


def test_a_reaction_is_given_once(client: WebClient, browser: Browser) -> None:
    ts = client.chat_postMessage(channel=COSTS, text="x")["ts"]
    client.reactions_add(channel=COSTS, timestamp=ts, name="eyes")
    assert browser.messages(ANA)[0]["reactions"] == [{"name": "eyes", "users": [BOT]}]
    assert error(client.reactions_add, channel=COSTS, timestamp=ts, name="eyes")["error"] == "already_reacted"


def test_direct_messages_are_opened_for_one_person(client: WebClient, browser: Browser) -> None:
    channel = client.conversations_open(users=[CHEN])["channel"]["id"]
    client.chat_postMessage(channel=CHEN, text="for you")
    assert [each["text"] for each in browser.messages(CHEN, channel)] == ["for you"]
    assert channel not in browser.state(ANA)["messages"]


def test_blocks_validate_speaks_of_blocks_messages_and_views(client: WebClient) -> None:
    wrong = error(client.api_call, "blocks.validate", json={"blocks": [{"type": "section", "text": {"type": "invalid", "text": "x"}}]})
    expected = {
        "code": "failed_constraint",
        "message": "unsupported type: invalid",
        "pointer": "/0/text/type",
        "constraint": {"type": "enum", "expected": ["mrkdwn", "plain_text"]},
    }
    assert ("invalid_blocks", [expected]) == (wrong["error"], wrong["errors"])
    assert error(client.api_call, "blocks.validate", json={"view": {"type": "modal"}})["error"] == "invalid_view"
    assert error(client.api_call, "blocks.validate", json={})["error"] == "invalid_arguments"
    assert client.api_call("blocks.validate", json={"message": {"blocks": [section("x")]}})["ok"]


def upload(client: WebClient, content: bytes, **options: Any) -> str:
    name: str = client.files_upload_v2(file=io.BytesIO(content), filename="chart.png", title="Chart", **options)["files"][0]["id"]
    return name


def image(file: str) -> list[dict[str, Any]]:
    return [{"type": "image", "slack_file": {"id": file}, "alt_text": "cost by day"}]


def test_a_picture_can_be_shown_once_slack_is_done_with_it(client: WebClient, browser: Browser, box: Slackbox) -> None:
    file = upload(client, png(), alt_txt="cost by day")
    early = error(client.chat_postMessage, channel=COSTS, text="x", blocks=image(file))
    assert early["errors"] == ["invalid slack file [json-pointer:/blocks/0/slack_file]"]
    assert client.files_info(file=file)["file"]["mimetype"] == ""
    assert eventually(lambda: client.files_info(file=file)["file"]["mimetype"] == "image/png")
    client.chat_postMessage(channel=COSTS, text="x", blocks=image(file))
    assert {"url": f"/_box/files/{file}", "alt_txt": "cost by day"} == browser.state(BRUNO)["images"][file]


def test_a_file_that_is_no_picture_is_not_shown_as_one(client: WebClient, browser: Browser) -> None:
    file = upload(client, b"<svg onload=alert(1)>")
    browser("clock", advance_seconds=1)
    assert client.files_info(file=file)["file"]["mimetype"] == "text/plain"
    assert error(client.chat_postMessage, channel=COSTS, text="x", blocks=image(file))["error"] == "invalid_blocks"


def test_a_file_shared_in_a_channel_is_a_message(client: WebClient, browser: Browser) -> None:
    upload(client, png(), channel=COSTS, initial_comment="look")
    message = browser.messages(BRUNO)[0]
    assert (message["text"], [each["title"] for each in message["files"]]) == ("look", ["Chart"])


def test_the_bytes_must_be_as_many_as_announced(client: WebClient) -> None:
    ticket = client.files_getUploadURLExternal(filename="a.txt", length=3)
    assert post_json(ticket["upload_url"], 11) == (400, "2 bytes came where 3 were announced")
    assert error(client.files_completeUploadExternal, files=[{"id": ticket["file_id"]}])["error"] == "file_not_found"


def test_a_home_tab_is_drawn_over_only_from_its_last_version(client: WebClient) -> None:
    home = {"type": "home", "blocks": [section("one")]}
    first = client.views_publish(user_id=ANA, view=home)["view"]["hash"]
    client.views_publish(user_id=ANA, view=home, hash=first)
    assert error(client.views_publish, user_id=ANA, view=home, hash=first)["error"] == "hash_conflict"


def test_a_view_that_breaks_the_rules_is_explained(client: WebClient) -> None:
    answer = error(client.views_publish, user_id=ANA, view={"type": "home", "blocks": [{"type": "markdown", "text": "x"}]})
    expected = "[ERROR] unsupported type: markdown [json-pointer:/view/blocks/0/type]"
    assert ("invalid_arguments", [expected]) == (answer["error"], answer["response_metadata"]["messages"])


@pytest.mark.parametrize(("kind", "expected"), [("modal", "must be a home view"), ([], "unsupported type: []")])
def test_a_view_of_another_kind_is_refused(client: WebClient, kind: Any, expected: str) -> None:
    answer = error(client.views_publish, user_id=ANA, view={"type": kind, "blocks": []})
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {expected} [json-pointer:/view/type]"]


def test_the_log_tells_of_each_call(client: WebClient, browser: Browser) -> None:
    client.chat_postMessage(channel=COSTS, text="x")
    line = browser.log("api")[0]
    assert (line["method"], line["status"], line["ok"], line["args"]["channel"]) == ("chat.postMessage", 200, True, COSTS)


def test_posting_is_limited_to_one_a_second_in_a_channel() -> None:
    moment = [1_800_000_000.0]
    with start(Settings(MANIFEST, now=lambda: moment[0])) as box:
        client = client_of(box)
        for _ in range(4):
            client.chat_postMessage(channel=COSTS, text="x")
        with pytest.raises(SlackApiError) as caught:
            client.chat_postMessage(channel=COSTS, text="x")
        response = caught.value.response
        assert (response.status_code, response["error"], response.headers["Retry-After"]) == (429, "ratelimited", "1")
        assert client.chat_postMessage(channel=SEARCH, text="x")["ok"]
        moment[0] += 1
        assert client.chat_postMessage(channel=COSTS, text="x")["ok"]


def test_a_tier_is_a_number_of_calls_a_minute() -> None:
    moment = [1_800_000_000.0]
    with start(Settings(MANIFEST, now=lambda: moment[0])) as box:
        client = client_of(box)
        for _ in range(20):
            client.usergroups_list()
        with pytest.raises(SlackApiError) as caught:
            client.usergroups_list()
        assert caught.value.response.headers["Retry-After"] == "3"


def test_it_answers_once_started_and_no_more_once_stopped() -> None:
    with start(Settings(MANIFEST)) as box:
        assert fetch(f"{box.url}/_box/state?user={ANA}")["me"] == ANA
    with pytest.raises(urllib.error.URLError):
        fetch(f"{box.url}/_box/state?user={ANA}")
