"""Where renditions are saved: never outside the folder, whatever the server says."""

from pathlib import Path

from pixmill import Job
from pixmill.commands.saving import targets
from pixmill.core.reading import read
from tests.unit.pixmill.core.samples import JOB, RENDITION


def test_a_hostile_name_stays_within_the_folder(tmp_path: Path) -> None:
    renditions = [RENDITION | {"name": "../thumb"}, RENDITION | {"name": "x", "format": "/etc"}]
    job = read(Job, JOB | {"renditions": renditions})
    made = [path for _, path in targets(job, tmp_path / "made" / "here", "good")]
    assert [str(path.relative_to(tmp_path / "made" / "here")) for path in made] == ["good..._thumb.jpg", "good.x._etc"]
    assert (tmp_path / "made" / "here").is_dir()
