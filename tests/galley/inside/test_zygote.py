"""What a zygote does with requests that are none."""

from __future__ import annotations

import socket

import psutil
import pytest
from galley.inside import zygote


@pytest.mark.parametrize(
    "data",
    [b"{}", b'{"kind": "batch"}\n', b"{", b"{}\n", b"[]\n"],
    ids=["cut off", "too few files", "no JSON", "no kind", "no object"],
)
def test_the_files_of_what_is_no_request_are_closed(data: bytes) -> None:
    asking, asked = socket.socketpair()
    with asking, asked:
        socket.send_fds(asking, [data], [asking.fileno()])
        asking.shutdown(socket.SHUT_WR)
        before = psutil.Process().num_fds()
        with pytest.raises(ValueError, match=r"request|Expecting"):
            zygote._request(asked)
        assert psutil.Process().num_fds() == before
