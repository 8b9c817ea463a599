"""One machine without a cluster: `modelport serve` and `modelport check`.

manifests ──► repository.prepare ──► Triton (process, triton) ◄── gateway (process) ◄── clients
    └──► keys, state ──► the serving configuration that the gateway reads
"""
