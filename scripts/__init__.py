"""Programs that build the model and its archive, run the server and manage its versions."""
