# SPDX-License-Identifier: Apache-2.0
"""The whole control plane in a thread: TLS, RBAC, admission, controllers and scheduler, without nodes."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from controlplane.auth import kubeconfig
from controlplane.config import ControlPlaneConfig
from controlplane.main import Running, started
from controlplane.managers import Managers

START_SECONDS = 120


@contextmanager
def control_plane(folder: Path) -> Iterator[Path]:
    """The administrator's kubeconfig of a control plane that runs inside the block, with its files below folder."""
    config = ControlPlaneConfig(folder / "pki", f"sqlite://{folder}/store/db", port=0)
    ready: Future[Running] = Future()
    stop = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_run(config, ready, stop)), daemon=True)
    thread.start()
    try:
        yield _kubeconfig(folder, ready.result(START_SECONDS))
    finally:
        stop.set()
        thread.join(START_SECONDS)


async def _run(config: ControlPlaneConfig, ready: "Future[Running]", stop: threading.Event) -> None:
    try:
        async with started(config) as running:
            assert running.engine.authorizer is not None
            managers = Managers(
                config, running.local_url, running.port, running.pki, running.engine.authorizer
            )
            task = asyncio.create_task(managers.run())
            ready.set_result(running)
            await asyncio.to_thread(stop.wait)
            task.cancel()
            await asyncio.wait([task])
    except BaseException as error:
        if not ready.done():
            ready.set_exception(error)
        raise


def _kubeconfig(folder: Path, running: Running) -> Path:
    pair = running.pki.client("admin", datetime.now(UTC))
    path = folder / "kubeconfig"
    kubeconfig.write(path, kubeconfig.render(running.url, running.pki.ca_path.read_bytes(), pair))
    return path
