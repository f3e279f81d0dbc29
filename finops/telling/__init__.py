"""How answers are told: in words, as JSON, as something to draw."""
