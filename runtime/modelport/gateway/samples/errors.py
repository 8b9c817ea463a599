"""Why no request can be shown for a model."""


class NoSample(Exception):
    """No small request can be made; the text is a clause that says why."""
