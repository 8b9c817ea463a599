"""`python -m modelport_operator`: the command of the operator's container."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

import uvloop

from modelport import logs
from modelport.errors import ModelportError
from modelport_operator.options import parse_options
from modelport_operator.process import operate

log = logging.getLogger("modelport_operator")


def main(arguments: Sequence[str]) -> int:
    """Operate until told to stop; return the exit status."""
    options = parse_options(arguments, os.environ)
    logs.configure(options.log_format, options.log_level)
    try:
        uvloop.run(operate(options.config))
    except ModelportError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
