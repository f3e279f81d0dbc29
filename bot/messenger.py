"""Says things in Slack: replies, posts, pictures. Knows what to do when Slack refuses."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.http_retry.handler import RetryHandler
from slack_sdk.webhook import WebhookClient

from bot.blocks import Message, PictureRef, without_native
from finops.charts import Picture
from finops.errors import FinopsError

LOG = logging.getLogger("finops.messenger")
READY_WAIT: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.8, 1.0, 1.5)  # seconds between looks at a file Slack is still processing


class NotSaidError(FinopsError):
    """Slack did not take a message; `error` is its name for the reason."""

    def __init__(self, error: str) -> None:
        super().__init__(f"Slack did not take the message ({error})")
        self.error = error


def web_client(token: str, base_url: str) -> WebClient:
    """Return a client that waits as told on 429 and never repeats a call whose answer was lost: that could post twice."""
    return WebClient(token=token, base_url=base_url, timeout=20, retry_handlers=retry_handlers())


def retry_handlers() -> list[RetryHandler]:
    return [RateLimitErrorRetryHandler(max_retry_count=4)]


class Messenger:
    """Sends messages of ours. `sleep` waits that many seconds."""

    def __init__(self, client: WebClient, sleep: Callable[[float], None] = time.sleep) -> None:
        self.client = client
        self._sleep = sleep

    def reply(self, response_url: str, message: Message, *, replace: bool = False, in_channel: bool = False) -> None:
        """Answer where the person asked, for that person only unless `in_channel`. Raises NotSaidError."""
        kind = {"response_type": "in_channel" if in_channel else "ephemeral", "replace_original": replace, "unfurl_links": False}
        error = self._hook(response_url, message, kind)
        if error == "invalid_blocks":
            LOG.warning("Slack refused the blocks of a reply; sent without native charts")
            error = self._hook(response_url, without_native(message), kind)
        if error:
            raise NotSaidError(error)

    def post(self, channel: str, message: Message, thread_ts: str | None = None) -> str:
        """Post for everybody in the channel and return the message's `ts`. Raises NotSaidError."""
        return str(self._call(self.client.chat_postMessage, message, channel=channel, thread_ts=thread_ts, unfurl_links=False)["ts"])

    def whisper(self, channel: str, user: str, message: Message, thread_ts: str | None = None) -> None:
        """Post for one person only. Raises NotSaidError."""
        self._call(self.client.chat_postEphemeral, message, channel=channel, user=user, thread_ts=thread_ts)

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
        except (SlackClientError, OSError) as problem:
            LOG.warning("the chart could not be uploaded: %s", problem)
        return None

    def _is_ready(self, file_id: str) -> bool:
        for wait in READY_WAIT:
            if self.client.files_info(file=file_id)["file"].get("mimetype"):
                return True
            self._sleep(wait)
        return False

    def _hook(self, url: str, message: Message, kind: dict[str, Any]) -> str | None:
        body = {**kind, "text": message.text, "blocks": message.blocks}
        try:
            answer = WebhookClient(url, timeout=20, retry_handlers=retry_handlers()).send_dict(body)
        except OSError as problem:
            return f"unreachable: {type(problem).__name__}"
        if answer.status_code == 200:
            return None
        return next((name for name in ("invalid_blocks", "used_url", "expired_url") if name in answer.body), f"http_{answer.status_code}")

    def _call(self, method: Callable[..., Any], message: Message, **more: Any) -> Any:
        try:
            try:
                return method(text=message.text, blocks=message.blocks, **more)
            except SlackApiError as problem:
                if problem.response["error"] != "invalid_blocks":
                    raise
                LOG.warning("Slack refused the blocks of a message; sent without native charts")
                plain = without_native(message)
                return method(text=plain.text, blocks=plain.blocks, **more)
        except SlackApiError as problem:
            raise NotSaidError(str(problem.response["error"])) from problem
        except (SlackClientError, OSError) as problem:
            raise NotSaidError(type(problem).__name__) from problem
