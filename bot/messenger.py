"""Says things in Slack: answers, posts, pictures. Knows what to do when Slack refuses."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.client import HTTPException
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.http_retry.handler import RetryHandler
from slack_sdk.webhook import WebhookClient

from bot.blocks import Message, PictureRef, without_native
from finops.charts import Picture
from finops.errors import FinopsError
from finops.secret import Secret

LOG = logging.getLogger("finops.messenger")
READY_WAIT: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 1.0, 1.5)  # seconds between looks at a file Slack is still processing
LONGEST_WAIT: Final = 60.0  # seconds; told to wait longer on 429, we give up and say so
BLOCKS_REFUSED: Final = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})


class NotSaidError(FinopsError):
    """Slack did not take a message; `error` is its name for the reason. Where the answer was lost, it `may_stand` nevertheless."""

    def __init__(self, error: str, *, may_stand: bool = False) -> None:
        super().__init__(f"Slack did not take the message ({error})")
        self.error = error
        self.may_stand = may_stand


@dataclass(frozen=True)
class Place:
    """Where one person is answered: in a channel or one of its threads, at first by the address Slack gave with the question."""

    channel: str
    user: str
    thread: str | None = None
    response_url: Secret | None = None


class Patience(RateLimitErrorRetryHandler):
    """Waits as told on 429, up to a minute."""

    def _can_retry(self, **call: Any) -> bool:
        if not super()._can_retry(**call):
            return False
        told = next((values for name, values in call["response"].headers.items() if name.lower() == "retry-after"), ["1"])
        return str(told[0]).isdigit() and int(told[0]) <= LONGEST_WAIT


def web_client(token: str, base_url: str) -> WebClient:
    """Return a client that waits as told on 429 and never repeats a call whose answer was lost: that could post twice."""
    return WebClient(token=token, base_url=base_url, timeout=20, retry_handlers=retry_handlers())


def retry_handlers() -> list[RetryHandler]:
    return [Patience(max_retry_count=4)]


def reason(problem: Exception) -> str:
    """Name what went wrong in one word, without anything that was sent or received."""
    if not isinstance(problem, SlackApiError):
        return type(problem).__name__
    answer = problem.response  # a plain dictionary when what came was no JSON
    status = answer.get("status") if isinstance(answer, dict) else answer.status_code
    told = None if isinstance(answer, dict) else answer.get("error")
    return str(told or f"http_{status}")


class Messenger:
    """Sends messages of ours. `sleep` waits that many seconds."""

    def __init__(self, client: WebClient, sleep: Callable[[float], None] = time.sleep) -> None:
        self.client = client
        self._sleep = sleep

    def answer(self, place: Place, message: Message, *, edits: bool = False) -> None:
        """Tell that person only; `edits` puts it in place of the message that was clicked. Raises NotSaidError.

        Where the response_url fails, a message of its own is tried: rather twice than never.
        """
        if place.response_url is not None:
            try:
                return self._respond(place.response_url, message, {"response_type": "ephemeral", "replace_original": edits})
            except NotSaidError as problem:
                LOG.warning("a response_url took no answer (%s); sent as a message of its own", problem.error)
        return self._whisper(place, message)

    def post(self, channel: str, message: Message) -> str:
        """Post for everybody in the channel and return the message's `ts`. Raises NotSaidError."""
        return str(self._call(self.client.chat_postMessage, message, channel=channel, unfurl_links=False, unfurl_media=False)["ts"])

    def picture(self, picture: Picture) -> PictureRef | None:
        """Upload a chart that no channel shows by itself, and wait until Slack can; None when it cannot be had in time."""
        try:
            uploaded = self.client.files_upload_v2(
                content=picture.png, filename="chart.png", title=picture.title, alt_txt=picture.alt_text[:1000]
            )
            file_id = str(uploaded["files"][0]["id"])
            if self._is_ready(file_id):
                return PictureRef(file_id, picture.alt_text)
            LOG.warning("the chart %s was not ready in time; answered without it", file_id)
        except (SlackClientError, OSError, HTTPException) as problem:
            LOG.warning("a chart could not be uploaded (%s); answered without it", reason(problem))
        return None

    def _is_ready(self, file_id: str) -> bool:
        for wait in READY_WAIT:
            if self.client.files_info(file=file_id)["file"].get("mimetype"):
                return True
            self._sleep(wait)
        return False

    def _whisper(self, place: Place, message: Message) -> None:
        self._call(self.client.chat_postEphemeral, message, channel=place.channel, user=place.user, thread_ts=place.thread)

    def _respond(self, url: Secret, message: Message, kind: dict[str, Any]) -> None:
        """Use the response_url once, or once more for each simpler form."""
        hook = WebhookClient(url.reveal(), timeout=20, retry_handlers=retry_handlers())
        error: str | None = None
        for form in forms(message):
            error = _used(hook, {**kind, "unfurl_links": False, "text": form.text, "blocks": form.blocks})
            if error not in BLOCKS_REFUSED:
                break
            LOG.warning("Slack refused the blocks of an answer (%s); sent in a simpler form", error)
        if error:
            raise NotSaidError(error)

    def _call(self, method: Callable[..., Any], message: Message, **more: Any) -> Any:
        refused: SlackApiError | None = None
        for form in forms(message):
            try:
                return method(text=form.text, blocks=form.blocks, **more)
            except SlackApiError as problem:
                refused = problem
                if reason(problem) not in BLOCKS_REFUSED:
                    break
                LOG.warning("Slack refused the blocks of a message (%s); sent in a simpler form", reason(problem))
            except (SlackClientError, OSError, HTTPException) as problem:
                raise NotSaidError(reason(problem), may_stand=True) from problem
        assert refused is not None
        raise NotSaidError(reason(refused), may_stand=reason(refused).startswith("http_")) from refused


def forms(message: Message) -> tuple[Message, ...]:
    """The message as it is meant, then with charts and tables written out and no picture, then its text alone."""
    written = without_native(message)
    written = replace(written, blocks=[block for block in written.blocks if block["type"] != "image"])
    return message, written, Message(message.text, [])


def _used(hook: WebhookClient, body: dict[str, Any]) -> str | None:
    """Send one body; return Slack's name for what was wrong with it."""
    try:
        answer = hook.send_dict(body)
    except (OSError, HTTPException) as problem:
        return type(problem).__name__
    return None if answer.status_code == 200 else _error_in(answer.body) or f"http_{answer.status_code}"


def _error_in(body: str) -> str | None:
    """Take the error's name out of JSON or plain text; anything longer is not a name, and not ours to log."""
    try:
        found = json.loads(body)
    except ValueError:
        found = {"error": body.strip()}
    name = str(found.get("error") or "") if isinstance(found, dict) else ""
    return name if 0 < len(name) <= 40 and name.replace("_", "").isalnum() else None
