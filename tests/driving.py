"""A page in a headless browser that is driven: keys, colour scheme, and all that it says or asks for meanwhile."""

import json
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browsing import BROWSER

OPTIONS = [option for option in BROWSER if not option.startswith(("--virtual-time", "--enable-logging"))]
CONTRAST = """(() => {
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const part = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * part(r / 255) + .7152 * part(g / 255) + .0722 * part(b / 255);
  const behind = node => { for (; node; node = node.parentElement) {
    const colour = numbers(getComputedStyle(node).backgroundColor);
    if (colour.length < 4 || colour[3] === 1) return colour; }
    return [255, 255, 255]; };
  const low = [];
  for (const node of document.querySelectorAll("body *:not(svg *, option, script)")) {
    if (![...node.childNodes].some(x => x.nodeType === 3 && x.data.trim()) || !node.getClientRects().length) continue;
    const [a, b] = [light(numbers(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) low.push(`${node.tagName} ${node.textContent.slice(0, 40)}: ${ratio.toFixed(2)}`); }
  return low; })()"""  # texts whose contrast is below what WCAG 2.1 asks for (AA)
IMAGES = """Promise.all([...document.images].map(x => { x.loading = "eager";
  return x.decode().then(() => "", () => x.alt || "an image"); })).then(broken => broken.filter(Boolean))"""


class Driven:
    """An open page; what its console said and what it asked for is collected."""

    def __init__(self, send: int, receive: int):
        self.send, self.receive, self.held, self.number = send, receive, b"", 0
        self.said: list[Any] = []
        self.asked: list[str] = []
        self.session: str | None = None
        self.loaded = False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict:
        """Send a command of the browser's protocol -> its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.send, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self.number:
                assert "error" not in found, found
                return found["result"]

    def _next(self) -> dict:
        while b"\0" not in self.held:
            part = os.read(self.receive, 1 << 20)
            assert part, "the browser is gone"
            self.held += part
        text, _, self.held = self.held.partition(b"\0")
        found = json.loads(text)
        match found.get("method"):
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.said.append(found["params"])
            case "Network.requestWillBeSent":
                self.asked.append(found["params"]["request"]["url"][:40])
            case "Page.loadEventFired":
                self.loaded = True
        return found

    def open(self, page: Path, width: int = 1280, scheme: str = "light") -> float:
        """Open a file in a window of so many pixels -> seconds until all of it was loaded."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.loaded, start = False, time.perf_counter()
        self.call("Page.navigate", url=page.resolve().as_uri())
        while not self.loaded:
            self._next()
        return time.perf_counter() - start

    def value(self, script: str) -> Any:
        """What a script in the page comes to."""
        found = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": "\r"} if key == "Enter" else {}
        number = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowRight": 39}[key]
        for kind in ("keyDown", "keyUp"):
            what = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": number}
            self.call("Input.dispatchKeyEvent", **what, **(text if kind == "keyDown" else {}))


@contextmanager
def driven() -> Iterator[Driven]:
    """Context with a browser that is driven through pipes."""
    (their_in, send), (receive, their_out) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = shlex.join([*OPTIONS, "--remote-debugging-pipe", f"--user-data-dir={profile}"])
        command = f"exec {command} 3<&{their_in} 4>&{their_out}"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(["bash", "-c", command], pass_fds=(their_in, their_out), **quiet)
        os.close(their_in), os.close(their_out)
        try:
            yield Driven(send, receive)
        finally:
            process.kill()
            process.wait()
            os.close(send), os.close(receive)
