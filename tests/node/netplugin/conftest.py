# SPDX-License-Identifier: Apache-2.0
"""A node with our plugin in its two ways, and the reference plugin, behind one interface."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from netplugin.config import Settings, plugin_section
from netplugin.install import install
from tests.support.cni import Runtime
from tests.support.netdaemon import daemon
from tests.support.netns import Namespace, namespace

REFERENCE = Path("/usr/lib/cni")


@pytest.fixture
def node() -> Iterator[Namespace]:
    with namespace("node") as made:
        yield made


@pytest.fixture
def new_pod() -> Iterator[Any]:
    """A function that makes a pod's namespace."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(namespace("pod"))


@pytest.fixture
def pod(new_pod: Any) -> Namespace:
    made: Namespace = new_pod()
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(
        pod_cidrs=("10.244.1.0/24",),
        non_masquerade_cidrs=("10.96.0.0/16",),
        state_dir=tmp_path / "state",
        socket=tmp_path / "netd.sock",
        cni_bin_dir=tmp_path / "bin",
        cni_conf_dir=tmp_path / "conf",
        gc_min_age=0,
    )
    install(made)
    return made


def ours(node: Namespace, settings: Settings) -> Runtime:
    """Our plugin, in-process unless a daemon runs."""
    config = {"cniVersion": settings.cni_version, "name": settings.network, **plugin_section(settings)}
    return Runtime(node, settings.cni_bin_dir, config)


def reference(node: Namespace, folder: Path) -> Runtime:
    """Debian's bridge + host-local, told to do the same."""
    config = {
        "cniVersion": "1.0.0",
        "name": "reference",
        "type": "bridge",
        "bridge": "orlop0",
        "isDefaultGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(folder / "reference"),
            "ranges": [[{"subnet": "10.244.1.0/24"}]],
        },
    }
    return Runtime(node, REFERENCE, config, {"XTABLES_LOCKFILE": str(folder / "xtables.lock")})


@pytest.fixture
def in_process(node: Namespace, settings: Settings) -> Runtime:
    return ours(node, settings)


@pytest.fixture(params=["daemon", "in-process"])
def runtime(request: pytest.FixtureRequest, node: Namespace, settings: Settings) -> Iterator[Runtime]:
    """Our plugin in both its ways."""
    with ExitStack() as stack:
        if request.param == "daemon":
            stack.enter_context(daemon(node, settings))
        yield ours(node, settings)


@pytest.fixture(params=["daemon", "in-process", "reference"])
def oracle(
    request: pytest.FixtureRequest, node: Namespace, settings: Settings, tmp_path: Path
) -> Iterator[Runtime]:
    """Our plugin in both its ways, and the reference: what holds for all three is what the specification means."""
    with ExitStack() as stack:
        if request.param == "reference":
            if not (REFERENCE / "bridge").exists():
                pytest.skip("containernetworking-plugins is not installed")
            yield reference(node, tmp_path)
            return
        if request.param == "daemon":
            stack.enter_context(daemon(node, settings))
        yield ours(node, settings)
