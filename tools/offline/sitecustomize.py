"""Puts a Python process off the network: first on PYTHONPATH, Python imports this by itself.

`make execute` and the strict nbval run start their kernels with it, so that a lesson that quietly
needs the network fails here and not in a classroom. Loopback stays open for the kernel. An attempt
is also written to the file named by SPANBERT_TEACH_NETWORK_LOG, so that a library that catches
the error does not hide it.
"""

import ipaddress
import os
import socket

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex
_getaddrinfo = socket.getaddrinfo


def _is_local(host) -> bool:
    if host in (None, "", "localhost", b"localhost", socket.gethostname()):
        return True
    try:
        text = host.decode() if isinstance(host, bytes) else str(host)
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _refuse(host) -> None:
    log = os.environ.get("SPANBERT_TEACH_NETWORK_LOG")
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{host}\n")
    raise OSError(f"the lessons run with the network off, but something asked for {host!r}")


def _checked(call):
    def guarded(self, address):
        if isinstance(address, tuple) and not _is_local(address[0]):
            _refuse(address[0])
        return call(self, address)

    return guarded


def getaddrinfo(host, *args, **kwargs):
    if not _is_local(host):
        _refuse(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = _checked(_connect)
socket.socket.connect_ex = _checked(_connect_ex)
socket.getaddrinfo = getaddrinfo
