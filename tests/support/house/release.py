"""`python -m tests.support.house.release`: makes the files of a release in dist/, from the last commit.

Owns the list of these files and the conditions of a release. Uploads nothing, and downloads nothing.
"""

import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VERSIONED = {
    "deploy/image/Dockerfile": r"^ARG VERSION=(\S+)$",
    "deploy/kubernetes/base/kustomization.yaml": r"newTag: (\S+)",
}
"""Files that name the version too, and where."""


class NotReleasable(Exception):
    """The reason, in one sentence with the fix."""


def version_of(source: Path) -> str:
    """The version of the tree in `source`. Raises NotReleasable if not all files name the same one."""
    version: str = tomllib.loads((source / "pyproject.toml").read_text())["project"]["version"]
    for name, pattern in VERSIONED.items():
        found = re.findall(pattern, (source / name).read_text(), re.MULTILINE)
        if found != [version]:
            raise NotReleasable(f"{name} names {found} and pyproject.toml {version}: let both name the same version")
    return version


def changes(changelog: str, version: str) -> str:
    """The text of this version. Raises NotReleasable if it is not the first one of the changelog, or has no entry."""
    headings = re.findall(r"^## (\S+)", changelog, re.MULTILINE)
    if headings[:1] != [version]:
        raise NotReleasable(f"CHANGELOG.md begins with {headings[:1]}: put a section `## {version} (DATE)` first")
    text = changelog.split(f"\n## {version}", 1)[1].split("\n", 1)[1].split("\n## ")[0]
    if not re.search(r"^- \S", text, re.MULTILINE):
        raise NotReleasable(f"CHANGELOG.md has no entry for {version}: say what a user gains or must change")
    return text


def build(source: Path, folder: Path) -> None:
    """The sdist and the wheel of the tree in `source`, by the build backend of this environment."""
    program = "import sys, setuptools.build_meta as b; to = sys.argv[1]; b.build_sdist(to); b.build_wheel(to)"
    done = subprocess.run([sys.executable, "-c", program, folder], cwd=source, capture_output=True, text=True)
    if done.returncode:
        raise NotReleasable(f"the build failed: {done.stderr[-2000:]}")


def in_image(source: Path) -> list[str]:
    """The files of the image's context: those that .dockerignore lets in, and the two files that say so."""
    let_in = [line[1:] for line in (source / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    folders = [source / name for name in let_in]
    files = [path for top in folders for path in ([top] if top.is_file() else top.rglob("*")) if path.is_file()]
    names = {str(path.relative_to(source)) for path in files if "__pycache__" not in path.parts}
    return sorted(names | {".dockerignore", "deploy/image/Dockerfile"})


def write_context(source: Path, target: Path, seconds: int) -> None:
    """The image's context as an archive, the same for the same files. `seconds`: the time of all its files."""
    with tarfile.open(target, "w:gz", compresslevel=9) as archive:
        for name in in_image(source):
            data = (source / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), seconds, 0o644
            archive.addfile(entry, io.BytesIO(data))


def write_bill(source: Path, target: Path) -> None:
    """The SBOM: all locked packages of the server with their hashes, in CycloneDX."""
    program = Path(sys.executable).with_name("cyclonedx-py")
    options = ["--pyproject", "pyproject.toml", "--output-reproducible", "--of", "JSON", "-o", str(target)]
    command = [str(program), "requirements", "requirements-stores.lock", *options]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    if done.returncode:
        raise NotReleasable(f"no SBOM could be made: {done.stderr[-2000:]}")


def release(source: Path, folder: Path, seconds: int) -> list[Path]:
    """All files of the release, in `folder`. Raises NotReleasable."""
    version = version_of(source)
    changes((source / "CHANGELOG.md").read_text(), version)
    folder.mkdir(parents=True, exist_ok=True)
    if old := [path.name for path in folder.iterdir()]:
        raise NotReleasable(f"{folder} has {old[0]} in it: remove what is there")
    write_context(source, folder / f"pixmill-{version}-image.tar.gz", seconds)
    write_bill(source, folder / f"pixmill-{version}.cdx.json")
    build(source, folder)
    files = sorted(folder.iterdir())
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (folder / "SHA256SUMS").write_text(sums)
    return [*files, folder / "SHA256SUMS"]


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout


def main() -> None:
    """Make a release of HEAD. Raises NotReleasable."""
    if _git("status", "--porcelain"):
        raise NotReleasable("there are changes that are not committed: commit or remove them")
    seconds = int(_git("log", "-1", "--format=%ct"))
    os.environ["SOURCE_DATE_EPOCH"] = str(seconds)
    with tempfile.TemporaryDirectory() as source:
        subprocess.run(["tar", "--extract", "--directory", source], input=_git("archive", "HEAD"), check=True)
        files = release(Path(source), ROOT / "dist", seconds)
    for path in files:
        print(f"{path.stat().st_size:>9}  {path.relative_to(ROOT)}")
    if "(unreleased)" in (ROOT / "CHANGELOG.md").read_text():
        print("CHANGELOG.md still says (unreleased): put the date there before you tag")


if __name__ == "__main__":
    try:
        main()
    except NotReleasable as reason:
        sys.exit(f"release: {reason}")
