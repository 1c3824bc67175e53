"""`kerazoo app`: a page on which networks are tried, and the explorer of the zoo's models."""
