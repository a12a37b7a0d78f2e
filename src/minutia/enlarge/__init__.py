"""From a picture and an engine to a large picture: whole in memory, or by rows where memory does not hold it."""

from minutia.enlarge.rows import Share, Whole, enlarge_rows, whole_bytes
from minutia.enlarge.strips import Network
from minutia.enlarge.whole import enlarge

__all__ = ["Network", "Share", "Whole", "enlarge", "enlarge_rows", "whole_bytes"]
