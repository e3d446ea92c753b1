"""Steady load for a while, and whether anything of the server grows meanwhile."""
