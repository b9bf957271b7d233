"""Clients that the usual generators make of /openapi.json compile by the strict rules, and upload an image."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from tests.support.clusters.cluster import ROOT, Cluster
from tests.support.house.needs import lacking
from tests.support.house.npm import packages
from tests.support.patience import stretched
from web.api.of_jobs import IMAGES

pytestmark = pytest.mark.cluster
HERE = Path(__file__).parent
SAMPLE = ROOT / "test-data" / "sample.jpg"
PROGRAM = """
import sys
from generated.client import AuthenticatedClient
from generated.api.upload import upload
from generated.api.jobs import get_job
from generated.models import Job, PromiseOfOne, UploadFilesBody
from generated.types import File
from io import BytesIO

client = AuthenticatedClient(base_url=sys.argv[1], token="a key, where the server asks for one")
with open(sys.argv[2], "rb") as file:
    image = File(payload=BytesIO(file.read()), file_name="sample.jpg", mime_type="image/jpeg")
promised = upload.sync(client=client, body=UploadFilesBody(image=[image]))
assert isinstance(promised, PromiseOfOne), promised
job = get_job.sync(promised.id, client=client, wait=20)
assert isinstance(job, Job), job
print(job.state.value, [each.name for each in job.renditions])
"""

UPLOADS = """
import { readFile } from "node:fs/promises";
declare const process: { argv: string[] };

const [, , image, text] = process.argv as [string, string, string, string];
const { state, renditions } = await upload(new File([await readFile(image)], "sample.jpg"), "");
const made: components["schemas"]["Job"]["state"] = state;
const refused = await upload(new File([await readFile(text)], "a.txt"), "").catch((error: Error) => error.message);
console.log(JSON.stringify({ made: { state: made, renditions: renditions.map((each) => each.name) }, refused }));
"""
"""What follows the example of docs/browsers.md."""


def run(folder: Path, command: Sequence[object]) -> str:
    """Run it in `folder`; what it said."""
    done = subprocess.run([*map(str, command)], cwd=folder, capture_output=True, text=True, timeout=stretched(120))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def document(cluster: Cluster, folder: Path) -> Path:
    path = folder / "openapi.json"
    path.write_bytes(httpx2.get(f"{cluster.url}/openapi.json").content)
    return path


def test_a_python_client_is_made_typed_and_uploads(cluster: Cluster, tmp_path: Path) -> None:
    config = tmp_path / "config.json"  # the generator knows images as bytes only if it is told
    config.write_text(
        json.dumps({"content_type_overrides": dict.fromkeys(IMAGES, "application/octet-stream"), "post_hooks": []})
    )
    programs = Path(sys.executable).parent
    command = [programs / "openapi-python-client", "generate", "--path", document(cluster, tmp_path), "--meta", "none"]
    said = run(tmp_path, [*command, "--output-path", tmp_path / "generated", "--config", config])
    assert "WARNING" not in said
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    run(tmp_path, [programs / "mypy", "--strict", "--cache-dir", tmp_path / "cache", program, tmp_path / "generated"])
    assert run(tmp_path, [sys.executable, program, cluster.url, SAMPLE]) == "done ['large', 'thumb']\n"


def test_a_typescript_client_is_made_typed_and_uploads(cluster: Cluster, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        lacking("there is no node on this machine")
    programs = packages(HERE / "typescript", tmp_path) / ".bin"
    for name in ("node.d.ts", "tsconfig.json"):
        shutil.copy(HERE / "typescript" / name, tmp_path)
    page = (ROOT / "docs" / "browsers.md").read_text()
    (example,) = re.findall(r"^```ts\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "upload.ts").write_text(example.replace("https://pix.example", cluster.url) + UPLOADS)
    run(tmp_path, [programs / "openapi-typescript", document(cluster, tmp_path), "-o", tmp_path / "pixmill.d.ts"])
    run(tmp_path, [programs / "tsc", "-p", tmp_path / "tsconfig.json"])
    (tmp_path / "package.json").write_text('{"type": "module"}')
    told = json.loads(run(tmp_path, [node, tmp_path / "out" / "upload.js", SAMPLE, ROOT / "LICENSE"]))
    assert told["made"] == {"state": "done", "renditions": ["large", "thumb"]}
    assert told["refused"].startswith("this is text")
