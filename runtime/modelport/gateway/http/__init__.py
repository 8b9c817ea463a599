"""HTTP/1.1 for both ports, and for Triton's: a request with its whole body in, a whole response out.

listener.py     the listening socket, its connections, and their orderly end
connection.py   one connection: its requests in their order, what is refused, when it closes
request.py      one request, whose body comes while it is answered
response.py     a response and its head in bytes
client.py       the other side: questions to one server

httptools (Node's llhttp) tells what the bytes say, and refuses what is no HTTP. Nothing here knows a model.
"""

from modelport.gateway.http.client import Answer, BadAnswer, Client
from modelport.gateway.http.connection import Handler
from modelport.gateway.http.listener import listening
from modelport.gateway.http.request import BrokenBody, LargeBody, Request
from modelport.gateway.http.response import Response

__all__ = ["Answer", "BadAnswer", "BrokenBody", "Client", "Handler", "LargeBody", "Request", "Response", "listening"]
