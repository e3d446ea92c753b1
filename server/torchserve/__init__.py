"""Everything specific to TorchServe 0.12.0: its jar, its Java process and its workers."""
