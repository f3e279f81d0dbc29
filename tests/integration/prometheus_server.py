"""A real Prometheus with a history that a test writes beforehand."""

import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import absent, free_port


@contextmanager
def prometheus(folder: Path, history: str) -> Iterator[str]:
    """Back-fill `history` (OpenMetrics text without its end mark), start a server on it, yield its address."""
    server, tool = shutil.which("prometheus"), shutil.which("promtool")
    if server is None or tool is None:
        absent("Prometheus")
        return
    text, data, config = folder / "history.om", folder / "tsdb", folder / "prometheus.yml"
    text.write_text(history + "# EOF\n", encoding="utf-8")
    config.write_text("scrape_configs: []\n", encoding="utf-8")
    # Without the flag a history is cut into thousands of two-hour blocks.
    fill = [tool, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=504h", str(text), str(data)]
    subprocess.run(fill, check=True, capture_output=True)
    port = free_port()
    flags = [
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([server, *flags], stdout=log, stderr=log)
        try:
            _wait(f"http://127.0.0.1:{port}/-/ready", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "Prometheus ended while it started"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("Prometheus did not become ready in a minute")
