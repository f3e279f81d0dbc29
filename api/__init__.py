"""Machines: the HTTP door for usage events, questions and telemetry."""
