// The table of events: order, filters and downloads. The page says all there is without it.
const eventTable = (() => {
  const holder = document.getElementById("events-data");
  if (!holder) return null;
  const data = JSON.parse(holder.textContent);
  const events = data.events;
  const table = document.getElementById("event-table");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const filters = document.getElementById("filters");
  const shownText = document.getElementById("shown");
  const verdicts = new Map(); // number of an event: {label, note}
  let key = "onset";
  let sign = 1;

  const value = (number) => {
    const event = events[number];
    if (key === "verdict") return verdicts.has(number) ? verdicts.get(number).label : null;
    if (key === "stations") return event.stations.join(" ");
    return event[key];
  };
  const compare = (one, two) => {
    const a = value(one);
    const b = value(two);
    if (a === b) return one - two;
    if (a === null || a === undefined) return 1; // nothing known comes last in both directions
    if (b === null || b === undefined) return -1;
    return (a < b ? -1 : 1) * sign;
  };
  const passes = (number) => {
    const event = events[number];
    const wanted = filters.elements;
    const cell = rows[number].cells;
    if (wanted.label.value && cell[2].dataset.label !== wanted.label.value) return false;
    if (wanted.station.value && !cell[11].dataset.stations.split(" ").includes(wanted.station.value)) return false;
    if (wanted.kind.value && (wanted.kind.value === "doubt") !== event.doubt) return false;
    if (wanted.p.value && !(event.p >= Number(wanted.p.value))) return false;
    if (wanted.snr.value && !(event.snr >= Number(wanted.snr.value))) return false;
    return !wanted.verdict.value || (wanted.verdict.value === "done") === verdicts.has(number);
  };
  let order = events.map((_, number) => number);
  const show = () => {
    order = events.map((_, number) => number).filter(passes).sort(compare);
    const chosen = new Set(order);
    rows.forEach((row, number) => { row.hidden = !chosen.has(number); });
    body.append(...order.map((number) => rows[number]));
    shownText.textContent = order.length + " of " + events.length + " shown";
    for (const head of table.tHead.rows[0].cells) {
      const is = head.dataset.key === key;
      head.ariaSort = is ? (sign > 0 ? "ascending" : "descending") : null;
    }
  };
  const sortBy = (wanted, direction) => {
    sign = direction || (wanted === key ? -sign : 1);
    key = wanted;
    show();
  };
  for (const head of table.tHead.rows[0].cells) {
    if (!head.dataset.key) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => sortBy(head.dataset.key));
  }
  filters.addEventListener("input", show);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.hidden = document.getElementById("actions").hidden = false;

  const save = (name, type, text) => {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  };
  let files = null;
  const unpack = async () => {
    if (files) return files;
    const packed = document.getElementById("events-files").textContent;
    const bytes = Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    files = JSON.parse(await new Response(stream).text());
    return files;
  };
  const places = new Map(); // number of an event: place among those that are in the files
  events.forEach((event, number) => { if (!event.doubt) places.set(number, places.size); });
  const chosenEvents = () => order.filter((number) => places.has(number));
  const asCsv = async () => {
    const found = await unpack();
    return found.head + chosenEvents().map((number) => found.rows[places.get(number)]).join("");
  };
  const asQuakeml = async () => {
    const found = await unpack();
    const kept = new Set(chosenEvents().map((number) => events[number].id));
    const tree = new DOMParser().parseFromString(found.quakeml, "application/xml");
    for (const event of Array.from(tree.getElementsByTagNameNS("*", "event"))) {
      if (!kept.has(event.getAttribute("publicID").split("/").pop())) event.remove();
    }
    const text = new XMLSerializer().serializeToString(tree.documentElement);
    return "<?xml version='1.0' encoding='utf-8'?>\n" + text + "\n";
  };
  const told = (promise) => promise.catch((error) => { shownText.textContent = String(error); });
  const csv = () => told(asCsv().then((text) => save("events.csv", "text/csv", text)));
  const quakeml = () => told(asQuakeml().then((text) => save("events.xml", "application/xml", text)));
  document.getElementById("actions").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && button.dataset.do === "csv") csv();
    if (button && button.dataset.do === "quakeml") quakeml();
  });
  show();
  return { data, events, rows, verdicts, show, sortBy, save, asCsv, asQuakeml, order: () => order };
})();
