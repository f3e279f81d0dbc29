"""Measures finops-bot against named peers in the same run; `python -m benchmarks` prints the ratios."""
