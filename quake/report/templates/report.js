"use strict";
// Comfort alone: the page says everything without it. A cell that is clicked, touched or reached
// with the arrow keys tells its text below the map.
(() => {
  const map = document.querySelector(".map");
  if (!map) return;
  const told = map.querySelector(".told");
  let chosen = null;
  const tell = (cell) => {
    if (!cell || !cell.title || cell.tagName !== "TD") return;
    if (chosen) chosen.classList.remove("chosen");
    chosen = cell;
    cell.classList.add("chosen");
    const station = cell.parentElement.querySelector("th").textContent;
    told.textContent = station + ", " + cell.title;
  };
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  map.addEventListener("click", (event) => tell(event.target.closest("td")));
  map.querySelector(".heat").addEventListener("keydown", (event) => {
    const by = step[event.key];
    if (!by || !chosen) return;
    const body = chosen.parentElement.parentElement;
    let row = chosen.parentElement.rowIndex - 2;
    let column = chosen.cellIndex;
    do {
      row += by[0];
      column += by[1];
      const cell = body.rows[row] && body.rows[row].cells[column];
      if (!cell) return;
      if (cell.title) {
        tell(cell);
        cell.scrollIntoView({ block: "nearest", inline: "nearest" });
        event.preventDefault();
        return;
      }
    } while (column > 0);
  });
})();
