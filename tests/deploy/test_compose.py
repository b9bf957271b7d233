"""compose.yaml: valid by its schema, and of one piece with the image and nginx's files."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from host.settings import settings
from host.settings.couriers import couriers_here, has_couriers
from tests.deploy import dockerfile
from tests.deploy.dockerfile import ROOT
from tests.deploy.manifests import documents
from tests.deploy.stopping import STOP_SECONDS
from tests.support.patience import stretched

COMPOSE = ROOT / "compose.yaml"
SCHEMA = ["--builtin-schema", "vendor.compose-spec"]


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = documents(COMPOSE)[0]["services"]
    return found


def mounts(service: str) -> dict[str, str]:
    """What is mounted where: a volume, or a path of the checkout."""
    return {volume.split(":")[1]: volume.split(":")[0] for volume in services()[service]["volumes"]}


def check(path: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("check-jsonschema")
    return subprocess.run([program, *SCHEMA, path], capture_output=True, text=True, timeout=stretched(30))


def test_it_has_its_schema() -> None:
    assert check(COMPOSE).returncode == 0, check(COMPOSE).stdout


def test_a_misspelt_key_is_seen(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE.read_text().replace("stop_grace_period", "stop_grace_perod"))
    assert check(tmp_path / "compose.yaml").returncode == 1


def test_its_settings_fit_those_of_the_image() -> None:
    image = {name: value for name, value in dockerfile.environ().items() if name.startswith("PIXMILL_")}
    chosen, _ = settings.parse(image | services()["pixmill"]["environment"])
    assert (mounts("pixmill")[chosen.data], mounts("pixmill")[str(Path(chosen.run).parent)]) == ("data", "run")
    assert not chosen.public_without_keys
    assert settings.trusted_proxies(chosen) == ["unix"]


def test_its_courier_is_elsewhere_so_webhooks_and_fetches_are_offered() -> None:
    given = services()["pixmill"]["environment"] | {"PIXMILL_SOURCES": "*", "PIXMILL_WEBHOOKS": "https://app.example/"}
    chosen, _ = settings.parse(given)
    assert (couriers_here(chosen.couriers), has_couriers(chosen.couriers)) == (0, True)
    assert services()["courier"]["command"] == ["serve", "--role", "courier"]


def test_nginx_has_the_socket_and_the_images_that_its_files_name() -> None:
    given = services()["pixmill"]["environment"]
    socket = settings.unix_path(given["PIXMILL_HOST"])
    files = [path.read_text() for path in (ROOT / "deploy" / "nginx").rglob("*.conf")]
    assert any(f"server unix:{socket} " in text for text in files)
    assert any(f"^{given['PIXMILL_ACCEL_REDIRECT']}/" in text and "alias /var/lib/pixmill/" in text for text in files)
    nginx = mounts("nginx")
    assert nginx["/var/lib/pixmill"] == mounts("pixmill")["/data"]
    assert nginx[str(Path(socket).parent)] == mounts("pixmill")[str(Path(socket).parent)]
    published = services()["nginx"]["ports"][0].rsplit(":", 1)[1]
    assert any(f"listen {published};" in text for text in files)


def test_each_file_and_volume_is_there() -> None:
    build = services()["pixmill"]["build"]
    assert (ROOT / build["context"] / build["dockerfile"]).resolve() == dockerfile.DOCKERFILE
    sources = [source for service in services() for source in mounts(service).values()]
    files = [source for source in sources if source.startswith("./")]
    assert [source for source in files if not (ROOT / source).exists()] == []
    assert set(sources) - set(files) == set(documents(COMPOSE)[0]["volumes"])


def test_both_are_one_user_without_rights() -> None:
    (user,) = dockerfile.texts("USER")
    assert services()["nginx"]["user"] == user
    uid, gid = user.split(":")
    assert documents(COMPOSE)[0]["volumes"]["run"]["driver_opts"]["o"] == f"uid={uid},gid={gid},mode=0700"
    for service in services().values():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_it_is_published_on_loopback_and_has_the_time_to_drain() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert services()["pixmill"]["stop_grace_period"] == f"{STOP_SECONDS:g}s"
