"""Answers, errors and help as Slack messages. Pure: data in, blocks out; it knows nothing of Bolt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from re import fullmatch
from typing import Final, Literal

from bot.charts_native import chart as native_chart
from bot.charts_native import fits_native, table, worth_a_chart
from bot.slack_text import Block, block_of_code, code, context, mrkdwn, plain, plain_section, section
from finops.answers import Answer
from finops.language.echo import echo
from finops.language.query_help import HELP, help_text
from finops.telling.names import clean, cut
from finops.telling.sentences import freshness, headline, headline_parts, moved, notes, used

__all__ = [
    "BREAKDOWNS",
    "PERIODS",
    "Chart",
    "Message",
    "PictureRef",
    "answer_blocks",
    "busy_message",
    "error_blocks",
    "fits_native",
    "help_blocks",
    "picture_block",
    "shared_by",
    "split_choice",
    "without_native",
    "worth_a_chart",
]

TEXT: Final = 4000
PERIODS: Final = {
    "yesterday": "Yesterday",
    "last 7d": "Last 7 days",
    "last 30d": "Last 30 days",
    "last 90d": "Last 90 days",
    "mtd": "This month so far",
    "last month": "Last month",
    "this quarter": "This quarter",
    "last quarter": "Last quarter",
    "ytd": "This year so far",
}
BREAKDOWNS: Final = ("team", "model", "service", "provider", "env", "feature", "project", "account")
SEPARATOR: Final = "|"


@dataclass(frozen=True)
class Message:
    """What `chat.postMessage` takes: `text` for notifications and screen readers, `blocks` for everybody else."""

    text: str
    blocks: list[Block]


@dataclass(frozen=True)
class PictureRef:
    """A chart that is already uploaded to Slack."""

    file_id: str
    alt_text: str


Chart = Literal["native"] | PictureRef | None


def answer_blocks(answer: Answer, today: date, *, chart: Chart, controls: bool) -> Message:
    """Lay the answer out: figure, movers, chart, table, what to know, how it was understood, and what to do with it."""
    key = cut(clean(answer.id), 100)
    blocks = [
        section(_headline(answer, today), f"{key}.headline"),
        *_movers(answer, key),
        *_used(answer, key),
        *_chart(answer, chart, key),
        *_table(answer, today, key),
        *_notes(answer, key),
        context(_small_print(answer, today), f"{key}.context"),
        *([_controls(answer, key)] if controls else []),
    ]
    return Message(mrkdwn(headline(answer, today), TEXT), blocks)


def error_blocks(message: str, suggestion: str | None = None, did_you_mean: tuple[str, ...] = ()) -> Message:
    """Say what was wrong and what would work."""
    lines = [mrkdwn(line, 900) for line in message.splitlines() if clean(line)][:10] or ["Something went wrong."]
    blocks = [section(cut("\n".join(lines), 2900), "error.message")]
    better = did_you_mean[:5] or ((suggestion,) if suggestion else ())
    hints = [f"Try {' or '.join(code(f'/cost {question}') for question in better)}"] if better else []
    if hints:
        blocks.append(context(hints, "error.hints"))
    return Message(cut(" ".join([*lines, *hints]), TEXT), blocks)


def help_blocks(verbs: Sequence[tuple[str, str]] = ()) -> Message:
    """Examples first, as text to copy, then the other words after `/cost`, then the rest of the language on one screen."""
    examples = "\n".join(f"{code(f'/cost {example.text}')}  {mrkdwn(example.about, 150)}" for example in HELP)
    _, _, language = help_text().partition("\n\n")  # its first part is the examples
    pages = _pages(language.splitlines(), 2000)[:4]
    blocks = [section(cut(f"*Ask what it costs*\n{examples}", 2900), "help.examples")]
    blocks += [section(block_of_code(page.splitlines()), f"help.language.{n}") for n, page in enumerate(pages)]
    if verbs:
        lines = "\n".join(f"{code(f'/cost {name}')}  {mrkdwn(about, 150)}" for name, about in verbs)
        blocks.insert(1, section(cut(f"*Other words*\n{lines}", 2900), "help.verbs"))
    return Message("Ask what it costs, for example: /cost team=ml last 7d", blocks)


def busy_message() -> Message:
    text = "I am answering as many questions as I can at once. Please ask again in a moment."
    return Message(text, [section(text, "busy")])


def without_native(message: Message) -> Message:
    """The same message with chart and table written out, for a Slack that refuses those blocks."""
    blocks: list[Block] = []
    room = 7000
    for block in message.blocks:
        if block["type"] not in ("data_visualization", "data_table"):
            blocks.append(block)
            continue
        lines = _chart_lines(block) if block["type"] == "data_visualization" else _table_lines(block)
        pages = _pages(_shortened(lines, room), 2900)
        room -= sum(map(len, pages))
        blocks += [plain_section(page, f"{block['block_id']}.plain{n}") for n, page in enumerate(pages)]
    return Message(message.text, blocks)


def shared_by(message: Message, user_id: str) -> Message:
    """The message as it is shown to a channel: who shared it, and no controls."""
    who = f"<@{user_id}>" if fullmatch(r"[UW][A-Z0-9]{2,30}", user_id) else mrkdwn(user_id, 80)
    kept = [{**block, "block_id": f"{block['block_id']}.shared"} for block in message.blocks if block["type"] != "actions"]
    return Message(message.text, [*kept, context([f"Shared by {who}"], "shared.by")])


def split_choice(value: str) -> tuple[str, str]:
    """Take a control's value apart: the question's id, and what was chosen (nothing for the share button)."""
    identity, _, choice = value.partition(SEPARATOR)
    return identity, choice


def _headline(answer: Answer, today: date) -> str:
    """The headline with its totals in bold; plain where it would be cut."""
    parts = [(mrkdwn_piece(part.text), part.strong) for part in headline_parts(answer, today)]
    text = "".join(f"*{piece}*" if strong else piece for piece, strong in parts)
    return text if len(text) <= 1500 else mrkdwn(headline(answer, today), 1500)


def mrkdwn_piece(text: str) -> str:
    """Escape a piece of a sentence, keeping the spaces around it."""
    before, after = " " * text.startswith(" "), " " * (text.endswith(" ") and len(text.strip()) > 0)
    return f"{before}{mrkdwn(text)}{after}"


def _movers(answer: Answer, key: str) -> list[Block]:
    lines = [mrkdwn(line, 250) for line in moved(answer)[:9]]
    return [section("\n".join(lines), f"{key}.movers")] if lines else []


def _used(answer: Answer, key: str) -> list[Block]:
    lines = [mrkdwn(line, 400) for line in used(answer)[:5]]
    return [context(lines, f"{key}.units")] if lines else []


def _chart(answer: Answer, chart: Chart, key: str) -> list[Block]:
    if isinstance(chart, PictureRef):
        return [picture_block(chart, f"{key}.chart")]
    return [native_chart(answer, f"{key}.chart")] if chart == "native" and worth_a_chart(answer) and fits_native(answer) else []


def picture_block(picture: PictureRef, block_id: str) -> Block:
    return {"type": "image", "block_id": block_id, "slack_file": {"id": picture.file_id}, "alt_text": plain(picture.alt_text, 2000)}


def _table(answer: Answer, today: date, key: str) -> list[Block]:
    block = table(answer, today, f"{key}.table")
    return [block] if block else []


def _notes(answer: Answer, key: str) -> list[Block]:
    lines = [mrkdwn(note, 300) for note in notes(answer)[:5]]
    return [context(lines, f"{key}.notes")] if lines else []


def _small_print(answer: Answer, today: date) -> list[str]:
    currencies = ", ".join(clean(sums.currency) for sums in answer.sums[:5])
    return [
        mrkdwn(freshness(answer, today), 500),
        mrkdwn(f"{answer.query.metric} cost{f' in {currencies}' if currencies else ''}", 300),
        f"understood as {code(f'/cost {echo(answer.query)}', 600)}",
        mrkdwn(answer.id, 100),
    ]


def _controls(answer: Answer, key: str) -> Block:
    periods = [_option(name, f"{key}{SEPARATOR}{value}") for value, name in PERIODS.items()]
    splits = [_option(f"By {name}", f"{key}{SEPARATOR}{name}") for name in BREAKDOWNS]
    split = _select("by", "Break down by", splits)
    if len(answer.query.by) == 1 and answer.query.by[0] in BREAKDOWNS:
        split["initial_option"] = splits[BREAKDOWNS.index(answer.query.by[0])]
    share = {"type": "button", "action_id": "share", "value": key, "text": {"type": "plain_text", "text": "Share to channel"}}
    why = {"type": "button", "action_id": "why", "value": key, "text": {"type": "plain_text", "text": "Why?"}}
    elements = [share, *([why] if any(sums.change for sums in answer.sums) else []), _select("period", "Another period", periods), split]
    return {"type": "actions", "block_id": f"{key}.actions", "elements": elements}


def _select(action: str, placeholder: str, options: list[Block]) -> Block:
    return {
        "type": "static_select",
        "action_id": action,
        "placeholder": {"type": "plain_text", "text": placeholder},
        "options": options,
    }


def _option(name: str, value: str) -> Block:
    return {"text": {"type": "plain_text", "text": name}, "value": value}


def _chart_lines(block: Block) -> list[str]:
    series = block["chart"]["series"]
    lines = [f"{block['title']} ({block['chart']['axis_config']['y_label']})"]
    for n, category in enumerate(block["chart"]["axis_config"]["categories"]):
        figures = [f"{each['data'][n]['value']:,.10g}" for each in series]
        named = figures if len(series) == 1 else [f"{each['name']} {figure}" for each, figure in zip(series, figures, strict=True)]
        lines.append(f"{category}: {' · '.join(named)}")
    return lines


def _table_lines(block: Block) -> list[str]:
    header, *rows = [[cell["text"] for cell in row] for row in block["rows"]]
    return [block["caption"], " · ".join(header), *(" · ".join(cells) for cells in rows)]


def _shortened(lines: list[str], room: int) -> list[str]:
    """Keep the lines that fit, and say how many did not."""
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 40:
            return [*kept, f"… and {len(lines) - len(kept)} more"]
        kept.append(line)
    return kept


def _pages(lines: list[str], most: int) -> list[str]:
    """Join lines into texts of at most `most` characters."""
    pages = [""]
    for line in (cut(each, most) for each in lines):
        if len(pages[-1]) + len(line) + 1 > most:
            pages.append("")
        pages[-1] += f"\n{line}" if pages[-1] else line
    return [page for page in pages if page]
