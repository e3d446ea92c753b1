"""Bringing two images into an environment, and back out when they do not answer."""
