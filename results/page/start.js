/* start.js - draws, sorts, opens what a link names, and switches light and dark. A hash may name several things: #story-3,theme=dark */

const root = document.documentElement;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function drawAll() {
  while (charts.length) charts.pop().destroy();
  drawFlow();
  drawTimeline();
  drawPhase();
  drawAim();
  drawLatency();
  part("theme").textContent = isDark() ? "Light" : "Dark";
  part("theme").setAttribute("aria-label", "Switch to " + (isDark() ? "light" : "dark") + " colours");
}

function setTheme(theme) {
  if (root.dataset.theme === theme) return;
  root.dataset.theme = theme;
  drawAll();
}

/* ---- what a link names is opened and shown */

function openHash() {
  for (const word of decodeURIComponent(location.hash.slice(1)).split(",")) {
    if (word === "theme=dark" || word === "theme=light") {
      setTheme(word.slice(6));
      continue;
    }
    const target = word && document.getElementById(word);
    if (!target) continue;
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    target.scrollIntoView();
  }
}

/* ---- tables that sort: by data-v where a cell has it, else by its words */

function cellKey(row, column) {
  const cell = row.cells[column];
  return cell.dataset.v !== undefined ? Number(cell.dataset.v) : cell.textContent;
}

function sortBy(table, column, up) {
  const body = table.tBodies[0], rows = Array.from(body.rows, row => [cellKey(row, column), row]);
  rows.sort(([a], [b]) => {
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", {numeric: true});
    return up ? order : -order;
  });
  body.append(...rows.map(([, row]) => row));
  Array.from(table.tHead.rows[0].cells, (th, i) => {
    if (i === column) th.setAttribute("aria-sort", up ? "ascending" : "descending");
    else th.removeAttribute("aria-sort");
  });
}

function makeSortable(table) {
  Array.from(table.tHead.rows[0].cells, (th, column) => {
    const button = element("button", th.textContent);
    button.type = "button";
    button.addEventListener("click", () => sortBy(table, column, th.getAttribute("aria-sort") !== "ascending"));
    th.textContent = "";
    th.append(button);
  });
}

/* ---- the command that repeats the run */

function offerCopy() {
  const button = part("copy");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const said = () => { button.textContent = "Copied"; };
    const range = document.createRange();
    range.selectNodeContents(part("rerun"));
    getSelection().removeAllRanges();
    getSelection().addRange(range); /* and whoever may not write the clipboard finds it selected */
    if (navigator.clipboard) navigator.clipboard.writeText(part("rerun").textContent).then(said, () => {});
  });
}

/* ---- paper is light; it shows what is unfolded, and pictures as they are on the screen, to its own width */

function beforePrint() {
  root.dataset.before = root.dataset.theme || "";
  setTheme("light");
}

function afterPrint() {
  if (root.dataset.before) setTheme(root.dataset.before);
  else delete root.dataset.theme;
  drawAll();
}

function start() {
  let width = innerWidth;
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  offerCopy();
  part("theme").hidden = false;
  part("theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (!root.dataset.theme) drawAll(); });
  addEventListener("hashchange", openHash);
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    drawAll();
  });
  addEventListener("beforeprint", beforePrint);
  addEventListener("afterprint", afterPrint);
  drawAll();
  openHash();
  root.dataset.ready = String(Math.round(performance.now()));
}

start();
