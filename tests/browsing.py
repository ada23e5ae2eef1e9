"""A page in a headless browser: what it says of itself, and what it complains of."""

import json
import re
import subprocess
import tempfile
from html import unescape
from pathlib import Path

BROWSER = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync",
           "--enable-logging=stderr", "--virtual-time-budget=10000"]  # fmt: skip
# What the page cannot say of itself: which images are broken, and what was asked of the network.
PROBE = """<script>addEventListener("load", () => {
  const state = {images: [...document.images].map(i => i.naturalWidth), wide: document.documentElement.scrollWidth,
    view: innerWidth, requests: performance.getEntriesByType("resource").map(r => r.name.slice(0, 30))};
  document.body.innerHTML = "<pre id=probe>" + JSON.stringify(state) + "</pre>"; })</script>"""


def browse(page: Path, *options: str) -> subprocess.CompletedProcess:
    """Open a file; what comes back is what the options ask for, on stdout, and the log on stderr."""
    with tempfile.TemporaryDirectory() as profile:
        command = [*BROWSER, f"--user-data-dir={profile}", *options, page.resolve().as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)


def complaints(log: str) -> list[str]:
    """Lines of the console."""
    return [line for line in log.splitlines() if "CONSOLE" in line]


def probed(browser, page: Path, width: int) -> dict:
    """State of a page, from a copy without its policy and with a script that looks, in a window of so many pixels."""
    copy = page.with_name("probed.html")
    bare = re.sub("<meta http-equiv.*?>", "", page.read_text(encoding="utf-8"))
    copy.write_text(bare.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    run = browser(copy, "--dump-dom", f"--window-size={width},900")
    assert not complaints(run.stderr)
    return json.loads(unescape(re.search(r'<pre id="probe">(.*?)</pre>', run.stdout)[1]))
