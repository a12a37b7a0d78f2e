"""Train a network on your own pictures, from a recipe. Needs the `train` extra."""
