# SPDX-License-Identifier: Apache-2.0
"""containerd's configuration, as TOML, for each major version; and which programs are run."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import LabError, LabSpec, binaries, containerd, service

SPEC = LabSpec(name="demo", root=Path("/lab"))
NODE = SPEC.paths.node("node1")
SETUP = containerd.ContainerdSetup((1, 6, 20), Path("/x/shim"), Path("/x/runc"), "overlayfs", True)
VERSIONS = [(1, 6, 20), (1, 7, 24), (2, 0, 0), (2, 1, 9)]


def config(**values: Any) -> dict[str, Any]:
    return tomllib.loads(containerd.render(NODE, replace(SETUP, **values)))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_path_is_below_the_node(version: tuple[int, int, int]) -> None:
    found = config(version=version)
    assert found["version"] == (3 if version >= (2, 0, 0) else 2)
    for value in (found["root"], found["state"], found["grpc"]["address"]):
        assert value.startswith("/lab/node1/containerd/")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_snapshotter_in_use_is_not_disabled(version: tuple[int, int, int]) -> None:
    for used, unused in (("overlayfs", "native"), ("native", "overlayfs")):
        disabled = config(version=version, snapshotter=used)["disabled_plugins"]
        assert f"io.containerd.snapshotter.v1.{used}" not in disabled
        assert f"io.containerd.snapshotter.v1.{unused}" in disabled


def test_runtime_and_network_of_version_2() -> None:
    cri = config()["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["sandbox_image"] == "docker.io/local/pause:1"
    assert cri["restrict_oom_score_adj"] is True
    assert cri["cni"] == {"conf_dir": str(NODE.cni_conf), "max_conf_num": 1, "bin_dir": str(NODE.cni_bin)}
    runc = cri["containerd"]["runtimes"]["runc"]
    assert runc["runtime_path"] == "/x/shim"
    assert runc["options"] == {
        "BinaryName": "/x/runc",
        "Root": "/lab/node1/containerd/state/runc",
        "SystemdCgroup": False,
    }


def test_runtime_and_network_of_version_3() -> None:
    plugins = config(version=(2, 1, 9), restrict_oom_score_adj=False)["plugins"]
    runtime, images = plugins["io.containerd.cri.v1.runtime"], plugins["io.containerd.cri.v1.images"]
    assert images["pinned_images"] == {"sandbox": "docker.io/local/pause:1"}
    assert images["registry"] == {"config_path": str(NODE.registry_hosts)}
    assert runtime["restrict_oom_score_adj"] is False
    assert runtime["cni"]["bin_dirs"] == [str(NODE.cni_bin)]
    assert runtime["cni"]["use_internal_loopback"] is True
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["BinaryName"] == "/x/runc"
    assert plugins["io.containerd.grpc.v1.cri"]["stream_server_address"] == "127.0.0.1"


def test_the_first_2_has_one_folder_of_plugins() -> None:
    cni = config(version=(2, 0, 0))["plugins"]["io.containerd.cri.v1.runtime"]["cni"]
    assert cni["bin_dir"] == str(NODE.cni_bin)
    assert "bin_dirs" not in cni


def test_paths_with_quotes_and_backslashes_survive() -> None:
    odd = Path('/x/a"b\\c/runc')
    runc = config(runc=odd)["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["runtimes"]["runc"]
    assert runc["options"]["BinaryName"] == str(odd)


def test_an_older_containerd_is_refused() -> None:
    with pytest.raises(LabError, match=r"cannot use containerd 1\.5\.9"):
        config(version=(1, 5, 9))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Name:\tx\nCapEff:\t000001ffffffffff\n", True),
        ("CapEff:\t000001fffeffffff\n", False),
        ("CapEff:\t0000000001000000\n", True),
        ("Name:\tx\n", False),
    ],
)
def test_the_capability_is_read_from_the_status(status: str, expected: bool) -> None:
    assert containerd.may_lower_oom_score(status) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n", (1, 6, 20)),
        ("containerd github.com/containerd/containerd/v2 2.1.9+unknown \n", (2, 1, 9)),
        (
            "containerd github.com/containerd/containerd v1.7.24 88bf19b2105c8b17560993bee28a01ddc2f97182\n",
            (1, 7, 24),
        ),
        ("containerd github.com/containerd/containerd/v2 v2.0.0-rc.1 abc\n", (2, 0, 0)),
    ],
)
def test_the_version_is_read_from_what_is_printed(text: str, expected: tuple[int, int, int]) -> None:
    assert binaries.parse_version(text) == expected


def test_a_version_that_is_none_is_named() -> None:
    with pytest.raises(LabError, match="from 'containerd 20240101'"):
        binaries.parse_version("containerd 20240101\n")


def program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def test_a_folders_programs_come_first_and_runc_may_be_elsewhere(tmp_path: Path) -> None:
    for name in (
        "release/usr/bin/containerd",
        f"release/usr/bin/{binaries.SHIM}",
        "path/runc",
        "path/containerd",
    ):
        program(tmp_path / name)
    found = binaries.find(str(tmp_path / "release"), str(tmp_path / "path"))
    assert found.containerd == tmp_path / "release/usr/bin/containerd"
    assert found.runc == tmp_path / "path/runc"
    assert found.path("/bin").split(":") == [
        str(tmp_path / "release/usr/bin"),
        str(tmp_path / "path"),
        "/bin",
    ]


def test_a_folder_without_containerd_is_named_even_when_one_is_installed(tmp_path: Path) -> None:
    for name in ("path/containerd", f"path/{binaries.SHIM}", "path/runc"):
        program(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabError, match=r"there is no containerd in it"):
        binaries.find(str(tmp_path / "empty"), str(tmp_path / "path"))
    with pytest.raises(LabError, match="there is no such folder"):
        binaries.find(str(tmp_path / "missing"), str(tmp_path / "path"))


def test_missing_programs_are_told_with_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot find containerd: install"):
        binaries.find("", str(tmp_path))


def test_services_of_each_node() -> None:
    found = binaries.Binaries(Path("/b/containerd"), Path("/b/shim"), Path("/s/runc"))
    environ = {"PATH": "/bin", "HTTPS_PROXY": "http://proxy", "LANG": "C.UTF-8"}
    _, runtime, node = service.services(SPEC, found, "/py", environ)
    assert runtime.command == ("/b/containerd", "--config", "/lab/node1/containerd/config.toml")
    assert runtime.environ == {"PATH": "/b:/s:/bin", "LANG": "C.UTF-8"}
    assert node.command == ("/py", "-P", "-m", "cli.main", "node", "--config", "/lab/node1/node.yaml")
    assert {runtime.cgroup, node.cgroup} == {"/orlop-demo/node1/containerd", "/orlop-demo/node1/node"}
    standin = replace(SPEC, node_command=("run", "--with={config}"))
    assert service.services(standin, found, "/py", environ)[-1].command == (
        "run",
        "--with=/lab/node1/node.yaml",
    )


def test_the_control_plane_gets_the_hosts_port() -> None:
    found = binaries.Binaries(Path("/b/containerd"), Path("/b/shim"), Path("/s/runc"))
    served, *nodes = service.services(replace(SPEC, api_port=7000), found, "/py", {})
    config = "/lab/controlplane/controlplane.yaml"
    assert served.command == ("/py", "-P", "-m", "cli.main", "controlplane", "--config", config)
    assert served.host_port == 7000
    assert served.cgroup == "/orlop-demo/controlplane"
    assert [node.host_port for node in nodes] == [None, None]
    assert service.services(replace(SPEC, controlplane=False), found, "/py", {}) == tuple(nodes)
