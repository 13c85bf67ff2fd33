# SPDX-License-Identifier: Apache-2.0
"""VERSION, STATUS and what version of the specification a verb needs; none of them may load netlink."""

import json
import subprocess
import sys

import pytest

from netplugin.ipam import Holder, Store
from netplugin.main import answer
from netplugin.model import Attachment, Pod
from netplugin.ranges import read_ranges

CONFIG = {"cniVersion": "1.1.0", "name": "net", "type": "orlop", "ranges": [{"subnet": "10.0.0.0/29"}]}


def call(verb, config, **environ):
    made = answer({"CNI_COMMAND": verb, **environ}, json.dumps(config).encode())
    return made.code, json.loads(made.stdout) if made.stdout else None


@pytest.mark.parametrize("version", ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
def test_version_answers_in_the_asked_version(version):
    assert call("VERSION", {"cniVersion": version}) == (
        0,
        {"cniVersion": version, "supportedVersions": ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]},
    )


def test_version_answers_whatever_is_asked():
    assert answer({"CNI_COMMAND": "VERSION"}, b"").code == 0
    assert call("VERSION", {"cniVersion": "9.9.9"})[1]["cniVersion"] == "1.1.0"


@pytest.mark.parametrize(
    ("verb", "version"), [("CHECK", "0.3.1"), ("STATUS", "1.0.0"), ("GC", "1.0.0"), ("GC", "0.4.0")]
)
def test_a_verb_that_the_version_does_not_have_is_refused(verb, version):
    status, result = call(
        verb, {**CONFIG, "cniVersion": version}, CNI_CONTAINERID="c", CNI_NETNS="/n", CNI_IFNAME="eth0"
    )
    assert (status, result["code"], result["cniVersion"]) == (1, 1, version)
    assert verb in result["msg"]


def test_status_is_silent_when_ready(tmp_path):
    assert call("STATUS", {**CONFIG, "stateDir": str(tmp_path / "not" / "yet")}) == (0, None)


def test_status_says_that_a_pool_is_full(tmp_path):
    ranges = read_ranges(CONFIG["ranges"])
    for number in range(5):
        attachment = Attachment("net", f"c{number}", "eth0")
        Store(tmp_path, "net").allocate(attachment, Holder("", Pod(), "", ""), ranges, (), 0.0)
    status, result = call("STATUS", {**CONFIG, "stateDir": str(tmp_path)})
    assert (status, result["code"]) == (1, 50)
    assert "address pool 10.0.0.0/29 is full (5 of 5 in use)" in result["msg"]


def test_status_says_that_a_config_is_bad(tmp_path):
    status, result = call("STATUS", {**CONFIG, "stateDir": str(tmp_path), "mtu": 5})
    assert (status, result["code"]) == (1, 50)
    assert "mtu is 5" in result["msg"]


def test_status_says_that_the_state_folder_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    status, result = call("STATUS", {**CONFIG, "stateDir": str(tmp_path / "file")})
    assert (status, result["code"]) == (1, 50)
    assert "stateDir" in result["msg"]


@pytest.mark.parametrize(
    ("verb", "stdin"),
    [
        ("VERSION", {"cniVersion": "1.0.0"}),
        ("STATUS", {**CONFIG, "stateDir": "/nonexistent"}),
        ("ADD", {**CONFIG, "stateDir": "/nonexistent", "mtu": 5}),
        ("ADD", {**CONFIG, "stateDir": "relative"}),
        ("DEL", {**CONFIG, "stateDir": "relative"}),
        ("JUMP", {}),
    ],
)
def test_what_needs_no_netlink_does_not_load_it(verb, stdin):
    """It costs 80 ms, many times what these take."""
    environ = {"CNI_COMMAND": verb, "CNI_CONTAINERID": "c", "CNI_NETNS": "/n", "CNI_IFNAME": "eth0"}
    code = (
        f"from netplugin.main import answer; import sys; answer({environ!r}, {json.dumps(stdin).encode()!r});"
        "sys.exit('pyroute2' in sys.modules or 'asyncio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
