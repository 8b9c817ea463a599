"""`modelport loadtest`: a closed loop of requests to one address, and the table of what came back.

    arguments ──► target ──► client (one loop, or one in each of several processes) ──► Tally ──► report
                    │ discovery: the gateway's own example · apis: a request made from the model's metadata

It only ever talks to the address it is given: no redirects, no proxies, nothing of the gateway's own code. So it
measures any server that answers HTTP.
"""

from modelport.loadtest.arguments import add_arguments
from modelport.loadtest.command import run
from modelport.loadtest.errors import LoadtestError, UsageError

__all__ = ["LoadtestError", "UsageError", "add_arguments", "run"]
