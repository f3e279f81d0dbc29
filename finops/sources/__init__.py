"""Where charges come from: one file per format."""
