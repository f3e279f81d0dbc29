"""Our plug-in inside an LLM gateway: who asks, what they may use, which model answers, and what was used."""
