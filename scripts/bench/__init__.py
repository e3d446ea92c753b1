"""The benchmark: measures this server and others in turn, each alone, under the same load."""
