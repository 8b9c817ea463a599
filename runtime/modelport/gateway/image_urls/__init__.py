"""Pictures that a request names by URL, fetched between its body and `decode`.

    Format.urls ──► ImageFetcher.fetch ──► urls ── addresses ── fetch ──► Call.fetched

    urls.py        which URLs a model lets be fetched: scheme, host, port
    addresses.py   which addresses a host may lie at
    fetch.py       name → addresses, checked → a connection to these alone → redirects → bytes, bounded

Nothing that a request says is trusted, nor anything that the server behind a URL says.
"""

from modelport.gateway.image_urls.fetch import ImageFetcher

__all__ = ["ImageFetcher"]
