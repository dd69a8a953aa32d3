// The review: an analyst goes through events with the keyboard, and takes a label table along.
const eventReview = (() => {
  if (!eventTable) return null;
  const { data, events, rows, verdicts } = eventTable;
  const dialog = document.getElementById("review");
  const stage = document.getElementById("stage");
  const other = document.getElementById("other");
  const note = document.getElementById("note");
  const classes = data.classes.filter((name) => name !== "noise");
  const seconds = (text) => Date.parse(text.replace(/(\.\d{3})\d*Z$/, "$1Z")) / 1000;
  let at = null; // number of the event that is shown
  let list = []; // what is gone through, in the order in which the table was

  const memory = {
    name: "quake-review:" + data.key,
    read() {
      try { return JSON.parse(localStorage.getItem(this.name)) || {}; } catch { return {}; }
    },
    write() {
      const found = {};
      for (const [number, verdict] of verdicts) found[events[number].id] = verdict;
      try { localStorage.setItem(this.name, JSON.stringify(found)); } catch { /* not kept */ }
    },
  };
  const known = memory.read();
  events.forEach((event, number) => {
    const verdict = known[event.id];
    if (verdict && typeof verdict.label === "string") verdicts.set(number, verdict);
  });

  const words = (number) => {
    const verdict = verdicts.get(number);
    if (!verdict) return "";
    const said = verdict.label === events[number].label ? "\u2713 " + verdict.label : verdict.label;
    return said + (verdict.note ? " \u00b7 " + verdict.note : "");
  };
  const mark = (number) => {
    const cells = rows[number].cells;
    cells[cells.length - 1].textContent = words(number);
  };
  const tell = () => {
    const place = list.indexOf(at) + 1;
    document.getElementById("place").textContent = place + " of " + list.length + ", " + verdicts.size + " reviewed";
    document.getElementById("verdict").textContent = words(at);
    note.value = (verdicts.get(at) || {}).note || "";
    other.value = "";
  };
  const open = (number) => {
    at = number;
    const card = document.getElementById("event-" + (number + 1)).cloneNode(true);
    card.removeAttribute("id");
    stage.replaceChildren(card);
    tell();
    if (!dialog.open) dialog.showModal();
    dialog.focus();
  };
  const step = (by) => {
    const place = list.indexOf(at) + by;
    if (place >= 0 && place < list.length) open(list[place]);
  };
  const decide = (label) => {
    verdicts.set(at, { label, note: note.value.trim() });
    memory.write();
    mark(at);
    tell();
    step(1);
  };
  const undo = () => {
    verdicts.delete(at);
    memory.write();
    mark(at);
    tell();
  };
  const keepNote = () => {
    const verdict = verdicts.get(at);
    if (!verdict) return;
    verdict.note = note.value.trim();
    memory.write();
    mark(at);
    document.getElementById("verdict").textContent = words(at);
  };
  const begin = (number, those) => {
    list = those;
    open(number);
  };
  const start = () => {
    eventTable.sortBy("margin", 1);
    const those = eventTable.order().slice();
    if (!those.length) return;
    const open_ones = those.filter((number) => !verdicts.has(number));
    begin(open_ones.length ? open_ones[0] : those[0], those);
  };

  // A row of noise must not show an event: it ends before the next one and begins after the last.
  const LEAST_S = 20;
  const GUARD_S = 2;
  const busy = (set) => {
    const times = [];
    events.forEach((event, number) => {
      const verdict = verdicts.get(number);
      const is = verdict ? verdict.label !== "noise" : !event.doubt;
      if (is && event.sets.includes(set)) times.push([seconds(event.onset), seconds(event.end)]);
    });
    return times;
  };
  const quietPart = (row) => {
    let start = seconds(row.start);
    let end = seconds(row.end);
    const onset = seconds(row.onset);
    for (const [first, last] of busy(row.channel_set)) {
      if (first <= onset && last + GUARD_S > start) start = last + GUARD_S;
      if (first > onset && first - GUARD_S < end) end = first - GUARD_S;
    }
    if (end - start < LEAST_S) return null;
    const iso = (time) => new Date(Math.round(time * 1000)).toISOString();
    return { ...row, start: iso(start), end: iso(end) };
  };
  const HEAD = ["path", "start", "end", "label", "event_id", "record", "p_time", "network", "station",
    "source", "snr_db", "verdict", "was", "probability", "note", "model"];
  const quoted = (value) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  const lines = (number) => {
    const event = events[number];
    const verdict = verdicts.get(number);
    const isNoise = verdict.label === "noise";
    const found = isNoise ? event.rows.map(quietPart).filter((row) => row) : event.rows;
    const said = isNoise ? "noise" : verdict.label === event.label ? "accepted" : "changed";
    return found.map((row) => [
      row.path, row.start, row.end, verdict.label, event.id, event.id + " " + row.channel_set,
      isNoise ? "" : row.onset, row.network, row.station, data.source, row.snr_db, said,
      event.label, event.p, verdict.note || "", event.model,
    ].map(quoted).join(",") + "\n");
  };
  const labelTable = () => {
    const numbers = Array.from(verdicts.keys()).sort((a, b) => a - b);
    return HEAD.join(",") + "\n" + numbers.flatMap(lines).join("");
  };
  const download = () => {
    const n = verdicts.size;
    const without = Array.from(verdicts.keys()).filter((number) => !lines(number).length).length;
    eventTable.save("reviewed.csv", "text/csv", labelTable());
    const text = n + " reviewed" + (without ? ", " + without + " without a row: no file, or too near to an event" : "");
    document.getElementById("shown").textContent = text;
    if (dialog.open) document.getElementById("verdict").textContent = text;
  };

  const actions = {
    review: start,
    labels: download,
    close: () => dialog.close(),
    accept: () => decide(events[at].label),
    noise: () => decide("noise"),
    class: (button) => decide(classes[Number(button.dataset.class)]),
    previous: () => step(-1),
    next: () => step(1),
    undo,
  };
  for (const place of [document.getElementById("actions"), dialog]) {
    place.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      const action = button && actions[button.dataset.do];
      if (action) action(button);
    });
  }
  const keys = {
    a: actions.accept, Enter: actions.accept, n: actions.noise, j: actions.next, k: actions.previous,
    ArrowRight: actions.next, ArrowLeft: actions.previous, u: undo, d: download, Escape: actions.close,
    o: () => other.focus(), m: () => note.focus(),
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.tagName === "INPUT") {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      if (event.target === other && event.key === "Enter" && other.value.trim()) {
        decide(other.value.trim().toLowerCase().replace(/[\s-]+/g, "_"));
      } else if (event.target === note) keepNote();
      dialog.focus();
      return;
    }
    if (event.target.tagName === "BUTTON" && (event.key === "Enter" || event.key === " ")) return;
    const number = Number(event.key);
    const action = number >= 1 && number <= classes.length ? () => decide(classes[number - 1]) : keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  note.addEventListener("change", keepNote);
  dialog.addEventListener("close", eventTable.show);
  rows.forEach((row, number) => {
    row.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      begin(number, eventTable.order().slice());
    });
    mark(number);
  });
  dialog.tabIndex = -1;
  document.getElementById("about-review").hidden = false;
  eventTable.show();
  return { labelTable };
})();
