"""A real Jupyter server on a loopback port, in folders of its own, for browser tests.

Two front ends: JupyterLab (`"lab"`), and the classic notebook (`"nbclassic"`), which stands in
for Colab's older widgets. The interpreter that is started decides which packages the kernel has.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 90

# Draw every cell at once, ask nothing, look nothing up.
LAB_SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "docmanager-extension/plugin": {"autosave": False},
}


@dataclass(frozen=True)
class Server:
    """A running server. `root` is the folder whose notebooks it shows."""

    front_end: str
    address: str
    token: str
    root: Path

    def put(self, notebook: Path) -> str:
        """Copy a notebook into a fresh folder under `root`; returns its path there."""
        folder = self.root / secrets.token_hex(4)
        folder.mkdir()
        shutil.copyfile(notebook, folder / notebook.name)
        return f"{folder.name}/{notebook.name}"

    def ask(self, method: str, path: str) -> object:
        """A request to the server's own API; the parsed answer, or None if it is empty."""
        request = urllib.request.Request(
            f"{self.address}/api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        # Never through a proxy that the machine may have set.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def stop_kernels(self) -> None:
        for kernel in self.ask("GET", "kernels"):
            self.ask("DELETE", f"kernels/{kernel['id']}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environment(folder: Path, token: str) -> dict[str, str]:
    """The caller's environment, with every folder that Jupyter writes to replaced."""
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "MPLCONFIGDIR": "matplotlib",
        "SPANBERT_TEACH_HOME": "my_lessons",
    }
    environment = {name: str(folder / place) for name, place in own.items()}
    return {
        **os.environ,
        **environment,
        "JUPYTER_TOKEN": token,
        "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel is this interpreter, not the user's
        "OMP_NUM_THREADS": "1",
    }


def _command(front_end: str, python: str, port: int, root: Path) -> list[str]:
    command = [python, "-m", "jupyterlab" if front_end == "lab" else "nbclassic"]
    if front_end == "lab":
        command += [
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=None",
            "--LabApp.extension_manager=readonly",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
    command += [
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return command


@contextmanager
def running(
    folder: Path, front_end: str = "lab", python: str = sys.executable, **environment: str
) -> Iterator[Server]:
    """A server for the length of a `with` block.

    Args:
        folder: an empty folder, for everything that Jupyter and the kernels write.
        front_end: `"lab"` or `"nbclassic"`.
        python: the interpreter of the environment to start; it must have the front end.
        environment: variables for the server and its kernels, on top of the caller's.

    Raises:
        RuntimeError: the server stopped or did not answer; with the end of its log.
    """
    root = folder / "root"
    root.mkdir(parents=True)
    for name, content in LAB_SETTINGS.items():
        place = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(content), encoding="utf-8")
    port, token = _free_port(), secrets.token_hex(16)
    server = Server(front_end, f"http://127.0.0.1:{port}", token, root)
    log = folder / "server.log"
    with open(log, "w", encoding="utf-8") as written:
        process = subprocess.Popen(
            _command(front_end, python, port, root),
            env={**_environment(folder, token), **environment},
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for_answer(server, process, log)
        yield server
        server.stop_kernels()
        server.ask("POST", "shutdown")
        process.wait(timeout=90)  # it waits for its kernels, which may be many
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_for_answer(server: Server, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            server.ask("GET", "status")
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    tail = log.read_text(encoding="utf-8", errors="replace")[-3000:]
    state = "stopped" if process.poll() is not None else f"did not answer in {START_SECONDS} s"
    raise RuntimeError(f"The {server.front_end} server {state}. The end of its log:\n{tail}")
