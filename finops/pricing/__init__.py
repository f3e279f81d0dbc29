"""What a request costs: dated price lists, our own prices over them, and the sum."""
