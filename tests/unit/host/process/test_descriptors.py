"""host/process/descriptors.py."""

import resource

import pytest

from host.process import descriptors


def test_the_soft_limit_is_raised_to_the_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 524_288))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: asked.append((which, limits)))
    assert descriptors.raise_descriptors() == 524_288
    assert asked == [(resource.RLIMIT_NOFILE, (524_288, 524_288))]
