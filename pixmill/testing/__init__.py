"""A stand-in for the service, for tests of programs that use pixmill. It needs no socket, no process and no folder.

def test_a_photo_is_kept():
    service = FakePixmill()
    client = service.client()
    assert client.upload(b"\\xff\\xd8\\xff...", wait=5).state == "done"

With pytest: `pytest_plugins = ["pixmill.testing.plugin"]` gives the fixture `pixmill_service`.
"""

from pixmill.testing.service import FakePixmill

__all__ = ["FakePixmill"]
