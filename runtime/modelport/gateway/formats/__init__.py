"""The registry of wire formats: the only place that knows them all."""
