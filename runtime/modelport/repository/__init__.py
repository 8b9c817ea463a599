"""From the URI of a model to a folder that Triton can load. See `prepare`."""
