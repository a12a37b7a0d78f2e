"""Networks, in torch. Only training, export and the torch engine come here."""
