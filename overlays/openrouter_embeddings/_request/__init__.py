"""One logical request as values: how it is written, what its reply means, what follows. Pure."""
