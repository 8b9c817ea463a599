"""`python -m modelport.gateway`: the command of the gateway's container, and what `modelport serve` starts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from modelport import logs
from modelport.errors import ModelportError
from modelport.gateway.config import GatewayOptions
from modelport.gateway.sockets import Pair, inherit, listen_pairs
from modelport.gateway.workers import Workers


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; return the exit code."""
    options, sockets, level = parse_options(arguments)
    logs.configure(options.log_format, level)
    try:
        if sockets:
            pairs = inherit(sockets)
        else:
            pairs = listen_pairs(options.host, options.port, options.metrics_port, options.workers)
        if len(pairs) > 1:
            return Workers(options, pairs, arguments).run()
        _serve(options, pairs[0])
    except ModelportError as error:
        print(f"modelport gateway: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _serve(options: GatewayOptions, listening: Pair) -> None:
    """Serve in this process. The parent of several is spared what serving takes, most of the memory of one."""
    import uvloop

    from modelport.gateway.server import serve

    uvloop.run(serve(options, listening))


def parse_options(arguments: Sequence[str]) -> tuple[GatewayOptions, str | None, str]:
    """Read the command line: the options, the sockets to take over, and the log level."""
    parser = argparse.ArgumentParser(prog="python -m modelport.gateway", description=__doc__, allow_abbrev=False)
    defaults = GatewayOptions(config=Path())
    add = parser.add_argument
    add("--config", type=Path, required=True, metavar="DIR", help="folder of the serving configuration")
    add("--triton", default=defaults.triton, metavar="HOST:PORT", help="Triton's gRPC address (default %(default)s)")
    add("--triton-http", metavar="HOST:PORT", help="Triton's HTTP address, the shorter way for inferences")
    add("--triton-metrics", metavar="URL", help="Triton's metrics, to be passed on")
    add("--repository", type=Path, metavar="DIR", help="Triton's model repository, to load what can be in a Pod")
    add("--host", default=defaults.host, help="address to listen on (default %(default)s)")
    add("--port", type=int, default=defaults.port, help="port of the models' APIs (default %(default)s)")
    add("--metrics-port", type=int, default=defaults.metrics_port, help="port of health and metrics (%(default)s)")
    add("--workers", type=int, default=defaults.workers, help="processes that share the port (default %(default)s)")
    add("--drain-seconds", type=float, default=defaults.drain_seconds, help="time for requests in flight at the end")
    add("--usage", type=Path, metavar="DIR", help="folder that keeps the use of Serverless models over restarts")
    add("--secrets", type=Path, metavar="DIR", help="Secrets that sinks of flagged pictures name: DIR/SECRET/ENTRY")
    add("--folder-sinks", action="store_true", help="store flagged pictures in folders of this machine too")
    add("--allow-loopback-images", action="store_true", help="fetch pictures by URL from this machine too; for tests")
    add("--root-pid", type=int, default=defaults.root_pid, help="process whose tree's CPU and memory are counted")
    add("--log-format", choices=("text", "json"), default=defaults.log_format)
    add("--log-level", choices=logs.LEVELS, default="info")
    add("--worker-index", type=int, default=0, help=argparse.SUPPRESS)
    add("--sockets", help=argparse.SUPPRESS)
    found = vars(parser.parse_args(arguments))
    sockets, level = found.pop("sockets"), found.pop("log_level")
    return GatewayOptions(**found), sockets, level


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
