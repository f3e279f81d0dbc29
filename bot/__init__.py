"""Slack: questions and decisions in, answers and proposals out."""
