"""`check --online`: does Slack know us, with the rights we need, do the databases answer, and can every source be read?"""

from http.client import HTTPException

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bot.assemble import Tools
from bot.capacity import prometheus_problems
from bot.messenger import reason, web_client
from finops.configuration.rulebook_sources import SourceSettings
from finops.errors import FinopsError
from finops.ports import Source
from finops.secret import Secret
from finops.settings import Settings
from finops.sources.connect import Surroundings, configured, doubts, source

SCOPES = (
    "commands", "chat:write", "files:write", "files:read", "users:read", "users:read.email", "usergroups:read", "channels:read",
    "groups:read", "channels:history", "groups:history", "im:history", "app_mentions:read",
)  # fmt: skip


def problems_online(tools: Tools) -> list[str]:
    """Return one sentence for everything that does not work; the state database was opened already."""
    return [*_slack(tools.settings), *_sources(tools), *prometheus_problems(tools)]


def checked(tools: Tools) -> list[str]:
    """Return what is asked, and what it takes."""
    told = [_permissions(tools, entry) for entry in configured(tools.rulebook.sources)]
    return ["Slack", "the state database", *told]


def remarks(tools: Tools) -> list[str]:
    """Return what works and is doubtful all the same."""
    return doubts(tools.rulebook.sources)


def _sources(tools: Tools) -> list[str]:
    problems = []
    for entry in configured(tools.rulebook.sources):
        try:
            problems += [f"source '{entry.name}': {problem}" for problem in _source(tools, entry).problems()]
        except FinopsError as problem:
            problems.append(f"source '{entry.name}': {problem}")
    return problems


def _source(tools: Tools, entry: SourceSettings) -> Source:
    return source(entry, Surroundings(tools.settings, tools.rulebook, tools.now()))


def _permissions(tools: Tools, entry: SourceSettings) -> str:
    try:
        return f"source '{entry.name}' ({', '.join(_source(tools, entry).permissions)})"
    except FinopsError:
        return f"source '{entry.name}'"


def _slack(settings: Settings) -> list[str]:
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
