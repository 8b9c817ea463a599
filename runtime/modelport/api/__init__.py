"""The PublishedModel as typed, frozen Python objects: what every other part of Modelport speaks of."""

from modelport.api.model import Api, Metadata, PublishedModel, PublishedModelSpec, apis_of, model_name
from modelport.api.parse import InvalidManifest, parse_manifest, parse_yaml
from modelport.api.serving import KeyDigest, KeyDigests, ServedModel

__all__ = [
    "Api",
    "InvalidManifest",
    "KeyDigest",
    "KeyDigests",
    "Metadata",
    "PublishedModel",
    "PublishedModelSpec",
    "ServedModel",
    "apis_of",
    "model_name",
    "parse_manifest",
    "parse_yaml",
]
