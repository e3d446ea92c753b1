"""The benchmark: this server and others, each alone, in turn, under the same load."""
