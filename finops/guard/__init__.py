"""The loop that acts: what to watch, what was found, what is proposed, who agreed, what moved and what came of it."""
