"""One spelling for each provider: bills, gateways and telemetry call the same company by many names."""

from typing import Final

# The name we show → what others write, folded. Who bills is meant, so Claude on Bedrock is AWS.
SPELLINGS: Final[dict[str, tuple[str, ...]]] = {
    "Anthropic": ("anthropic", "anthropic pbc", "claude"),
    "OpenAI": ("openai", "openai llc", "openai ireland limited", "openai opco llc"),
    "AWS": (
        *("aws", "amazon", "amazon web services", "amazon web services inc", "amazon web services emea sarl", "aws bedrock"),
        *("aws sagemaker", "bedrock", "bedrock converse", "amazon bedrock", "sagemaker", "sagemaker chat"),
    ),
    "Google Cloud": (
        *("google cloud", "google", "gcp", "google cloud platform", "gcp vertex ai", "vertex ai", "vertexai", "gcp gemini", "gcp gen ai"),
        *("gemini", "google ai studio", "vertex ai beta", "google vertex", "vertex"),
    ),
    "Microsoft": (
        *("microsoft", "azure", "microsoft azure", "azure ai openai", "azure ai inference", "azure openai", "azure ai", "az ai openai"),
        *("az ai inference", "microsoft corporation", "azure text"),
    ),
    "Mistral AI": ("mistral ai", "mistral", "mistralai"),
    "Cohere": ("cohere", "cohere chat"),
    "DeepSeek": ("deepseek",),
    "xAI": ("xai", "x ai"),
    "Groq": ("groq",),
    "Perplexity": ("perplexity",),
    "IBM": ("ibm", "ibm watsonx ai", "watsonx"),
    "self-hosted": ("self-hosted", "self hosted", "selfhosted", "vllm", "hosted vllm", "ollama", "tgi", "local", "triton", "sglang"),
}

# Clouds bill much besides models: of theirs only usage with a model, or of a service with such a name, is of models.
CLOUDS: Final = ("AWS", "Google Cloud", "Microsoft", "IBM")
MODEL_SERVICES: Final = ("%bedrock%", "%vertex ai%", "%generative%", "%gemini%", "%openai%", "%foundry%", "%watsonx%")

_KNOWN: Final = {spelling: name for name, spellings in SPELLINGS.items() for spelling in spellings}


def provider_name(written: str) -> str:
    """Return our spelling of a provider, or what was written where nobody is known by it."""
    text = written.strip()
    folded = " ".join("".join(" " if sign in "._-/,()" else sign for sign in text.casefold()).split())
    return _KNOWN.get(folded, text)
