"""Degradations of photographs: blur, resizing, noise, compression, displacement."""
