"""The wheel holds `pixmill/` alone: a `web` or `jobs` in site-packages would replace other people's modules."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_built_wheel_holds_the_client_alone(tmp_path: Path) -> None:
    source = tmp_path / "source"
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file() and not name.startswith(("tests/", "test-data/", "bench/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(source)], check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("pixmill-*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in held} == {"pixmill"}
    assert {"pixmill/__init__.py", "pixmill/client.py", "pixmill/command.py"} <= set(held)
    tops = {name.split("/")[0] for name in held}
    assert len(tops) == 2
    assert any(top.endswith(".dist-info") for top in tops)
    assert any(name.endswith("entry_points.txt") for name in held)
