"""Where public sets of pictures are, how each is laid out; download, prepare and check them."""
