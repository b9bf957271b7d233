"""The `pixmill` command in this process, before a stand-in for the service. No socket is opened."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from pixmill.commands import options
from pixmill.testing import FakePixmill
from pixmill.words import program

JPEG = b"\xff\xd8\xff "


class Done(NamedTuple):
    """How a command ended: exit status, lines of stdout, text of stderr."""

    status: int
    lines: list[str]
    errors: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The lines as JSON."""
        return [json.loads(line) for line in self.lines]


class Commands:
    """Runs commands in `folder`, whose state is theirs alone."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.service, self.folder = FakePixmill(), folder
        self.keys: list[str | None] = []
        self.addresses: list[str | None] = []

        def made(kind: str) -> Any:
            def make(url: str | None, *, api_key: str | None, on_retry: Any) -> Any:
                self.addresses.append(url)
                self.keys.append(api_key)
                client = getattr(self.service, kind)()
                client._connections._on_retry = on_retry
                return client

            return make

        for variable in ("PIXMILL_URL", "PIXMILL_API_KEY", "NO_COLOR"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / ".state"))
        monkeypatch.setattr(options, "Client", made("client"))
        monkeypatch.setattr(options, "AsyncClient", made("async_client"))

    def image(self, name: str, content: bytes | None = None) -> Path:
        """A file that is an image by its first bytes, with its name as its content."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(JPEG + (name.encode("utf-8", "surrogateescape") if content is None else content))
        return path

    def run(self, *words: object, data: bytes | None = None) -> Done:
        """Run `pixmill WORDS` with `data` on its standard input."""
        result = CliRunner().invoke(program, [str(word) for word in words], input=data)
        return Done(result.exit_code, result.stdout.splitlines(), result.stderr)

    @property
    def uploads(self) -> int:
        """How many uploads the service got."""
        return sum(request.url.path == "/upload" for request in self.service.requests)
