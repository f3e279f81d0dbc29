"""The question language: words in, a CostQuery out, and back."""
