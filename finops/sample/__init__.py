"""Real sample bills, moved to end yesterday, for the demo."""
