"use strict";
(() => {
  document.documentElement.classList.add("js");
  for (const form of document.querySelectorAll("form.filter")) {
    const table = document.getElementById(form.dataset.table);
    const rows = [...table.querySelectorAll("tbody tr[data-row]")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const shown = form.querySelector("output");
    const apply = () => {
      const wanted = [...form.elements].filter((field) => field.name && field.type !== "search" && field.value);
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      let count = 0;
      rows.forEach((row, at) => {
        const fits =
          wanted.every((field) => (field.dataset.many ? row.dataset[field.name].split(" ") : [row.dataset[field.name]]).includes(field.value)) &&
          words.every((word) => texts[at].includes(word));
        row.hidden = !fits;
        count += fits;
      });
      for (const body of table.tBodies) {
        const own = body.querySelectorAll("tr[data-row]");
        body.hidden = own.length > 0 && [...own].every((row) => row.hidden);
      }
      shown.textContent = count === rows.length ? `all ${rows.length} shown` : `${count} of ${rows.length} shown`;
    };
    let pending = 0;
    form.addEventListener("input", () => {
      clearTimeout(pending);
      pending = setTimeout(apply, 120);
    });
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
})();
