"""Shape of a `rich_text` block: sections, lists, quotes and preformatted text made of inline pieces."""

from slackbox.block_elements import ID
from slackbox.block_limits import LIMITS
from slackbox.schema import Check, array, boolean, by_type, integer, one_of, record, string

STYLE = record(
    {},
    dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"), boolean),
)
STYLED: dict[str, Check] = {"style": STYLE}
PIECE = by_type(
    {
        "text": record({"text": string(None, 1)}, STYLED),
        "link": record({"url": string(None, 1)}, {"text": string(), "unsafe": boolean, **STYLED}),
        "user": record({"user_id": string(None, 1)}, STYLED),
        "usergroup": record({"usergroup_id": string(None, 1)}, STYLED),
        "channel": record({"channel_id": string(None, 1)}, STYLED),
        "team": record({"team_id": string(None, 1)}, STYLED),
        "emoji": record({"name": string(None, 1)}, {"unicode": string(), "skin_tone": integer(1, 6), **STYLED}),
        "date": record(
            {"timestamp": integer(), "format": string(None, 1)},
            {"url": string(), "fallback": string(), **STYLED},
        ),
        "broadcast": record({"range": one_of("here", "channel", "everyone")}, STYLED),
        "color": record({"value": string(None, 1)}, STYLED),
    }
)
BORDER = integer(0, LIMITS["rich_text.border"])
SECTION = record({"elements": array(PIECE)})
PREFORMATTED = record({"elements": array(PIECE)}, {"border": BORDER, "language": string()})
QUOTE = record({"elements": array(PIECE)}, {"border": BORDER})
LIST_ITEM = by_type({"rich_text_section": SECTION, "rich_text_preformatted": PREFORMATTED, "rich_text_quote": QUOTE})
LIST = record(
    {"style": one_of("bullet", "ordered"), "elements": array(LIST_ITEM)},
    {"indent": integer(0, LIMITS["rich_text.indent"]), "offset": integer(0), "border": BORDER},
)
PART = by_type({"rich_text_section": SECTION, "rich_text_list": LIST, "rich_text_preformatted": PREFORMATTED, "rich_text_quote": QUOTE})
RICH_TEXT = record({"elements": array(PART)}, {"block_id": ID})
RICH_TEXT_OBJECT = by_type({"rich_text": RICH_TEXT})
