"""What a running gateway says of its models: for each way to call one, the address and a request that works.

    /openapi.json ── fetch_operations ──► Operation, … ── choose ──► Operation ── fill ──► the request's JSON

Whoever calls a model without knowing it (`loadtest`, `snippets`, the lines that `serve` prints) reads it here. A model
that takes a file has the file's place in its request marked, so that any picture can be put there.
"""

from modelport.discovery.document import parse_operations
from modelport.discovery.errors import DiscoveryError, NoDocument
from modelport.discovery.fetch import fetch_operations
from modelport.discovery.operations import FilePlace, Operation, choose, declare, fill

__all__ = [
    "DiscoveryError",
    "FilePlace",
    "NoDocument",
    "Operation",
    "choose",
    "declare",
    "fetch_operations",
    "fill",
    "parse_operations",
]
