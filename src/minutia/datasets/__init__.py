"""Public data sets: download, prepare and check them."""
