"""The clock: one file per scheduled agent, named by a verb."""
