"""What lies in the model store: archives, and the record of the versions that are served."""
