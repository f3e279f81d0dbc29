"""The page's own calls: who sees what, what is refused, faults on demand, and who may not call at all."""

import asyncio
import http.client
import json
import socket
import threading
import urllib.request
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
import websockets
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry import RateLimitErrorRetryHandler

from slackbox.server import Slackbox, start
from slackbox.settings import Settings
from tests.slackbox.conftest import ANA, BRUNO, COSTS, DORA, EVE, FINANCE, MANIFEST, PARTNER, TOM, Browser, client_of, eventually, fetch

T = TypeVar("T")
GUS = "U0GUS00001"
STATE = "revision now me team app users usergroups channels commands messages views home images notices"
MESSAGE = "ts user text blocks thread_ts reply_count edited ephemeral files reactions metadata"


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a thread of its own: a browser test before this one may have left a loop in the main one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def raw(box: Slackbox, method: str, path: str, body: str = "", **headers: str) -> int:
    """The status of a request with exactly these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", int(box.url.rsplit(":", 1)[1]), timeout=10)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_state_has_the_promised_keys(client: WebClient, browser: Browser) -> None:
    client.chat_postMessage(channel=COSTS, text="x")
    state = browser.state(ANA)
    assert set(STATE.split()) <= set(state)
    assert set(MESSAGE.split()) <= set(state["messages"][COSTS][0])
    assert state["commands"] == [{"command": "/cost", "description": "What it costs", "usage_hint": "team=ml last 7d"}]


def test_each_person_sees_their_own_channels(browser: Browser) -> None:
    names = {user: {each["name"] for each in browser.state(user)["channels"] if each["kind"] != "im"} for user in (ANA, BRUNO, GUS, EVE)}
    assert ("finance" in names[ANA], "finance" in names[BRUNO]) == (True, False)
    assert (names[GUS], names[EVE]) == ({"ai-costs"}, {"partner-acme"})


def test_unread_counts_what_came_since_one_acted(client: WebClient, browser: Browser) -> None:
    client.chat_postMessage(channel=COSTS, text="x")
    assert unread(browser) == 1
    browser("message", user=ANA, channel=COSTS, text="read")
    assert unread(browser) == 0


def unread(browser: Browser) -> int:
    return next(int(each["unread"]) for each in browser.state(ANA)["channels"] if each["id"] == COSTS)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"user": TOM, "channel": COSTS, "text": "x"}, (403, "account_inactive")),
        ({"user": "U0NOBODY01", "channel": COSTS, "text": "x"}, (404, "user_not_found")),
        ({"user": BRUNO, "channel": FINANCE, "text": "x"}, (404, "channel_not_found")),
        ({"user": ANA, "channel": "C0SEARCH01", "text": "x"}, (403, "not_in_channel")),
        ({"user": ANA, "channel": "C0OLDPROJ1", "text": "x"}, (409, "is_archived")),
        ({"user": ANA, "channel": COSTS, "text": " "}, (400, "no_text")),
    ],
)
def test_a_person_can_do_only_what_the_screen_offers(browser: Browser, body: dict[str, Any], expected: tuple[int, str]) -> None:
    answer = browser("message", **body)
    assert (answer["status"], answer["error"]) == expected


def post_button(client: WebClient, **fields: Any) -> dict[str, Any]:
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}, "value": "P-1", **fields}
    sent = client.chat_postMessage(channel=COSTS, text="x", blocks=[{"type": "actions", "block_id": "b", "elements": [button]}])
    return {"channel": COSTS, "ts": sent["ts"]}


def test_a_button_sends_its_own_value_and_no_other(client: WebClient, browser: Browser) -> None:
    where = post_button(client)
    forged = browser("interact", user=ANA, message=where, block_id="b", action_id="go", value="P-2")
    assert (forged["status"], forged["error"]) == (409, "stale_value")
    browser("interact", user=ANA, message=where, block_id="b", action_id="go")
    assert [each["payload"]["actions"][0]["value"] for each in browser.log("delivery")] == ["P-1"]


def test_a_button_drawn_for_one_person_is_that_persons(client: WebClient, browser: Browser) -> None:
    where = post_button(client, visible_to_user_ids=[DORA])
    assert browser("interact", user=ANA, message=where, block_id="b", action_id="go")["error"] == "element_not_found"
    assert browser("interact", user=DORA, message=where, block_id="b", action_id="go")["delivered"]


def test_an_app_that_is_away_is_told_of(client: WebClient, browser: Browser) -> None:
    assert browser.state(ANA)["app"]["connected"] is False
    browser("interact", user=ANA, message=post_button(client), block_id="b", action_id="go")
    browser("command", user=ANA, channel=COSTS, text="/cost all")
    texts = [each["text"] for each in browser.state(ANA)["notices"]]
    assert texts == ["This app responded with status code 0.", "/cost failed with the error “dispatch_failed”"]


def test_a_fault_gives_the_next_calls_an_error(client: WebClient, browser: Browser) -> None:
    browser("fault", method="chat.postMessage", error="channel_not_found", times=2)
    errors = []
    for _ in range(3):
        try:
            errors.append(str(client.chat_postMessage(channel=COSTS, text="x")["ok"]))
        except SlackApiError as error:
            errors.append(error.response["error"])
    assert errors == ["channel_not_found", "channel_not_found", "True"]


def test_a_rate_limit_on_demand_is_waited_out(box: Slackbox, client: WebClient, browser: Browser) -> None:
    browser("fault", method="chat.postMessage", status=429, retry_after=1)
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    client.chat_postMessage(channel=COSTS, text="x")
    assert [(line["status"], line["args"]["text"]) for line in browser.log("api")] == [(429, "x"), (200, "x")]


def test_a_lost_answer_is_a_message_posted_all_the_same(box: Slackbox, browser: Browser) -> None:
    browser("fault", method="chat.postMessage", drop_response=True)
    client = WebClient("xoxb-slackbox", base_url=box.api_url, retry_handlers=[])
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.chat_postMessage(channel=COSTS, text="once")
    assert [each["text"] for each in browser.messages(ANA)] == ["once"]
    assert [line["dropped"] for line in browser.log("api")] == [True]


def test_a_misspelt_fault_is_explained(browser: Browser) -> None:
    assert browser("fault", method="chat.postMesage")["detail"] == "'chat.postMesage' is no method here; did you mean 'chat.postMessage'?"


def test_the_clock_is_set_and_moved(browser: Browser, client: WebClient) -> None:
    browser("clock", now=1_800_000_000)
    browser("clock", advance_seconds=60)
    assert client.chat_postMessage(channel=COSTS, text="x")["ts"].startswith("18000000")
    assert browser("clock", advance_seconds="soon")["error"] == "invalid_arguments"


def test_a_reset_brings_the_seed_back(client: WebClient, browser: Browser) -> None:
    client.chat_postMessage(channel=COSTS, text="x")
    browser("reset")
    assert (browser.messages(ANA), browser.log()) == ([], [])


def test_each_change_is_told_as_a_revision(box: Slackbox, client: WebClient) -> None:
    with urllib.request.urlopen(f"{box.url}/_box/events?user={ANA}", timeout=10) as stream:
        first = revision(stream)
        client.chat_postMessage(channel=COSTS, text="x")
        assert revision(stream) > first


def revision(stream: Any) -> int:
    line = stream.readline().decode()
    stream.readline()
    return int(json.loads(line.removeprefix("data: "))["revision"])


def test_another_host_name_is_refused(box: Slackbox) -> None:
    assert [raw(box, "GET", f"/_box/state?user={ANA}", Host=host) for host in ("evil.example", "localhost:1")] == [403, 200]


def test_a_page_of_another_site_is_refused(box: Slackbox) -> None:
    evil, ours = "https://evil.example", box.url
    body = json.dumps({"user": ANA, "channel": COSTS, "text": "x"})
    assert [raw(box, "POST", "/_box/message", body, Origin=origin) for origin in (evil, "null", ours)] == [403, 403, 200]
    assert raw(box, "POST", "/_box/message", body, Sec_Fetch_Site="cross-site") == 403


def test_only_loopback_listens(box: Slackbox) -> None:
    assert box.url.startswith("http://127.0.0.1:")


def test_a_page_stays_in_its_folder(box: Slackbox) -> None:
    assert [raw(box, "GET", f"/page/{path}") for path in ("../server.py", "%2e%2e/server.py", "nothing.js")] == [404, 404, 404]


def test_files_come_as_what_their_bytes_are(box: Slackbox, client: WebClient, browser: Browser) -> None:
    ticket = client.files_getUploadURLExternal(filename="a.html", length=8)
    urllib.request.urlopen(ticket["upload_url"], b"<script>", timeout=10).close()
    client.files_completeUploadExternal(files=[{"id": ticket["file_id"], "title": "A"}])
    browser("clock", advance_seconds=1)
    with urllib.request.urlopen(f"{box.url}/_box/files/{ticket['file_id']}", timeout=10) as response:
        headers = response.headers
    assert (headers["X-Content-Type-Options"], headers.get_content_type()) == ("nosniff", "text/plain")
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_an_upload_may_be_a_form(box: Slackbox, client: WebClient) -> None:
    ticket = client.files_getUploadURLExternal(filename="a.txt", length=5)
    form = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhello\r\n--B--\r\n'
    request = urllib.request.Request(ticket["upload_url"], form, {"Content-Type": "multipart/form-data; boundary=B"})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.read() == b"OK - 5"


def test_an_upload_has_a_largest_size() -> None:
    with start(Settings(MANIFEST, upload_bytes=10)) as box:
        client = client_of(box)
        with pytest.raises(SlackApiError, match="file_upload_size_restricted"):
            client.files_getUploadURLExternal(filename="a", length=11)
        ticket = client.files_getUploadURLExternal(filename="a", length=10)
        assert raw(box, "POST", "/upload/" + ticket["upload_url"].rsplit("/", 1)[1], "x" * 9999) == 413


def open_socket(box: Slackbox) -> str:
    app = WebClient(box.settings.app_token, base_url=box.api_url)
    url: str = app.apps_connections_open(app_token=box.settings.app_token)["url"]
    return url


def test_each_envelope_goes_to_one_socket(box: Slackbox, browser: Browser) -> None:
    got = finished(two_sockets(box, browser))
    assert sorted(map(len, got)) == [2, 2]
    assert {each["type"] for envelopes in got for each in envelopes} == {"slash_commands"}
    assert [each["text"] for each in browser.messages(ANA)] == ["heard"] * 4


async def two_sockets(box: Slackbox, browser: Browser) -> list[list[dict[str, Any]]]:
    got: list[list[dict[str, Any]]] = [[], []]

    async def listen(envelopes: list[dict[str, Any]]) -> None:
        async with websockets.connect(open_socket(box)) as connection:
            assert json.loads(await connection.recv())["type"] == "hello"
            while len(envelopes) < 2:
                envelopes.append(json.loads(await connection.recv()))
                await connection.send(json.dumps({"envelope_id": envelopes[-1]["envelope_id"], "payload": {"text": "heard"}}))

    async def type_four() -> None:
        await asyncio.to_thread(eventually, lambda: len(getattr(box.rig.wire, "sockets", [])) == 2)
        for _ in range(4):
            await asyncio.to_thread(browser, "command", user=ANA, channel=COSTS, text="/cost all")

    await asyncio.gather(listen(got[0]), listen(got[1]), type_four())
    return got


def test_an_eleventh_socket_is_sent_away(box: Slackbox) -> None:
    assert finished(eleven_sockets(box)) == ["hello"] * 10 + ["disconnect"]


async def eleven_sockets(box: Slackbox) -> list[str]:
    connections = [await websockets.connect(open_socket(box)) for _ in range(11)]
    first = [json.loads(await each.recv())["type"] for each in connections]
    for each in connections:
        await each.close()
    return first


def test_a_socket_needs_a_fresh_ticket(box: Slackbox) -> None:
    async def reuse() -> None:
        url = open_socket(box)
        await (await websockets.connect(url)).close()
        await websockets.connect(url)

    with pytest.raises(websockets.InvalidStatus):
        finished(reuse())


def test_a_mention_in_a_shared_channel_says_whose_it_is(browser: Browser) -> None:
    browser("message", user=EVE, channel=PARTNER, text="@finops-bot hi")
    assert eventually(lambda: browser.log("delivery"))
    payload = browser.log("delivery")[0]["payload"]
    assert (payload["is_ext_shared_channel"], payload["event"]["team"]) == (True, "T0ACMECORP")


def test_it_leaves_nothing_behind() -> None:
    before = {thread.name for thread in threading.enumerate()}
    with start(Settings(MANIFEST)) as box:
        stream = urllib.request.urlopen(f"{box.url}/_box/events?user={ANA}", timeout=10)
        fetch(f"{box.url}/_box/state?user={ANA}")
    stream.close()
    assert {thread.name for thread in threading.enumerate()} - before == set()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(box.url.rsplit(":", 1)[1])), 1)


def test_the_page_may_load_only_from_here(box: Slackbox) -> None:
    with urllib.request.urlopen(f"{box.url}/", timeout=10) as response:
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
        assert response.headers.get_content_type() == "text/html"
