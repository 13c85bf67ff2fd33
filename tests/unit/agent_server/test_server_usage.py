# SPDX-License-Identifier: Apache-2.0
"""Usage: cgroup files of both versions, and what metrics and the summary make of it."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.pod.model import PodKey
from agent.server.cgroup_usage import CgroupUsage, read_usage
from agent.server.resource_metrics import cadvisor_text, resource_text
from agent.server.summary import summary
from agent.server.usage import ContainerUsage, Interface, Machine, NodeUsage, PodUsage, read_interfaces
from cri.model import ContainerStats, CpuUsage, FilesystemUsage, MemoryUsage

AT = 1_700_000_000_123_000_000


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_version_1(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "cpuacct/kubepods/p/cpuacct.usage": "5000000000\n",
            "memory/kubepods/p/memory.usage_in_bytes": "1000\n",
            "memory/kubepods/p/memory.stat": "total_rss 300\ntotal_cache 600\ntotal_inactive_file 400\n",
            "pids/kubepods/p/pids.current": "7\n",
        },
    )
    assert read_usage(tmp_path, "/kubepods/p") == CgroupUsage(5_000_000_000, 1000, 600, 300, 600, 7)


def test_version_2(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "cgroup.controllers": "cpu memory\n",
            "p/cpu.stat": "usage_usec 5000000\nuser_usec 1\n",
            "p/memory.current": "1000\n",
            "p/memory.stat": "anon 300\nfile 600\ninactive_file 2000\npgfault 9\n",
            "p/pids.current": "7\n",
        },
    )
    assert read_usage(tmp_path, "p") == CgroupUsage(5_000_000_000, 1000, 0, 300, 600, 7, 9)


@pytest.mark.parametrize(
    "files", [{}, {"cgroup.controllers": ""}, {"memory/p/memory.stat": "broken line here\nx y\n"}]
)
def test_what_the_kernel_does_not_tell_is_none(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, files)
    assert read_usage(tmp_path, "/p") == CgroupUsage()


def test_interfaces(tmp_path: Path) -> None:
    head = "Inter-| Receive\n face |bytes\n"
    rows = "    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  eth0:11 12 13 14 0 0 0 0 21 22 23 24 0 0 0 0\n"
    (tmp_path / "dev").write_text(head + rows)
    assert read_interfaces(tmp_path / "dev") == (Interface("eth0", 11, 12, 13, 14, 21, 22, 23, 24),)
    assert read_interfaces(tmp_path / "none") == ()


ETH0 = Interface("eth0", 11, 12, 13, 14, 21, 22, 23, 24)
STATS = ContainerStats(
    "c1",
    "app",
    0,
    {},
    {},
    CpuUsage(AT, 2_500_000_000, 100),
    MemoryUsage(AT, 700, None, 900, 300, 5, 1),
    FilesystemUsage(AT, "/x", 4096, 3),
)
POD = PodUsage(
    PodKey("default", "web"),
    "u1",
    1_600_000_000.0,
    "/kubepods/web",
    CgroupUsage(3_000_000_000, 1000, 800, 300, 100, 4),
    (ContainerUsage("app", "c1", "busybox", 1_600_000_001.0, STATS, 77),),
    (ETH0,),
    AT,
)
NODE = NodeUsage(
    "node1",
    Machine(2, 8 << 30, 4 << 30, 1_500_000_000.0),
    CgroupUsage(9_000_000_000, 2000, 1500),
    (),
    FilesystemUsage(AT, "/images", 123, 4),
    (POD,),
    AT,
)


def samples(text: bytes) -> dict[tuple[str, str], float]:
    """Values by name and the container's (or else the pod's) name."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            who = sample.labels.get("container") or sample.labels.get("pod") or ""
            found[sample.name, who] = sample.value
    return found


def test_resource_metrics_are_what_metrics_server_reads() -> None:
    text = resource_text(NODE)
    assert samples(text) == {
        ("node_cpu_usage_seconds_total", ""): 9,
        ("node_memory_working_set_bytes", ""): 1500,
        ("pod_cpu_usage_seconds_total", "web"): 3,
        ("pod_memory_working_set_bytes", "web"): 800,
        ("container_cpu_usage_seconds_total", "app"): 2.5,
        ("container_memory_working_set_bytes", "app"): 700,
        ("container_start_time_seconds", "app"): 1_600_000_001,
        ("resource_scrape_error", ""): 0,
    }
    line = (
        'container_cpu_usage_seconds_total{container="app",namespace="default",pod="web"} 2.5 1700000000123'
    )
    assert line in text.decode().splitlines()


def test_cadvisor_metrics_have_its_labels() -> None:
    text = cadvisor_text(NODE).decode()
    found = samples(text.encode())
    assert found["container_network_receive_bytes_total", "web"] == 11
    assert found["container_network_transmit_packets_dropped_total", "web"] == 24
    assert found["container_memory_working_set_bytes", "web"] == 800
    assert found["container_memory_rss", "app"] == 300
    assert found["container_fs_usage_bytes", "app"] == 4096
    assert found["machine_memory_bytes", ""] == 8 << 30
    assert (
        'container_memory_usage_bytes{container="app",id="/kubepods/web/c1",image="busybox",name="c1",'
        'namespace="default",pod="web"} 900.0'
    ) in text


def test_summary() -> None:
    data = summary(NODE)
    (pod,) = data["pods"]
    assert data["node"]["nodeName"] == "node1"
    assert data["node"]["memory"]["availableBytes"] == 4 << 30
    assert data["node"]["runtime"]["imageFs"]["usedBytes"] == 123
    assert pod["podRef"] == {"name": "web", "namespace": "default", "uid": "u1"}
    assert pod["memory"]["workingSetBytes"] == 800
    assert pod["network"]["rxBytes"] == 11
    assert pod["containers"][0]["cpu"]["usageCoreNanoSeconds"] == 2_500_000_000
    assert pod["containers"][0]["logs"]["usedBytes"] == 77
    assert pod["startTime"] == "2020-09-13T12:26:40Z"
    small = summary(NODE, only_cpu_and_memory=True)
    assert "network" not in small["pods"][0]
    assert "runtime" not in small["node"]
