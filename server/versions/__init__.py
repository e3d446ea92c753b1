"""The versions of a model on a running server, and the record that outlives it."""
