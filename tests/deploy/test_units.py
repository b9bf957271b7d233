"""deploy/systemd: systemd's own checks, the exposure, and the times that must fit those of the code."""

import configparser
import re
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from host.settings.environment import variables_of
from host.settings.settings import SECRETS, Settings, parse
from supervisor.core import fleet
from tests.support.clusters.systemd import TARGET, TARGETS, UNITS
from tests.support.patience import stretched

SERVICES = {
    "pixmill-broker.service": 0.4,
    "pixmill-worker@.service": 0.5,
    "pixmill-web@.service": 1.3,
    "pixmill-courier@.service": 1.3,
    "pixmill.service": 1.4,
}
"""The most exposure that `systemd-analyze security` may say. For web it counts the network by which it is reached."""
DIFFERING = {
    "SystemCallFilter",
    "MemoryDenyWriteExecute",
    "PrivateNetwork",
    "RestrictAddressFamilies",
    "IPAddressAllow",
    "IPAddressDeny",
}
analyzed = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze: apt-get install systemd"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder that has the units and the programs that they start."""
    root = tmp_path_factory.mktemp("root")
    shutil.copytree(UNITS, root / "etc" / "systemd" / "system")
    for name in TARGETS:
        (root / "etc" / "systemd" / "system" / f"{name}.target").write_text(TARGET)
    for program in ("opt/pixmill/bin/pixmill", "opt/pixmill/bin/python", "usr/bin/env"):
        (root / program).parent.mkdir(parents=True, exist_ok=True)
        (root / program).touch(0o755)
    return root


def analyze(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *words, f"--root={root}", "--no-pager", "--man=no"]
    return subprocess.run(command, capture_output=True, text=True, timeout=stretched(60))


def options(unit: str) -> dict[str, list[str]]:
    """Every option of [Service] with its values in order."""
    text = (UNITS / unit).read_text().split("[Service]\n")[1].split("\n[Install]")[0]
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def seconds(unit: str, name: str) -> float:
    return float(options(unit)[name][0])


@analyzed
@pytest.mark.parametrize(
    "unit",
    [
        "pixmill.target",
        "pixmill.service",
        "pixmill-broker.service",
        "pixmill-web@3000.service",
        "pixmill-worker@1.service",
        "pixmill-courier@1.service",
    ],
)
def test_systemd_has_nothing_to_say(root: Path, unit: str) -> None:
    done = analyze(root, "verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@analyzed
def test_a_misspelt_line_is_told(root: Path, tmp_path: Path) -> None:
    other = shutil.copytree(root, tmp_path / "root")
    broker = other / "etc/systemd/system/pixmill-broker.service"
    broker.write_text(broker.read_text().replace("PrivateTmp=", "PrivateTemp="))
    assert "PrivateTemp" in analyze(other, "verify", broker.name).stderr


@analyzed
@pytest.mark.parametrize(("unit", "most"), SERVICES.items())
def test_exposure(root: Path, unit: str, most: float) -> None:
    done = analyze(root, "security", "--offline=yes", f"--threshold={most * 10:.0f}", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= most, done.stdout


def test_a_courier_reaches_no_private_network() -> None:
    """Documentation and the like reach nobody; the gate refuses them all the same."""
    denied = [
        ip_network(each) for line in options("pixmill-courier@.service")["IPAddressDeny"] for each in line.split()
    ]
    private = (
        "10.9.9.9 100.64.1.1 127.0.0.1 169.254.169.254 172.31.0.1 192.168.1.1 0.0.0.0 224.0.0.1 ::1 fd00::1 fe80::1"
    )
    for text in (*private.split(), "64:ff9b::a00:1", "2002:a00:1::1"):
        assert any(ip_address(text) in network for network in denied), text


def test_the_units_have_the_same_walls_but_where_they_say_so() -> None:
    walls = [
        {
            name: it
            for name, it in options(unit).items()
            if re.match("Protect|Private|Restrict|System|Cap|Lock|NoNew", name)
        }
        for unit in SERVICES
    ]
    common = [
        {name: it for name, it in each.items() if name not in DIFFERING and "Restart" not in name} for each in walls
    ]
    assert len(common[0]) > 20
    assert all(each == common[0] for each in common)
    assert all(each["SystemCallFilter"][:3] == walls[0]["SystemCallFilter"] for each in walls)


@pytest.mark.parametrize("unit", SERVICES)
def test_the_times_are_those_of_the_supervisor(unit: str) -> None:
    assert seconds(unit, "WatchdogSec") == fleet.HANG_SECONDS_MIN
    assert seconds(unit, "TimeoutAbortSec") == fleet.LAST_WORDS_SECONDS
    assert seconds(unit, "TimeoutStartSec") == fleet.START_SECONDS_MAX
    drain = {} if "broker" in unit else {"drain": Settings().drain_seconds + 6}
    assert seconds(unit, "TimeoutStopSec") >= drain.get("drain", 3)


def test_a_courier_s_unit_takes_away_what_the_supervisor_does() -> None:
    words = " ".join(options("pixmill-courier@.service")["UnsetEnvironment"]).split()
    assert set(words) == variables_of(SECRETS - {"egress_proxy"}) | {"PGPASSWORD", "PGPASSFILE"}


def test_the_shown_settings_are_taken_as_they_are_and_with_their_examples() -> None:
    lines = (UNITS / "pixmill.env").read_text().splitlines()
    shown = dict(line.lstrip("#").split("=", 1) for line in lines if re.match("#?PIXMILL_", line))
    assert len(shown) > 5
    assert all(line.startswith("#") for line in lines if line)
    parse({name: value for name, value in shown.items() if not name.endswith("_FILE")})


def test_each_unit_can_be_enabled() -> None:
    for path in [*UNITS.glob("*.service"), *UNITS.glob("*.target")]:
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read(path)
        wanted = "multi-user.target" if path.stem == "pixmill" else "pixmill.target"
        assert parser["Install"]["WantedBy"] == wanted
