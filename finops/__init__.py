"""The money: charges, questions, answers."""
