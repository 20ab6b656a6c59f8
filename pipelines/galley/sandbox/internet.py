"""A way to other machines for a sandbox, through slirp4netns, but none to this machine.

slirp4netns refuses the machine's loopback. What listens on the machine's other addresses, and
the metadata addresses of clouds, are made unreachable by routes inside the sandbox's network.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import subprocess
from pathlib import Path

from galley.sandbox.namespaces import Network

LINK_LOCAL = ("169.254.0.0", 16)
_LOCAL = re.compile(r"\|-- (\d+\.\d+\.\d+\.\d+)\n\s+/32 host LOCAL")
_RTM_NEWROUTE, _RTN_UNREACHABLE, _RTA_DST = 24, 7, 1
_REQUEST_ACK_CREATE = 0x1 | 0x4 | 0x400
_MAIN_TABLE, _STATIC = 254, 4


class Internet:
    """One slirp4netns process; the runner ends it, and the kernel does when the runner is gone."""

    def __init__(self, slirp4netns: str, network: Network) -> None:
        ready, tell_ready = os.pipe()
        wait_exit, self._keep_open = os.pipe()
        owner = [] if network.owner is None else [f"--userns-path=/proc/self/fd/{network.owner}"]
        passed = [tell_ready, wait_exit, network.fd]
        passed += [] if network.owner is None else [network.owner]
        self._process = subprocess.Popen(
            [
                slirp4netns,
                *("--configure", "--mtu=65520", "--disable-host-loopback", "--enable-seccomp"),
                *(f"--ready-fd={tell_ready}", f"--exit-fd={wait_exit}", *owner),
                *("--netns-type=path", f"/proc/self/fd/{network.fd}", "tap0"),
            ],
            pass_fds=passed,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        os.close(tell_ready)
        os.close(wait_exit)
        self._ready = ready

    def wait_ready(self) -> str | None:
        """Wait for the interface; return why there is none, or None when there is."""
        arrived = os.read(self._ready, 1)
        os.close(self._ready)
        if arrived:
            return None
        assert self._process.stderr is not None
        said = self._process.stderr.read().decode(errors="replace").strip()
        return said or f"slirp4netns ended with {self._process.wait()}"


def local_addresses(fib_trie: Path = Path("/proc/net/fib_trie")) -> set[str]:
    """Return this machine's own IPv4 addresses, loopback left out."""
    found = _LOCAL.findall(fib_trie.read_text())
    return {address for address in found if not address.startswith("127.")}


def make_unreachable(address: str, bits: int = 32) -> None:
    """Add a route to the calling thread's network that refuses ``address``/``bits``.

    Raises:
        OSError: the kernel refuses the route.
    """
    attribute = struct.pack("=HH4s", 8, _RTA_DST, socket.inet_aton(address))
    route = struct.pack(
        "=BBBBBBBBI", socket.AF_INET, bits, 0, 0, _MAIN_TABLE, _STATIC, 0, _RTN_UNREACHABLE, 0
    )
    body = route + attribute
    header = struct.pack("=IHHII", 16 + len(body), _RTM_NEWROUTE, _REQUEST_ACK_CREATE, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.send(header + body)
        reply = netlink.recv(4096)
    (number,) = struct.unpack_from("=i", reply, 16)
    if number:
        raise OSError(-number, f"route to {address}/{bits}: {os.strerror(-number)}")
