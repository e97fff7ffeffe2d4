"""The sockets that take connections to a port of this box's loopback, on Linux.

Netlink's sock_diag is asked, which looks at listening sockets alone; `/proc/net`, which is read
where it does not answer, goes through every connection of the box and takes milliseconds.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from itertools import chain

from . import process_tree

Listener = tuple[bytes, int]
"""An address as it is on the wire, and the inode of the socket."""

SOCK_DIAG, BY_FAMILY, DUMP = 4, 20, 0x301
DONE, FAULT = 3, 2
LISTEN = 10
HEADER = struct.Struct("=IHHII")
REQUEST = struct.Struct("=BBBxIH46x")
"""Family, protocol, extensions, states, and of a socket's two ends only the port of its own."""
TIMEOUT_S = 1.0


def inodes(port: int) -> set[int]:
    """Of all sockets that take connections to loopback on `port`; none where nothing tells."""
    if sys.platform != "linux":
        return set()
    try:
        found = list(chain(_ask(socket.AF_INET, port), _ask(socket.AF_INET6, port)))
    except OSError:
        found = list(_listed(port))
    return {inode for address, inode in found if _takes_loopback(address)}


def _ask(family: int, port: int) -> Iterator[Listener]:
    request = REQUEST.pack(family, socket.IPPROTO_TCP, 0, 1 << LISTEN, socket.htons(port))
    header = HEADER.pack(HEADER.size + len(request), BY_FAMILY, DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
        kernel.settimeout(TIMEOUT_S)
        kernel.send(header + request)
        while True:
            answer = kernel.recv(65536)
            while answer:
                size, kind, *_ = HEADER.unpack_from(answer)
                if kind == DONE:
                    return
                if kind == FAULT:
                    raise OSError("sock_diag does not answer")
                yield _found(family, answer[HEADER.size : size])
                answer = answer[(size + 3) & ~3 :]


def _found(family: int, message: bytes) -> Listener:
    """From `inet_diag_msg`: four bytes, two ports, two addresses, twelve bytes, five numbers."""
    address = message[8 : 12 if family == socket.AF_INET else 24]
    return address, int.from_bytes(message[68:72], sys.byteorder)


def _listed(port: int) -> Iterator[Listener]:
    for name in ("tcp", "tcp6"):
        try:
            lines = (process_tree.PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            address, _, number = fields[1].partition(":")
            if int(fields[3], 16) == LISTEN and int(number, 16) == port:
                words = (address[at : at + 8] for at in range(0, len(address), 8))
                packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
                yield packed, int(fields[9])


def _takes_loopback(packed: bytes) -> bool:
    where = ipaddress.ip_address(packed)
    mapped = where.ipv4_mapped if isinstance(where, ipaddress.IPv6Address) else None
    return any(it.is_loopback or it.is_unspecified for it in (where, mapped) if it)
