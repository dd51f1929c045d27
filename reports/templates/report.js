"use strict";
(() => {
  const make = (tag, options, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(options || {})) {
      if (name === "class") element.className = value; else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const settled = (load) => { const found = new Map(); return (key) => { if (!found.has(key)) found.set(key, load(key)); return found.get(key); }; };

  // --- theme
  const button = document.getElementById("theme");
  if (button) {
    const themes = ["auto", "light", "dark"];
    let theme = 0;
    const show = () => {
      if (theme) document.documentElement.dataset.theme = themes[theme]; else delete document.documentElement.dataset.theme;
      button.textContent = `Theme: ${themes[theme]}`;
    };
    button.addEventListener("click", () => { theme = (theme + 1) % 3; show(); });
    button.hidden = false;
    show();
  }

  // --- transcripts: base64 of gzip of JSON, unpacked when first unfolded
  const block = document.getElementById("evidence");
  const packed = new Map(block ? Object.entries(JSON.parse(block.textContent)) : []);
  const unpack = settled(async (key) => {
    const octets = Uint8Array.from(atob(packed.get(key)), (character) => character.charCodeAt(0));
    const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  });

  const branch = ([name, value, children], depth) => {
    const label = [make("span", {class: "k"}, name)];
    if (value !== null && value !== "") label.push(" ", make("span", {class: "v"}, value));
    if (!children.length) return make("li", null, ...label);
    const inner = make("details", depth < 2 ? {open: ""} : null, make("summary", null, ...label));
    inner.append(make("ul", null, ...children.map((child) => branch(child, depth + 1))));
    return make("li", null, inner);
  };

  const dump = (hex) => {
    const lines = [];
    for (let at = 0; at < hex.length; at += 32) {
      const pairs = hex.slice(at, at + 32).match(/../g);
      const text = pairs.map((pair) => { const code = parseInt(pair, 16); return code > 32 && code < 127 ? String.fromCharCode(code) : "."; });
      const columns = [pairs.slice(0, 8).join(" "), pairs.slice(8).join(" ")].join("  ").padEnd(49);
      lines.push(`${(at / 2).toString(16).padStart(4, "0")}  ${columns} ${text.join("")}`);
    }
    return lines.join("\n");
  };

  const unfold = (message) => {
    const facts = make("p", {class: "meta"}, make("span", null, `${message.src} → ${message.dst}`), make("span", null, `${message.size} octets`));
    if (message.open) facts.append(make("span", null, "shown decrypted"));
    const body = make("div", {class: "opened"}, facts);
    if (message.tree.length) body.append(make("ul", {class: "tree"}, ...message.tree.map((node) => branch(node, 0))));
    const cut = message.hex.length / 2 < message.size ? `\n… ${message.size - message.hex.length / 2} more octets` : "";
    if (message.hex) body.append(make("pre", {tabindex: "0", "aria-label": "Octets as on the wire"}, dump(message.hex) + cut));
    return body;
  };

  const rung = (message, left, right) => {
    const [, kind, rest] = message.text.match(/^([^:]*)(:?.*)$/s);
    const lane = make("span", {class: "lane"},
      make("span", {class: "sr"}, message.to ? `${left} to ${right}: ` : `${right} to ${left}: `),
      make("span", {class: "text"}, make("b", null, kind), rest));
    if (message.note) lane.append(make("span", {class: "note"}, message.note));
    const details = make("details", null, make("summary", null, make("span", {class: "at"}, message.at), lane));
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(unfold(message)); });
    return make("li", {class: message.to ? "to" : "from"}, details);
  };

  const draw = async (place) => {
    if (place.dataset.drawn || !("DecompressionStream" in window)) return;
    place.dataset.drawn = "yes";
    const {messages, more} = await unpack(place.dataset.evidence);
    const {left, right} = place.dataset;
    const lanes = make("li", {class: "lanes", "aria-hidden": "true"}, make("span", null, left), make("span", null, right));
    const list = make("ol", {class: "ladder"}, lanes, ...messages.map((message) => rung(message, left, right)));
    if (more) list.append(make("li", {class: "muted"}, `… ${more} more messages; they are in the results file and the capture`));
    place.replaceChildren(list);
  };

  const tests = all(".test");
  const texts = new Map(tests.map((test) => [test, test.textContent.toLowerCase()]));
  const drawIn = (test) => Promise.all(all("[data-evidence]", test).map(draw));
  for (const test of tests) {
    const details = test.querySelector("details");
    details.addEventListener("toggle", (event) => { if (event.target === details && details.open) drawIn(test); });
    if (details.open) drawIn(test);
  }

  // --- filter
  const form = document.getElementById("filter");
  if (!form) return;
  const search = form.elements.namedItem("q");
  const counter = document.getElementById("shown");
  const groups = [...all(".section-group"), ...all(".doc-group"), ...all(".device-group")];
  const wanted = (test, words) => {
    for (const name of ["outcome", "doc", "level", "role", "dut"]) {
      const choice = form.elements.namedItem(name);
      if (!choice || !choice.value) continue;
      if (choice.value === "attention" ? ["pass", "not-applicable"].includes(test.dataset.outcome) : test.dataset[name] !== choice.value) return false;
    }
    return words.every((word) => texts.get(test).includes(word));
  };
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const test of tests) { test.hidden = !wanted(test, words); count += !test.hidden; }
    for (const group of groups) group.hidden = !group.querySelector(".test:not([hidden])");
    counter.textContent = count === tests.length ? `All ${count} tests` : `${count} of ${tests.length} tests`;
  };
  const clear = () => { form.reset(); apply(); };
  let waiting;
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 80); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  form.hidden = false;
  document.getElementById("status").hidden = false;
  apply();

  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape" && document.activeElement === search) clear();
  });
  for (const link of all("a[data-outcome]")) {
    link.addEventListener("click", () => {
      form.reset();
      form.elements.namedItem("outcome").value = link.dataset.outcome;
      const dut = form.elements.namedItem("dut");
      if (dut) dut.value = link.dataset.dut;
      apply();
    });
  }
  for (const action of ["expand", "collapse"]) {
    document.getElementById(action).addEventListener("click", () => {
      for (const test of tests) if (!test.hidden) test.querySelector("details").open = action === "expand";
    });
  }

  // --- a link to a test opens it
  const follow = () => {
    const test = document.querySelector(":target");
    if (!test || !test.classList.contains("test")) return;
    if (test.hidden) clear();
    test.querySelector("details").open = true;
    test.scrollIntoView();
  };
  addEventListener("hashchange", follow);
  // The browser finds the target of the address only after the page has been read.
  addEventListener("load", follow);
})();
