# SPDX-License-Identifier: Apache-2.0
"""What a node tells of itself: capacity, conditions with their hysteresis, and the patches that say it (pure)."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.errors import AgentError
from agent.node.capacity import allocatable, capacity
from agent.node.conditions import PressureMemory, Sample, pressures, readiness, short_of
from agent.node.config import NodeSettings
from agent.node.machine import Disk, Machine, Pressure, Roots, read_machine, read_pressure
from agent.node.report import MOST_IMAGES, Facts, Identity, images, node_status
from agent.node.status_patch import difference, label_patch, with_extended
from agent.node.thresholds import check_settings
from cri.model import Condition, Image, RuntimeStatus

GIB = 1 << 30
MACHINE = Machine(4, 8 * GIB, {"2Mi": 64 << 20}, "id", "uuid", "boot", "6.1", "Debian", "amd64")
DISK = Disk(size=100 * GIB, available=50 * GIB, inodes=1000, inodes_free=500)
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_what_is_reserved_and_what_eviction_keeps_free_is_not_for_pods() -> None:
    settings = NodeSettings(
        kube_reserved={"cpu": "500m", "memory": "1Gi"},
        system_reserved={"memory": "512Mi", "ephemeral-storage": "1Gi"},
        eviction_hard={"memory.available": "100Mi", "nodefs.available": "10%"},
    )
    whole = capacity(MACHINE, DISK, settings)
    left = {name: str(amount) for name, amount in allocatable(whole, settings).items()}
    assert {name: str(amount) for name, amount in whole.items()} == {
        "cpu": "4",
        "memory": "8Gi",
        "ephemeral-storage": "100Gi",
        "pods": "110",
        "hugepages-2Mi": str(64 << 20),
    }
    # 8Gi - 1Gi - 512Mi - 100Mi - 64Mi of huge pages; 100Gi - 1Gi - 10Gi.
    assert left == {
        "cpu": "3500m",
        "memory": "6492Mi",
        "ephemeral-storage": "89Gi",
        "pods": "110",
        "hugepages-2Mi": str(64 << 20),
    }


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            NodeSettings(kube_reserved={"gpu": "1"}),
            "node.kubeReserved: Unsupported value: gpu; accepted: cpu",
        ),
        (NodeSettings(system_reserved={"cpu": "lots"}), "node.systemReserved.cpu"),
        (NodeSettings(eviction_hard={"memory.free": "1Mi"}), "accepted: memory.available"),
        (NodeSettings(eviction_hard={"memory.available": "150%"}), "a quantity, or 0% to 99%"),
        (NodeSettings(labels={"-": "x"}), "node.labels"),
    ],
)
def test_settings_that_mean_nothing_are_refused_by_name(settings: NodeSettings, words: str) -> None:
    with pytest.raises(AgentError, match=words.replace("[", r"\[")):
        check_settings(settings)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, set()),
        ({"pressure": Pressure(99 << 20, 1000, 2000)}, {"MemoryPressure"}),
        ({"nodefs": replace(DISK, available=9 * GIB)}, {"DiskPressure"}),
        ({"nodefs": replace(DISK, inodes_free=49)}, {"DiskPressure"}),
        ({"nodefs": replace(DISK, inodes=0, inodes_free=0)}, set()),
        ({"imagefs": replace(DISK, available=14 * GIB)}, {"DiskPressure"}),
        ({"pressure": Pressure(GIB, 9, 100)}, {"PIDPressure"}),
    ],
)
def test_a_threshold_that_is_crossed_is_a_pressure(change: dict[str, Any], found: set[str]) -> None:
    sample = Sample(MACHINE, Pressure(GIB, 50, 100), DISK, DISK)
    settings = NodeSettings()
    settings = replace(settings, eviction_hard={**settings.eviction_hard, "pid.available": "10%"})
    assert short_of(replace(sample, **change), settings) == found


def test_a_pressure_begins_at_once_and_ends_after_a_while() -> None:
    memory = PressureMemory()
    steps = [(0, True), (10, False), (200, False), (250, True), (500, False), (549, False), (550, False)]
    held = [
        bool(memory.hold(frozenset({"MemoryPressure"} if found else ()), now, 300)) for now, found in steps
    ]
    assert held == [True, True, True, True, True, True, False]


def test_conditions_have_the_kubelets_words() -> None:
    found = {each.type: (each.is_true, each.reason) for each in pressures(frozenset({"DiskPressure"}))}
    assert found == {
        "MemoryPressure": (False, "KubeletHasSufficientMemory"),
        "DiskPressure": (True, "KubeletHasDiskPressure"),
        "PIDPressure": (False, "KubeletHasSufficientPID"),
    }


def runtime(*, ready: bool = True, network: bool = True) -> RuntimeStatus:
    return RuntimeStatus(
        (
            Condition("RuntimeReady", status=ready),
            Condition("NetworkReady", status=network, reason="NetworkPluginNotReady", message="no conf"),
        )
    )


@pytest.mark.parametrize(
    ("status", "trouble", "is_true", "words"),
    [
        (runtime(), "", True, "kubelet is posting ready status"),
        (None, "connection refused", False, "container runtime is down: connection refused"),
        (
            runtime(network=False),
            "",
            False,
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no conf",
        ),
        (runtime(ready=False), "", False, "container runtime not ready: RuntimeReady=false"),
    ],
)
def test_a_node_that_is_not_ready_says_why(
    status: RuntimeStatus | None, trouble: str, *, is_true: bool, words: str
) -> None:
    found = readiness(status, trouble)
    assert found.is_true is is_true
    assert words in found.message


def test_only_the_largest_images_are_told() -> None:
    many = [Image(f"id{size}", (f"image:{size}",), (), size) for size in range(60)]
    told = images([*many, Image("untagged", (), (), 1000)])
    assert len(told) == MOST_IMAGES
    assert told[0] == {"names": ["image:59"], "sizeBytes": 59}


def status_of(**changes: Any) -> dict[str, Any]:
    whole = capacity(MACHINE, DISK, NodeSettings())
    facts = Facts(
        MACHINE,
        whole,
        allocatable(whole, NodeSettings()),
        (*pressures(frozenset()), readiness(runtime())),
        None,
    )
    return node_status(Identity("n", ("10.0.0.1",), 10250), replace(facts, **changes))


def after(current: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """What a server has after the patch, as far as these tests go."""
    merged = {**current, **{name: value for name, value in patch.items() if name != "conditions"}}
    for name in ("capacity", "allocatable"):
        both = {**current.get(name, {}), **patch.get(name, {})}
        merged[name] = {key: value for key, value in both.items() if value is not None}
    if "addresses" in patch:
        merged["addresses"] = patch["addresses"][1:]
    conditions = {each["type"]: each for each in current.get("conditions", [])}
    for each in patch.get("conditions", []):
        conditions[each["type"]] = {**conditions.get(each["type"], {}), **each}
    merged["conditions"] = list(conditions.values())
    return merged


def test_nothing_is_written_twice_and_a_heartbeat_changes_no_transition() -> None:
    wanted = status_of()
    there = after({}, difference({}, wanted, NOW, heartbeat=False))
    later = NOW.replace(hour=5)
    assert difference(there, wanted, later, heartbeat=False) == {}
    beat = difference(there, wanted, later, heartbeat=True)
    assert set(beat) == {"conditions"}
    assert all("lastTransitionTime" not in each for each in beat["conditions"])
    assert {each["lastHeartbeatTime"] for each in beat["conditions"]} == {"2026-01-02T05:04:05Z"}


def test_conditions_and_resources_of_others_stay() -> None:
    wanted = status_of()
    there = after({}, difference({}, wanted, NOW, heartbeat=False))
    there["capacity"]["example.com/dongle"] = "3"
    there["conditions"].append({"type": "NetworkUnavailable", "status": "False"})
    patch = difference(there, with_extended(wanted, there), NOW, heartbeat=False)
    assert patch == {"allocatable": {"example.com/dongle": "3"}}
    # Somebody takes them away again.
    there = after(there, patch)
    del there["capacity"]["example.com/dongle"]
    patch = difference(there, with_extended(wanted, there), NOW, heartbeat=False)
    assert patch == {"allocatable": {"example.com/dongle": None}}


def test_labels_of_others_stay() -> None:
    node = {"metadata": {"labels": {"rack": "7", "kubernetes.io/os": "plan9"}}}
    assert label_patch(node, {"kubernetes.io/os": "linux"}) == {
        "metadata": {"labels": {"kubernetes.io/os": "linux"}}
    }
    assert label_patch(node, {"rack": "7"}) == {}


def test_the_machine_is_read_from_the_kernels_files(tmp_path: Path) -> None:
    roots = Roots(tmp_path / "proc", tmp_path / "sys", tmp_path / "etc")
    texts = {
        "proc/meminfo": "MemTotal:       1000 kB\nMemAvailable:    400 kB\nHugePages_Total: 3\n",
        "proc/loadavg": "0.00 0.01 0.05 1/300 2345\n",
        "proc/sys/kernel/pid_max": "4194304\n",
        "proc/sys/kernel/threads-max": "1000\n",
        "proc/sys/kernel/random/boot_id": "b\n",
        "etc/machine-id": "m\n",
        "etc/os-release": 'NAME="x"\nPRETTY_NAME="Some Linux 1"\n',
        "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "2\n",
        "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "0\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    machine = read_machine(roots)
    assert machine.memory == 1000 * 1024
    assert machine.huge_pages == {"1Gi": 0, "2Mi": 2 * 2048 * 1024}
    assert (machine.machine_id, machine.system_uuid, machine.boot_id) == ("m", "m", "b")
    assert machine.os_image == "Some Linux 1"
    assert read_pressure(roots) == Pressure(400 * 1024, 700, 1000)
