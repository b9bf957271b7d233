"""What a worker refuses to start with."""

from importlib import metadata

import pytest

from jobs.errors import SetupFault
from worker.keeper.config import refuse_old_pillow


@pytest.mark.parametrize("version", ["12.9.1", "9.0", "none"])
def test_an_old_pillow_is_refused_in_one_sentence(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> str:
        if version == "none":
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", found)
    with pytest.raises(SetupFault, match=rf"Pillow {version} is installed and 13 is needed: pip install"):
        refuse_old_pillow()


@pytest.mark.parametrize("version", ["13.0.0", "13.1", "20.0"])
def test_a_new_one_is_not(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _name: version)
    refuse_old_pillow()
