"""Files to pixels and back, with nothing lost; needs numpy and Pillow alone."""
