"""Files to pixels and back, with nothing lost; needs no network and no torch."""
