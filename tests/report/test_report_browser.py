"""The page in a real browser: evidence is drawn on demand, the filter filters, and the policy stops nothing of ours."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess

import pytest
from stored_run import CATALOG, one_pass, refused, run

from emulator.report import html

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=4000",
    "--dump-dom",
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt install chromium)")]

DRIVER = """
document.addEventListener("securitypolicyviolation", (event) => {
  document.body.dataset.violation = event.violatedDirective;
});
const box = document.querySelector("details.flows");
box.open = true;
setTimeout(() => {
  const said = {};
  const input = box.querySelector("input"), select = box.querySelector("select");
  const shown = () => box.querySelectorAll(".list > details:not([hidden])").length;
  said.all = shown();
  input.value = "RDP 3389"; input.dispatchEvent(new Event("input"));
  said.text = shown(); said.count = box.querySelector("output").textContent;
  const item = box.querySelector(".list > details:not([hidden])");
  item.open = true;
  input.value = ""; input.dispatchEvent(new Event("input"));
  select.value = "blocked.icmp"; select.dispatchEvent(new Event("change"));
  said.verdict = shown();
  setTimeout(() => { said.evidence = item.textContent; document.title = JSON.stringify(said); }, 50);
}, 50);
"""


def test_filter_and_evidence(tmp_path):
    record = one_pass("refused", refused)
    text = html.render(run(record), CATALOG)
    allowed = f"'sha256-{base64.b64encode(hashlib.sha256(DRIVER.encode()).digest()).decode()}'"
    text = text.replace("script-src ", f"script-src {allowed} ", 1).replace(
        "</body>", f"<script>{DRIVER}</script></body>"
    )
    page = tmp_path / "page.html"
    page.write_text(text, "utf-8")
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "data-violation" not in dom
    said = json.loads(re.search("<title>(.*?)</title>", dom)[1])
    assert said["all"] == len(record.judged)
    wanted = [item for item in record.judged if "rdp" in item.flow.id and item.flow.port == 3389]
    assert said["text"] == len(wanted) > 0
    assert said["count"] == f"{len(wanted)} of {len(record.judged)} flows"
    assert said["verdict"] == sum(item.verdict.verdict == "blocked.icmp" for item in record.judged)
    assert "Inside: what the probe saw" in said["evidence"]
    assert "Outside: what the emulator saw" in said["evidence"]
    assert "SYN never arrived" in said["evidence"]
