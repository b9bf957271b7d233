"""host/sockets/readiness.py: waiting for descriptors, however long."""

import math
import os

import pytest

from host.sockets.readiness import readable


@pytest.mark.parametrize("seconds", [-1e11, 0.0, 1e11, 1e300, math.inf])
def test_any_number_of_seconds_can_be_waited_for(seconds: float) -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, b"x")
        assert readable({}, [reader], seconds) == {reader}
    finally:
        os.close(reader)
        os.close(writer)
