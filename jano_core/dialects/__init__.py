"""Wire APIs: how errors and signs of life look to clients of each."""
