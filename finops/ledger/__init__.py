"""What the house remembers: charges, loads, questions asked."""
