"""Scores of models on pictures whose originals are known."""
