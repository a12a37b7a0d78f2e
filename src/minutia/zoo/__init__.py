"""Models: what one is, which there are, where to find them."""
