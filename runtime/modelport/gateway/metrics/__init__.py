"""The gateway's metrics.

table.py        every name, what it says, by which labels
instruments.py  what requests count into, and the text of a scrape
accounts.py     how each model's time was spent
system.py       CPU and memory, read at a scrape
gpu.py          GPU figures, read at a scrape
triton.py       Triton's own metrics, passed through
page.py         the reference page, printed from the table
"""

from modelport.gateway.metrics.instruments import MULTIPROCESS_DIR, GatewayMetrics, ModelMetrics, forget_worker

__all__ = ["MULTIPROCESS_DIR", "GatewayMetrics", "ModelMetrics", "forget_worker"]
