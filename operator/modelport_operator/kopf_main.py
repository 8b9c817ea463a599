"""`kopf run -m modelport_operator.kopf_main`: the operator inside of kopf's own command, for a desk.

Importing this module registers the handlers with kopf, which is what `kopf run` wants; nothing else imports it. The
options come from the environment alone. There is neither Lease nor health server.
"""

from __future__ import annotations

import asyncio
import os

import kopf
from kubernetes.aio.client import ApiClient
from prometheus_client import CollectorRegistry

from modelport_operator.api_server import ApiServer
from modelport_operator.cluster import Cluster
from modelport_operator.connection import find_api_server
from modelport_operator.controller import Controller
from modelport_operator.handlers import build_registry
from modelport_operator.metrics import Metrics
from modelport_operator.options import parse_options
from modelport_operator.store import Store


def build() -> kopf.OperatorRegistry:
    """Return the handlers of an operator as the environment describes it."""
    config = parse_options([], os.environ).config
    connection = asyncio.run(find_api_server())
    metrics = Metrics(CollectorRegistry())
    cluster = Cluster(ApiServer(ApiClient(connection), metrics), Store())
    return build_registry(Controller(cluster, config, metrics), connection)


kopf.set_default_registry(build())
