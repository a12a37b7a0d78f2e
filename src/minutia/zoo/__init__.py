"""Models: their cards, the catalogue, and their weights."""
