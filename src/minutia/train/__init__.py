"""Train a network on pictures of one's own, from a recipe. Needs the `train` extra."""
