"""The page: parses what a person typed, calls the inference API, shows the answer or the error."""
