"""The soak test: steady load, and a check that the server's resource use does not grow."""
