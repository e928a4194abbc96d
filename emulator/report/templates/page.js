"use strict";
// Draws the evidence of a pass when somebody opens it. Text goes in as text, never as markup.
(() => {
  const MARK = { out: "→ out", back: "← back", in: "← in", reply: "→ reply", both: "↔ out or back" };

  const make = (name, text, kind) => {
    const node = document.createElement(name);
    if (text !== undefined && text !== "") node.textContent = text;
    if (kind) node.className = kind;
    return node;
  };

  const table = (rows) => {
    const list = make("dl");
    for (const [name, value, shape] of rows) {
      if (value === undefined || value === "" || value === 0) continue;
      const held = make("dd");
      held.append(shape === "pre" ? make("pre", String(value)) : make("span", String(value), shape));
      list.append(make("dt", name), held);
    }
    return list;
  };

  const same = (one, other) => Array.isArray(one) && Array.isArray(other) && one[0] === other[0] && one[1] === other[1];
  const digest = (one, others) => {
    if (!one) return "";
    const said = `${one[0]} bytes, sha256 ${one[1]}…`;
    return others.some((other) => same(one, other)) ? `${said} = other end` : said;
  };

  const near = (flow, far) => {
    const seen = flow.near || {};
    const received = far.flatMap((one) => [one.received, ...(one.seen || []).map((item) => item.request)]);
    const sent = far.flatMap((one) => [one.sent, ...(one.seen || []).map((item) => item.response)]);
    const box = make("div");
    box.append(make("h4", flow.inward ? "Outside: what the emulator saw, which dialled" : "Inside: what the probe saw"));
    box.append(table([
      ["ended", `${seen.stage}: ${seen.ending} after ${seen.took || "0 s"}`],
      ["in words", seen.detail],
      ["from", seen.local, "mono"], ["to", seen.remote, "mono"],
      ["steps", seen.steps],
      ["sent", digest(seen.sent, received), "mono"],
      ["received", digest(seen.received, sent), "mono"],
      ["ICMP", seen.icmp], ["TLS", seen.tls], ["certificate", seen.certificate],
      ["client random", seen.random && `${seen.random}…`, "mono"],
      ["HTTP status", seen.http], ["proxy status", seen.proxy],
      ["facts", seen.facts], ["first bytes", seen.head, "pre"],
    ]));
    for (const [what, request, response] of seen.exchanged || []) {
      box.append(table([
        ["exchange", what, "mono"],
        ["question", digest(request, received), "mono"],
        ["answer", digest(response, sent), "mono"],
      ]));
    }
    return box;
  };

  const receipt = (one, seen) => {
    const box = make("div");
    box.append(table([
      ["receipt", `${one.what || ""}, ${one.state}, ${one.at || "0 s"} into the pass`],
      ["at", one.local, "mono"], ["from", one.peer, "mono"],
      ["received", digest(one.received, [seen.sent]), "mono"],
      ["sent", digest(one.sent, [seen.received]), "mono"],
      ["TLS", one.tls], ["client random", one.random && `${one.random}…`, "mono"],
      ["facts", one.facts], ["end", one.end], ["error", one.error],
    ]));
    const requests = (seen.exchanged || []).map((item) => item[1]);
    const answers = (seen.exchanged || []).map((item) => item[2]);
    for (const item of one.seen || []) {
      box.append(table([
        ["saw", item.line, "mono"], ["tag", item.tag, "mono"], ["at", item.at], ["headers", item.headers, "pre"],
        ["question", digest(item.request, requests), "mono"], ["answer", digest(item.response, answers), "mono"],
        ["facts", item.facts],
      ]));
    }
    if (one.more) box.append(make("p", `and ${one.more} more exchanges; run.json has all`));
    return box;
  };

  const outside = (flow, far, control) => {
    const box = make("div");
    box.append(make("h4", flow.inward ? "Inside: what arrived at the probe" : "Outside: what the emulator saw"));
    if (!far.length) {
      box.append(make("p", control === "up" ? "Nothing of this flow arrived." : "The far end could not be asked."));
    }
    for (const one of far) box.append(receipt(one, flow.near || {}));
    return box;
  };

  const fill = (flow, held, control) => {
    const body = make("div");
    const far = (flow.far || []).map((id) => held.receipts[id]).filter(Boolean);
    const way = MARK[flow.way] ? `, ${MARK[flow.way]}` : "";
    const device = flow.device ? `, ${flow.device}` : "";
    body.append(make("p", `${flow.verdict} (${flow.certainty}): ${held.meanings[flow.verdict] || ""}${way}${device}`, "decided"));
    body.append(make("p", `Rule “${flow.rule || "none"}”${flow.detail ? `: ${flow.detail}` : ""}. Both ends joined by: ${flow.joined || "nothing"}${flow.tag ? `; announced tag: ${flow.tag}` : ""}.`, "decided"));
    body.append(make("p", [
      flow.speaks, flow.to + (flow.tls ? " inside TLS" : ""), flow.via && `through ${flow.via}`,
      flow.agent && `User-Agent ${flow.agent}`, flow.extra && "recorded: decides no outcome", flow.emulated && "emulated",
    ].filter(Boolean).join(" · "), "decided quiet"));
    const ends = make("div", "", "ends");
    ends.append(near(flow, far), outside(flow, far, control));
    body.append(ends);
    return body;
  };

  const open = (box) => {
    const held = JSON.parse(document.getElementById(box.dataset.source).textContent);
    const list = box.querySelector(".list");
    const input = box.querySelector("input");
    const select = box.querySelector("select");
    const count = box.querySelector("output");
    const counts = new Map();
    const items = held.flows.map((flow) => {
      counts.set(flow.verdict, (counts.get(flow.verdict) || 0) + 1);
      const item = make("details");
      const summary = make("summary");
      const passed = flow.verdict === "pass";
      summary.append(make("b", `${passed ? "✓" : flow.way ? "✕" : "?"} ${flow.verdict}`, passed ? "pass" : flow.way ? "stop" : "open"));
      summary.append(make("span", flow.id, "mono"), make("span", flow.to, "mono quiet"));
      item.append(summary);
      item.addEventListener("toggle", () => { if (item.open && item.children.length === 1) item.append(fill(flow, held, box.dataset.control)); });
      const text = [flow.id, flow.verdict, flow.speaks, flow.to, flow.device, flow.rule, flow.detail, flow.via, flow.agent].join(" ").toLowerCase();
      return { item, text, verdict: flow.verdict };
    });
    for (const [verdict, number] of [...counts].sort((one, other) => other[1] - one[1])) {
      const choice = make("option", `${verdict} (${number})`);
      choice.value = verdict;
      select.append(choice);
    }
    const sift = () => {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { item, text, verdict } of items) {
        const keep = (!select.value || select.value === verdict) && wanted.every((word) => text.includes(word));
        item.hidden = !keep;
        shown += keep ? 1 : 0;
      }
      count.textContent = `${shown} of ${items.length} flows`;
    };
    list.replaceChildren(...items.map((one) => one.item));
    input.addEventListener("input", sift);
    select.addEventListener("change", sift);
    sift();
  };

  for (const box of document.querySelectorAll("details.flows")) {
    box.hidden = false;
    let drawn = false;
    box.addEventListener("toggle", () => { if (box.open && !drawn) { drawn = true; open(box); } });
  }
})();
