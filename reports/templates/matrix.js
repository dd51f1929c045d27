"use strict";
(() => {
  const box = document.getElementById("differ");
  if (!box) return;
  const rows = Array.from(document.querySelectorAll("tr[data-differs]"));
  const counter = document.getElementById("shown");
  const apply = () => {
    let count = 0;
    for (const row of rows) { row.hidden = box.checked && row.dataset.differs === "no"; count += !row.hidden; }
    for (const body of document.querySelectorAll("table.matrix tbody")) body.hidden = !body.querySelector("tr[data-differs]:not([hidden])");
    counter.textContent = count === rows.length ? `All ${count} tests` : `${count} of ${rows.length} tests`;
  };
  box.addEventListener("change", apply);
  document.getElementById("filter").hidden = false;
  apply();
})();
