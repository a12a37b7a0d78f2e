"""How near a picture is to its original, and how natural it looks by itself."""
