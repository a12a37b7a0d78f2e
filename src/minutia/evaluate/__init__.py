"""The figures that show what a model does to pictures whose originals are known."""
