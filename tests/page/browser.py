"""browser.py - a headless Chromium that belongs to one test: DevTools over a pipe, nothing but Python's own library.

It keeps its profile in a folder of its own, reaches no network, and ends with the `with` block. All waits are bounded.
"""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find():
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    def __init__(self, wait_s=60):
        self.wait_s, self.next_id, self.rest = wait_s, 0, b""
        self.events, self.folder = [], tempfile.mkdtemp(prefix="page-")
        to_child, self.out = os.pipe()
        self.into, from_child = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--hide-scrollbars", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
                 "--disable-dev-shm-usage", "--force-color-profile=srgb", "--user-data-dir=" + self.folder]

        def pipes():  # DevTools reads from 3 and writes to 4
            low, high = os.dup(to_child), os.dup(from_child)
            os.dup2(low, 3)
            os.dup2(high, 4)

        with open(os.path.join(self.folder, "stderr"), "wb") as errors:
            self.process = subprocess.Popen([find(), *flags, "about:blank"], preexec_fn=pipes, close_fds=False,
                                            stdout=errors, stderr=errors, start_new_session=True)
        os.close(to_child)
        os.close(from_child)
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.do(domain + ".enable")
        self.do("Performance.enable", timeDomain="threadTicks")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.out)
        os.close(self.into)
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def receive(self, until):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.into], [], [], max(0, until - time.monotonic()))
            more = os.read(self.into, 1 << 20) if ready else b""
            if not more:
                raise TimeoutError("the browser does not answer")
            self.rest += more
        line, self.rest = self.rest.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, params=None, session=None):
        self.next_id += 1
        said = {"id": self.next_id, "method": method, "params": params or {}}
        if session:
            said["sessionId"] = session
        os.write(self.out, json.dumps(said).encode() + b"\0")
        until = time.monotonic() + self.wait_s
        while True:
            heard = self.receive(until)
            if heard.get("id") != self.next_id:
                self.events.append(heard)
            elif "error" in heard:
                raise RuntimeError(method + ": " + heard["error"]["message"])
            else:
                return heard["result"]

    def do(self, method, **params):
        return self.call(method, params, self.session)

    def paper(self, on):
        self.do("Emulation.setEmulatedMedia", media="print" if on else "")

    def view(self, width, height=900, dark=False):
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 700)
        self.do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def open(self, path, fragment=""):
        """Waits until the page says that it is ready. What happened since the last open is in self.events."""
        self.do("Page.navigate", url="about:blank")
        self.events.clear()
        self.do("Page.navigate", url="file://" + os.path.abspath(path) + fragment)
        until = time.monotonic() + self.wait_s
        while not self.ask("document.readyState === 'complete' && document.documentElement.dataset.ready || ''"):
            if time.monotonic() > until:
                raise TimeoutError(str(path) + ": never ready; " + str(self.complaints()))
            time.sleep(.02)
        self.settle()

    def cpu_ms(self):
        """What the page's thread has computed since it was opened: parsing, scripts, layout. What else the machine does is not in it."""
        metrics = {m["name"]: m["value"] for m in self.do("Performance.getMetrics")["metrics"]}
        return round(1000 * metrics["TaskDuration"])

    def settle(self):
        self.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def ask(self, expression):
        answer = self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"].get("exception", {}).get("description")))
        return answer["result"].get("value")

    def complaints(self):
        """What the page or the browser complained of: errors, warnings, exceptions, breaches of the policy."""
        out = []
        for ev in self.events:
            params = ev.get("params", {})
            if ev.get("method") == "Runtime.exceptionThrown":
                out.append(params["exceptionDetails"].get("exception", {}).get("description", "exception"))
            elif ev.get("method") == "Runtime.consoleAPICalled":
                out.append(str(params["args"]))
            elif ev.get("method") == "Log.entryAdded":
                out.append(params["entry"]["text"])
        return out

    def requests(self):
        """Addresses of what was asked for, without the page itself and data."""
        urls = [ev["params"]["request"]["url"] for ev in self.events if ev.get("method") == "Network.requestWillBeSent"]
        return [u for u in urls if not u.startswith(("data:", "about:"))]

    def picture(self, path, selector=None, margin=0):
        """A PNG of the whole page, or of one element of it."""
        size = self.do("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 12000)}
        if selector:
            box = self.ask("(() => { const b = document.querySelector(%s).getBoundingClientRect();"
                           "return [b.x + scrollX, b.y + scrollY, b.width, b.height]; })()" % json.dumps(selector))
            clip = {"x": max(0, box[0] - margin), "y": max(0, box[1] - margin), "width": box[2] + 2 * margin,
                    "height": box[3] + 2 * margin}
        shot = self.do("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=dict(clip, scale=1))
        with open(path, "wb") as f:
            f.write(base64.b64decode(shot["data"]))
