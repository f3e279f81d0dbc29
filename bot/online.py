"""`check --online`: does Slack know us, with the rights we need, and do the databases answer?"""

from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bot.assemble import Tools
from bot.messenger import reason, web_client
from finops.secret import Secret

SCOPES = ("commands", "chat:write", "files:write", "files:read", "users:read", "channels:read", "groups:read", "app_mentions:read")


def problems_online(tools: Tools) -> list[str]:
    """Return one sentence for everything that does not work; the state database was opened already."""
    settings = tools.settings
    if settings.slack_bot_token is None:
        return ["SLACK_BOT_TOKEN is not set; install the app as docs/install-slack.md says and set it"]
    problems = _bot(web_client(settings.slack_bot_token.reveal(), settings.slack_api_url))
    if settings.slack_app_token is not None:
        problems += _socket(settings.slack_app_token, settings.slack_api_url)
    elif settings.slack_signing_secret is None:
        problems.append("neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP) is set; Slack cannot reach the bot")
    return problems


def _bot(client: WebClient) -> list[str]:
    try:
        answer = client.auth_test()
    except (SlackClientError, OSError, HTTPException) as problem:
        return [f"SLACK_BOT_TOKEN does not work ({reason(problem)}); reinstall the app and set the new token"]
    granted = {scope.strip() for scope in str(answer.headers.get("x-oauth-scopes", "")).split(",") if scope.strip()}
    missing = [scope for scope in SCOPES if scope not in granted] if granted else []
    return [f"the Slack app lacks the scope {scope}; add it under OAuth & Permissions and reinstall" for scope in missing]


def _socket(token: Secret, base_url: str) -> list[str]:
    try:
        WebClient(base_url=base_url, timeout=20).apps_connections_open(app_token=token.reveal())
    except (SlackClientError, OSError, HTTPException) as problem:
        return [f"SLACK_APP_TOKEN does not work ({reason(problem)}); make an app-level token with connections:write"]
    return []
