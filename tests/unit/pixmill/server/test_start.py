"""What is typed where the server's packages are missing; the start itself is in tests/test_wheel.py."""

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

from pixmill.server import start


@pytest.mark.parametrize(
    ("mark", "line"),
    [
        ("tools/pixmill/uv-receipt.toml", "uv tool install --force 'pixmill[roles]'"),
        ("tools/pixmill/pipx_metadata.json", "pipx install --force 'pixmill[roles]'"),
        ("CACHEDIR.TAG", "uvx --from 'pixmill[roles]' pixmill serve"),
        ("tools/pixmill/pyvenv.cfg", f"uv pip install --python {sys.executable} 'pixmill[roles]'"),
        ("other", f"{sys.executable} -m pip install 'pixmill[roles]'"),
    ],
)
def test_the_line_to_type_is_of_the_tool_that_made_the_environment(tmp_path: Path, mark: str, line: str) -> None:
    prefix = tmp_path / "tools" / "pixmill"
    prefix.mkdir(parents=True)
    (tmp_path / mark).write_text("home = elsewhere\nuv = 0.9\n")
    assert start.line_to_type(prefix) == line


def test_all_packages_of_the_extra_are_needed_but_that_of_heic() -> None:
    lines = [line for line in metadata.requires("pixmill") or () if re.search(r"extra == ['\"]roles['\"]", line)]
    extra = {re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in lines}
    packages = metadata.packages_distributions()
    needed = {packages[name][0].lower().replace("_", "-") for name in start.NEEDED}
    assert extra - needed == {"pi-heif"}
    assert needed - extra == set()


def test_a_missing_package_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start, "NEEDED", ("json", "no_such_module"))
    with pytest.raises(SystemExit) as ended:
        start.start("supervisor")
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
