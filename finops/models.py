"""One key for each language model: bills, gateways and price lists write the same model in many ways."""

import re
from typing import Final

_MAKERS: Final = (
    "anthropic|openai|amazon|meta|mistral(?:ai)?|cohere|ai21|deepseek(?:-ai)?|google|qwen|stability|writer|moonshotai|zai|nvidia|minimax"
)
_PLACES: Final = "us|eu|apac|global|au|jp|ca|sa|me|af|us-gov|regional"
_ROUTES: Final = (
    "bedrock|bedrock-converse|converse|vertex-ai|vertex|azure|azure-ai|openrouter|models|publishers|hosted-vllm|gemini"
    "|text-completion-openai"
)
_LEADS: Final = re.compile(rf"^(?:(?:{_ROUTES}|{_PLACES}|{_MAKERS})[/:.]|(?:{_MAKERS})-(?=claude|nova|titan|llama|mistral|gemini|gpt))+")
# Dates and revisions that do not change which model it is: -20250929, @20250929, -2024-08-06, -v1:0, :latest, -001.
_TAILS: Final = re.compile(r"(?:[@-](?:20\d{6}|20\d\d-\d\d-\d\d|latest|default)|-v\d+(?::\d+)?(?::\d+k)?|:latest|:\d+|-00\d)+$")


def model_key(written: str) -> str:
    """Return a key that different spellings of one model share: `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `Claude Sonnet 4.5`."""
    text = re.sub(r"[\s_]+", "-", written.strip().casefold())
    text = _LEADS.sub("", text)
    text = _TAILS.sub("", text)
    return re.sub(r"[.]", "-", text)
