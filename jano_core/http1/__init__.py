"""An HTTP/1.1 server on the event loop that everything else runs on: bytes in, ASGI out.

It knows nothing of the house. `listener` serves a bound socket, `connection` is one client,
`request` reads what it sends, `turn` is one request and its answer, `session` a WebSocket.
"""
