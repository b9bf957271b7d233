"""Jobs by their ids, and by answers that carry a grant."""

from pixmill.core.answers import BatchUpload, Job, Upload
from pixmill.core.events import Following
from pixmill.core.named import Named, all_named, batch_id, named
from pixmill.core.reading import read
from tests.unit.pixmill.core.samples import JOB, UPLOAD, URL

UNDER_GRANT = UPLOAD | {"id": "j2", "status_url": f"{URL}/jobs/j2?grant=v1.x.y"}
BATCH = {"batch": {"id": "b1", "status_url": URL, "events_url": URL}, "jobs": [UPLOAD, UNDER_GRANT]}


def test_an_answer_has_its_grant() -> None:
    assert named("j1") == named(read(Job, JOB)) == Named("j1")
    assert named(read(Upload, UNDER_GRANT)) == Named("j2", "v1.x.y")
    assert (Named("j1").opened, Named("j2", "v1.x.y").opened) == ((), (("grant", "v1.x.y"),))


def test_a_batch_is_its_jobs_and_each_is_named_once() -> None:
    batch = read(BatchUpload, BATCH)
    assert all_named([batch, "j1", "j3"]) == [Named("j1"), Named("j2", "v1.x.y"), Named("j3")]
    assert batch_id(batch) == batch_id("b1") == "b1"


def test_jobs_are_followed_by_their_grants_if_all_have_one() -> None:
    granted = [Named("j2", "v1.x.y"), Named("j4", "v1.z.y")]
    assert Following(granted).request().query == (("grant", "v1.x.y"), ("grant", "v1.z.y"))
    assert Following([*granted, Named("j1")]).request().query == (("job", "j2"), ("job", "j4"), ("job", "j1"))
    assert Following([]).request().query == ()
