"""Enlarge a picture with an engine: whole in memory, or by rows where it does not fit."""

from minutia.enlarge.rows import Share, Whole, enlarge_rows, whole_bytes
from minutia.enlarge.strips import Network
from minutia.enlarge.whole import enlarge

__all__ = ["Network", "Share", "Whole", "enlarge", "enlarge_rows", "whole_bytes"]
