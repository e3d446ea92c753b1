"""The files in the model store: archives, and records of the versions to serve."""
