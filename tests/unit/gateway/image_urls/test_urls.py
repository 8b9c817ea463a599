"""Which URLs may be fetched, as far as their text goes."""

from __future__ import annotations

import pytest
from yarl import URL

from modelport.gateway.image_urls.urls import LONGEST, UrlRefused, follow, parse_url

ALLOW = ("images.example.com", "*.example.org", "store.example.net:8443", "*.cdn.example.net:8080")

ALLOWED = [
    "http://images.example.com/a.jpg",
    "https://images.example.com/a.jpg?X-Signature=%2Fabc#part",
    "HTTPS://IMAGES.EXAMPLE.COM/a.jpg",
    "https://images.example.com./a.jpg",
    "https://images.example.com:443/",
    "http://images.example.com:443/",
    "http://a.example.org/",
    "http://a.b.example.org/",
    "http://store.example.net:8443/",
    "http://eu.cdn.example.net:8080/",
    "http://images。example。com/",
]

NOT_ALLOWED = {
    "another host": ("http://evil.com/", "evil.com: the model allows no pictures from there"),
    "the suffix itself": ("http://example.org/", "allows no pictures"),
    "a host that ends alike": ("http://evilexample.org/", "allows no pictures"),
    "a host that begins alike": ("http://images.example.com.evil.com/", "allows no pictures"),
    "a subdomain of an exact name": ("http://a.images.example.com/", "allows no pictures"),
    "another port": ("http://images.example.com:8080/", "images.example.com:8080: the model allows"),
    "no port where one is given": ("http://store.example.net/", "allows no pictures"),
    "port zero": ("http://images.example.com:0/", "images.example.com:0: the model allows"),
    "a port that is none": ("http://images.example.com:99999/", "what is none"),
    "a file": ("file:///etc/passwd", 'the scheme "file"'),
    "ftp": ("ftp://images.example.com/a", 'the scheme "ftp"'),
    "data": ("data:image/png;base64,AAAA", 'the scheme "data"'),
    "no scheme": ("//images.example.com/a", 'the scheme ""'),
    "no URL": ("a.jpg", 'the scheme ""'),
    "nothing": ("", 'the scheme ""'),
    "no host": ("http:///a", "no name of a host"),
    "a user": ("http://user@images.example.com/", "a user or a password"),
    "a password": ("http://u:p@images.example.com/", "a user or a password"),
    "a host as the user": ("http://images.example.com@evil.com/", "a user or a password"),
    "a backslash": ("http://evil.com\\@images.example.com/", "what is none"),
    "a line break": ("http://images.example.com/\r\nHost: evil.com", "control characters"),
    "a zero": ("http://images.example.com\0.evil.com/", "control characters"),
    "a percent sign in the host": ("http://images.example.com%2f.example.org/", "no name of a host"),
    "too long": ("http://images.example.com/" + "a" * LONGEST, f"at most {LONGEST}"),
    **{
        f"an address as {host}": (f"http://{host}/", "named, not given as addresses")
        for host in (
            *("127.0.0.1", "127.1", "127.0.0.1.", "2130706433", "0x7f000001", "0x7f.1", "0X7F.0.0.0x1", "017700000001"),
            *("0177.0.0.1", "0", "①②⑦.⓪.⓪.①", "[::1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[fe80::1%25lo]"),
            *("127。0。0。1", "a.example.org.0x1", "images.1"),
        )
    },
}


@pytest.mark.parametrize("text", ALLOWED)
def test_a_url_of_an_allowed_host_may_be_asked(text: str) -> None:
    assert parse_url(text, ALLOW).scheme in ("http", "https")


@pytest.mark.parametrize(("text", "says"), NOT_ALLOWED.values(), ids=NOT_ALLOWED)
def test_any_other_url_may_not(text: str, says: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        parse_url(text, (*ALLOW, "1.example.com"))
    assert says in str(refused.value)


def test_a_refusal_repeats_neither_path_nor_query() -> None:
    with pytest.raises(UrlRefused) as refused:
        parse_url("http://evil.com/private?token=secret", ALLOW)
    assert str(refused.value) == ("evil.com: the model allows no pictures from there (spec.access.imageUrls.allow)")


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b?c", "http://images.example.com/b?c"),
        ("b", "http://images.example.com/a/b"),
        ("//a.example.org/b", "http://a.example.org/b"),
        ("https://a.example.org/b", "https://a.example.org/b"),
    ],
)
def test_a_redirect_is_followed_to_an_allowed_host(location: str, leads_to: str) -> None:
    assert follow(URL("http://images.example.com/a/x"), location, ALLOW) == URL(leads_to)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://evil.com/?secret", "redirects to evil.com: the model allows"),
        ("http://169.254.169.254/latest", "redirects to 169.254.169.254: hosts are named"),
        ("//[::1]/", "hosts are named"),
        ("file:///etc/passwd", "the scheme"),
        ("http://u:p@images.example.com/", "a user or a password"),
        ("http://images.example.com:99999/", "no URL"),
        ("/a\nb", "no URL"),
        ("", "no URL"),
    ],
)
def test_a_redirect_elsewhere_is_not_followed(location: str, says: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        follow(URL("http://images.example.com/a?q"), location, ALLOW)
    assert str(refused.value).startswith("images.example.com: redirects to ")
    assert says in str(refused.value)
