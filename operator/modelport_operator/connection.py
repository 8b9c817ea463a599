"""The way to the API server: found once by the official client, for our own calls and for kopf's watches alike."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from typing import Any
from urllib.request import getproxies

import aiohttp
import kopf
import yaml
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_incluster_config, load_kube_config
from kubernetes.aio.config.config_exception import ConfigException

from modelport.errors import ModelportError
from modelport_operator.api_server import ApiError


class NotConnected(ModelportError):
    """Nothing says where the API server is, or what says so cannot be used."""


async def find_api_server() -> Configuration:
    """Return the address and credentials: of $KUBECONFIG if it is set, else of the Pod, else of ~/.kube/config.

    Raises:
        NotConnected: there are none that can be used.
    """
    configuration = Configuration()
    kubeconfig = os.environ.get("KUBECONFIG")
    in_pod = kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ
    try:
        if in_pod:
            load_incluster_config(configuration)  # type: ignore[no-untyped-call]
        else:
            await load_kube_config(kubeconfig, client_configuration=configuration, persist_config=False)  # type: ignore[no-untyped-call]
    # The client lets every error of a file's content through.
    except (ConfigException, OSError, TypeError, ValueError, yaml.YAMLError) as error:
        where = "the Pod's service account" if in_pod else kubeconfig or "~/.kube/config"
        raise NotConnected(f"no way to an API server by {where}: {' '.join(str(error).split())}") from error
    return configuration


def build_client(configuration: Configuration, may_call: Callable[[], bool] | None = None) -> ApiClient:
    """Return a client that refuses to send anything, with an ApiError, while `may_call` says no.

    It is asked when a connection has been found and the next thing to happen is that the request is written. A process
    that was stopped while a call waited for its turn asks after it goes on, and not before.
    """
    configuration = deepcopy(configuration)
    if not getproxies():
        # aiohttp would look for a password in ~/.netrc before each call, in a thread.
        configuration.client_session_kwargs = {"trust_env": False}
    if may_call is None:
        return ApiClient(configuration)

    async def ask(*_: Any) -> None:
        if not may_call():
            raise ApiError("this operator may not work: it does not hold the Lease")

    fence = aiohttp.TraceConfig()
    fence.on_connection_create_end.append(ask)
    fence.on_connection_reuseconn.append(ask)
    configuration.trace_configs = [fence]
    return ApiClient(configuration)


async def kopf_login(configuration: Configuration) -> kopf.ConnectionInfo:
    """Return kopf's view of the same credentials; a token is read anew, as kopf asks again when one has expired."""
    header = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
    scheme, _, token = (header or "").rpartition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        ca_data=configuration.ca_cert_data,
        insecure=not configuration.verify_ssl,
        username=configuration.username or None,
        password=configuration.password or None,
        scheme=scheme or None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        proxy_url=configuration.proxy,
        trust_env=True,
    )
