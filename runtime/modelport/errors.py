"""The root of every error that a person may read.

    ModelportError
    ├── api.InvalidManifest            a PublishedModel that cannot be meant so
    ├── repository.FetchError          a model that cannot be had
    ├── repository.InvalidModel        a model that cannot be served
    ├── local.ServeError               a machine on which `modelport serve` cannot run
    ├── discovery.DiscoveryError       a model that cannot be called as the server stands
    ├── loadtest.LoadtestError         an address that cannot be load-tested
    ├── snippets.SnippetError          a request that cannot be written as a program
    ├── client.ClientError             a call that brought no prediction
    └── gateway.errors.GatewayError    a request that cannot be answered

The text of each is one clear sentence for its reader: what is wrong, where, what was expected and what came. It never
holds a key, a signature of a URL or a stack trace. Everything else that is raised is a bug and keeps its traceback.
"""


class ModelportError(Exception):
    """Something a person can put right; `str()` of it is the sentence to show."""
