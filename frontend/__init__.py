"""The page: parses the user's input, calls the inference API, shows the result or the error."""
