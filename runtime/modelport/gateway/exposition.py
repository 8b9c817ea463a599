"""What `/metrics` is answered with: what requests counted, how models and machine are now, and Triton's own."""

from __future__ import annotations

from modelport.api.serverless import serverless_of
from modelport.gateway.app import Gateway
from modelport.gateway.config import GatewayOptions
from modelport.gateway.metrics import table
from modelport.gateway.metrics.gpu import GPU, Nvml, gpu_reader
from modelport.gateway.metrics.system import USAGE, usage_reader
from modelport.gateway.metrics.table import Reading
from modelport.gateway.metrics.triton import fetch_triton_metrics


class Exposition:
    """The metrics of one gateway process and of what it stands on."""

    def __init__(self, gateway: Gateway, options: GatewayOptions) -> None:
        """Have everything that is read at a scrape read for the metrics of `gateway`."""
        self._gateway = gateway
        self._url = options.triton_metrics
        self._triton: str | None = None
        """Triton's text for the answer in the making; None where it could not be read."""
        observe = gateway.metrics.observe
        observe((table.READY, table.CONFIG_PROBLEMS, table.TRITON_UP), self._read)
        observe((table.SERVERLESS_REQUESTS, table.SERVERLESS_QUOTA), self._read_usage)
        observe(USAGE, usage_reader(options.root_pid))
        observe(GPU, gpu_reader(Nvml.open(), lambda: self._triton or ""))

    async def answer(self, accept: str | None) -> tuple[bytes, str]:
        """Everything as (body, content type), in the format that the Accept header asks for."""
        if self._url:
            self._triton = await fetch_triton_metrics(self._url)
        return self._gateway.metrics.render(accept, self._triton or "")

    def _read(self) -> Reading:
        models = [((model.name, model.namespace), float(model.ready)) for model in self._gateway.models]
        return {
            table.READY: models,
            table.CONFIG_PROBLEMS: [((), float(len(self._gateway.config_problems)))],
            table.TRITON_UP: [((), float(self._triton is not None))] if self._url else [],
        }

    def _read_usage(self) -> Reading:
        used, quotas = [], []
        for model in self._gateway.models:
            serverless, labels = serverless_of(model.spec), (model.name, model.namespace)
            if serverless is None:
                continue
            if (entry := self._gateway.usage.read(model.served.resource)) is not None:
                used.append((labels, float(entry.answered)))
            if serverless.request_quota is not None:
                quotas.append((labels, float(serverless.request_quota)))
        return {table.SERVERLESS_REQUESTS: used, table.SERVERLESS_QUOTA: quotas}
