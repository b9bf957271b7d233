"""jobs/requests/texts.py: a JSON text and a key are taken or refused by name."""

import pytest

from jobs.errors import ClientFault
from jobs.requests.texts import checked_key, read_json


def test_a_json_text_is_read_or_its_parameter_named() -> None:
    assert read_json('{"a": 1}', "metadata") == {"a": 1}
    with pytest.raises(ClientFault, match="metadata is no JSON") as fault:
        read_json("{", "metadata")
    assert (fault.value.code, fault.value.members) == ("bad_parameter", {"parameter": "metadata"})


@pytest.mark.parametrize(("sent", "key"), [(None, None), ("k-1", "k-1"), ('"k-1"', "k-1"), ('"', '"')])
def test_a_key_is_read_without_its_quotes(sent: str | None, key: str | None) -> None:
    assert checked_key(sent) == key


@pytest.mark.parametrize("sent", ["", "two words", "k" * 256, "\xe9"])
def test_other_keys_are_refused(sent: str) -> None:
    with pytest.raises(ClientFault) as fault:
        checked_key(sent)
    assert fault.value.code == "bad_key"
