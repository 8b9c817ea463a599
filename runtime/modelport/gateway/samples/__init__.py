"""Inputs made up for a model of which only its own description is known: the examples of `/openapi.json`.

    spec.io.inputs + metadata ──► sample_values   numbers and texts as nested lists
                              └─► sample_file     a small picture or sound

They are the same for every wire format, always the same, and small. What they show is a request's shape; a model may
well answer nonsense.
"""

from modelport.gateway.samples.errors import NoSample
from modelport.gateway.samples.files import SampleFile, sample_file
from modelport.gateway.samples.values import sample_values

__all__ = ["NoSample", "SampleFile", "sample_file", "sample_values"]
