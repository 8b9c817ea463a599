"""Modelport publishes trained models as HTTP APIs, on Kubernetes or on one machine."""

__version__ = "0.1.0"
