# SPDX-License-Identifier: Apache-2.0
"""The main job, shown: a pod serves HTTP, a second one fetches it through the bridge, and the node says how."""

import asyncio
from pathlib import Path
from typing import Any

import click

from cli import podview
from cli.client import AgentUnreachableError, get
from cli.errors import CliError
from cli.labs import find_pod
from cli.overview import overview
from cli.progress import phase, wait_until
from cli.run import kubectl
from cli.status import show
from cri import connect
from cri.model import ExecResult
from lab import Lab, NodePaths

POD_SECONDS = 60.0
FETCH_SECONDS = 5.0
MANIFESTS = Path(__file__).parent / "manifests"


def run_demo(lab: Lab) -> None:
    """Run the demo's pods on the first node, fetch a page from one in the other, and print what happened."""
    node = lab.paths.node(lab.spec.nodes[0].name)
    for manifest in sorted(MANIFESTS.glob("*.yaml")):
        _install(manifest, node.manifests / manifest.name)
    with phase("pods web and client ready"):
        _await_ready(node, "default/web", "default/client")
    data = overview(lab)
    pods = {pod["name"]: pod for pod in data["nodes"][0]["pods"]}
    before = link_counters(data["nodes"][0]["processes"]["containerd"]["pid"])
    answer = _fetch(lab, pods["web"]["ip"])
    after = link_counters(data["nodes"][0]["processes"]["containerd"]["pid"])
    click.echo()
    show(data)
    _show_request(data["nodes"][0], pods, answer, before, after)
    _show_limits(pods["web"])
    _show_phases(pods)
    _show_kubectl(lab)
    _show_next(lab, node)


def _install(manifest: Path, target: Path) -> None:
    """Put the manifest in place in one step, and only if it is not there: the user may have edited it."""
    if target.exists():
        return
    temporary = target.with_name(f".{target.name}.new")
    temporary.write_bytes(manifest.read_bytes())
    temporary.rename(target)


def _await_ready(node: NodePaths, *names: str) -> None:
    if not wait_until(lambda: not _unready(node, names), seconds=POD_SECONDS):
        waiting = "; ".join(f"{name} is {why}" for name, why in _unready(node, names).items())
        raise CliError(
            f"the demo's pods are not ready after {POD_SECONDS:g} s: {waiting}. See {node.log_file('node')}"
        )


def _unready(node: NodePaths, names: tuple[str, ...]) -> dict[str, str]:
    try:
        pods = get(node.agent_socket, "/pods")["items"]
    except AgentUnreachableError as error:
        return dict.fromkeys(names, error.message)
    found = {f"{p['metadata']['namespace']}/{p['metadata']['name']}": p for p in pods}
    waiting = {}
    for name in names:
        pod = found.get(name)
        if pod is None:
            waiting[name] = "not read yet"
        elif podview.status_of(pod) != "Running" or not pod["status"].get("podIP"):
            waiting[name] = f"{podview.status_of(pod)} {podview.why_of(pod)}".strip()
    return waiting


def _fetch(lab: Lab, ip: str) -> str:
    """The page, fetched by wget in the client pod; the server may need a moment after its start to listen."""
    node, pod = find_pod(lab, "default", "client")
    container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    words = ("timeout", "5", "wget", "-q", "-O", "-", f"http://{ip}:8080/")
    results: list[ExecResult] = []

    def fetched() -> bool:
        results.append(asyncio.run(_exec(node, container, words)))
        return results[-1].exit_code == 0

    if not wait_until(fetched, seconds=FETCH_SECONDS):
        last = results[-1]
        said = last.stderr.decode(errors="replace").strip() or "nothing"
        raise CliError(
            f"pod client cannot fetch http://{ip}:8080/: wget exit code {last.exit_code}, it said: {said}"
        )
    return results[-1].stdout.decode(errors="replace").strip()


async def _exec(node: NodePaths, container: str, words: tuple[str, ...]) -> ExecResult:
    runtime = await connect(node.containerd_socket)
    try:
        return await runtime.exec_sync(container, words, timeout=10)
    finally:
        await runtime.close()


def link_counters(pid: int) -> dict[str, tuple[int, int]]:
    """Packets received and sent by each link of the network namespace that this process is in."""
    counters = {}
    for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]:
        name, _, numbers = line.partition(":")
        fields = numbers.split()
        counters[name.strip()] = (int(fields[1]), int(fields[9]))
    return counters


def _show_request(
    node: dict[str, Any],
    pods: dict[str, dict[str, Any]],
    answer: str,
    before: dict[str, tuple[int, int]],
    after: dict[str, tuple[int, int]],
) -> None:
    veths = {entry["pod"]: entry["veth"] for entry in node["addresses"]}
    client, web = veths["default/client"], veths["default/web"]

    def moved(link: str) -> str:
        received, sent = (now - then for now, then in zip(after[link], before[link], strict=True))
        return f"{link} (+{received} packets in, +{sent} out)"

    click.echo(f"\nclient fetched http://{pods['web']['ip']}:8080/ and got: {answer}")
    click.echo("the packets went, by the kernel's counters:")
    click.echo(f"  pod client eth0 {pods['client']['ip']}")
    click.echo(f"    -> {moved(client)}\n    -> bridge orlop0\n    -> {moved(web)}")
    click.echo(f"    -> pod web eth0 {pods['web']['ip']} port 8080")


def _show_limits(pod: dict[str, Any]) -> None:
    limits = pod["limits"]
    click.echo(f"\npod web is held by the kernel in cgroup {pod['cgroup']}:")
    click.echo(
        f"  memory {podview.bytes_text(limits['memory'])} ({podview.bytes_text(limits['memoryUsage'])} used)"
    )
    click.echo(f"  cpu    {limits['cpu']}")


def _show_phases(pods: dict[str, dict[str, Any]]) -> None:
    click.echo("\nhow long each part of the start took:")
    names = {
        "PullImage": "pull",
        "RunSandbox": "sandbox",
        "CreateContainer": "create",
        "StartContainer": "start",
    }
    for name, pod in sorted(pods.items()):
        took = {names[e["phase"]]: e["took"] * 1000 for e in pod["timeline"] if e["phase"] in names}
        if pod["networkMs"] is not None:
            took["network (in sandbox)"] = pod["networkMs"]
        parts = [f"{part} {milliseconds:.0f} ms" for part, milliseconds in took.items()]
        click.echo(f"  {name:<8} {', '.join(parts) or 'started before this agent was'}")


def _show_kubectl(lab: Lab) -> None:
    """What the control plane has of it; static pods bear their node's name there."""
    if not lab.spec.controlplane:
        return
    kubeconfig = lab.paths.controlplane.kubeconfig
    shown = kubectl(kubeconfig, "get", "nodes,pods", "--all-namespaces", "-o", "wide")
    click.echo(f"\nkubectl --kubeconfig {kubeconfig} get nodes,pods -A -o wide")
    click.echo(shown.rstrip() if shown else "  (kubectl is not installed here)")


def _show_next(lab: Lab, node: NodePaths) -> None:
    option = "" if lab.spec.name == "orlop" else f" --name {lab.spec.name}"
    click.echo(f"\nnext: put a Pod manifest into {node.manifests}")
    click.echo(
        f"      orlop status{option} | orlop logs{option} web | orlop exec{option} -it client sh | orlop down{option}"
    )
