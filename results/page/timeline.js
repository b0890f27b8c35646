/* timeline.js - rates, lanes of moves with a dot for each copy, lateness and queues over one axis of time. */

const LANES = {top: 22, others: 30, bottom: 26, tall: 18, low: 2, height: 720};
const SERVERS_MAX = 8;

function steps(values, t, scale) {
  const out = listOf(values).map((n, i) => ({x: t.start_ns + i * t.bin_ns, y: n === null ? null : n * scale}));
  if (out.length) out.push({x: t.end_ns, y: out[out.length - 1].y});
  return out;
}

function series(label, points, ink, dash, more) {
  return Object.assign({
    label, data: points, borderColor: color(ink), backgroundColor: color(ink), borderWidth: 1.6, borderDash: dash, pointRadius: 0,
    stepped: true,
  }, more);
}

/* The same lines and dashes as in the picture. */
function lineLegend(id, datasets) {
  legend(id, datasets.map(d => d.fill ? {ink: d.backgroundColor, text: d.label} : {ink: d.borderColor, dash: d.borderDash, text: d.label}));
}

function overTime(id, t, datasets, format) {
  chart(id, {
    type: "line", data: {datasets},
    options: {
      scales: {x: timeScale(t.start_ns, t.end_ns), y: valueScale("", format)},
      plugins: {
        legend: {display: false},
        tooltip: {callbacks: {title: items => clock(items[0].parsed.x), label: i => i.dataset.label + ": " + format(i.parsed.y)}},
      },
    },
  });
}

function drawRates(t) {
  const per = 1e9 / t.bin_ns, bins = t.bins || {};
  const datasets = [
    series("accepted", steps(bins.accepted, t, per), "accepted", []),
    series("refused", steps(bins.refused, t, per), "refused", [7, 3]),
    series("seen", steps(bins.seen, t, per), "seen", [2, 3]),
    series("offered", steps(bins.offered, t, per), "offered", [], {fill: true, borderWidth: 1, backgroundColor: color("line")}),
  ];
  lineLegend("rate-legend", datasets);
  overTime("chart-rate", t, datasets, v => (v >= 100 ? count(v) : short(v, 3)) + "/s");
}

function drawLateness(t) {
  const late = listOf(t.bins && t.bins.late_p99_us);
  part("late-part").hidden = !late.some(n => n > 0);
  if (late.some(n => n > 0)) overTime("chart-late", t, [series("late", steps(late, t, 1e3), "refused", [])], v => span(v));
}

function drawQueues(t) {
  const deepest = q => listOf(q.depth).reduce((a, b) => Math.max(a, b), 0);
  const queues = listOf(t.queues).filter(q => listOf(q.t_ns).length).sort((a, b) => deepest(b) - deepest(a)).slice(0, SERVERS_MAX);
  const inks = ["accepted", "refused", "seen", "open", "offered", "flipping", "invalid", "tick"];
  part("queue-part").hidden = queues.length === 0;
  if (queues.length === 0) return;
  const datasets = queues.map((q, i) => series(q.server, q.t_ns.map((x, k) => ({x, y: q.depth[k]})), inks[i],
    [[], [7, 3], [2, 3], [9, 3, 2, 3]][i % 4]));
  lineLegend("queue-legend", datasets);
  overTime("chart-queue", t, datasets, v => count(v));
}

/* ---- lanes */

function laneBar(g, m, x, y, h, end) {
  const last = m.done_ns !== null ? m.done_ns : m.failed_ns !== null ? m.failed_ns : end;
  const bar = (from, to, ink, height) => {
    if (from === null || to === null || to < from) return;
    g.fillStyle = color(ink);
    g.fillRect(x(from), y + (h - height) / 2, Math.max(x(to) - x(from), 1), height);
  };
  if (m.asked_ns === null) return;
  bar(m.asked_ns, m.copy_ns !== null ? m.copy_ns : m.flipped_ns !== null ? m.flipped_ns : last, "line", Math.max(h * .3, 1));
  bar(m.copy_ns, m.flipped_ns !== null ? m.flipped_ns : last, "copying", Math.max(h * .62, 1.4));
  bar(m.flipped_ns, last, "done", Math.max(h * .62, 1.4));
  if (m.flipped_ns !== null) {
    g.fillStyle = color("flipping");
    g.fillRect(x(m.flipped_ns) - 1, y + h * .08, 2, h * .84);
  }
  if (m.failed_ns !== null) {
    g.fillStyle = color("warning");
    mark(g, "invalid", x(m.failed_ns), y + h / 2, Math.max(3, Math.min(h / 2.6, 6)));
  }
}

/* Phases that begin together are named together. */
function lanePhases(g, t, x, width, height) {
  const at = new Map();
  for (const p of listOf(t.phases)) {
    const px = Math.round(x(p.t_ns));
    at.set(px, at.has(px) ? at.get(px) + ", " + p.name : p.name);
  }
  let free = -1e9;
  for (const [px, name] of at) {
    const room = g.measureText(name).width, left = Math.min(px, width - RIGHT - room);
    line(g, px, 16, px, height - LANES.bottom, color("offered"), [1, 3]);
    if (left < free) continue;
    g.fillStyle = color("soft");
    g.textAlign = "left";
    g.fillText(name, left, 8);
    free = left + room + 10;
  }
}

function laneDots(g, t, x, laneTop, laneHeight) {
  const classes = listOf(data.classes), points = [];
  for (const group of WORSE) {
    const r = group === "ok" ? 1.4 : laneHeight < 4 ? 1.8 : laneHeight < 8 ? 2.6 : 4;
    g.fillStyle = color(group);
    g.globalAlpha = group !== "ok" ? 1 : laneHeight < 4 ? .35 : .6;
    for (const d of listOf(t.dots)) {
      if ((classes[d[2]] ? classes[d[2]].group : "open") !== group) continue;
      const other = d[1] < 0, h = other ? LANES.others : laneHeight;
      const px = x(d[0]), py = laneTop(d[1]) + h * (h < 8 ? .5 : .2 + .6 * (d[3] * .6180339887 % 1));
      if (group === "ok") g.fillRect(px - r / 2, py - r, r, 2 * r);
      else mark(g, group, px, py, r);
      points.push({x: px, y: py, number: d[3], words: () => clock(d[0]) + ": " + copyWords(d[3], "", d[2])});
    }
  }
  g.globalAlpha = 1;
  return points.reverse(); /* the worst are found first */
}

function laneLabels(g, moves, laneTop, h, left) {
  g.textAlign = "right";
  g.fillStyle = color("soft");
  g.fillText("others", left - 8, laneTop(-1) + LANES.others / 2);
  rowNames(g, moves, h, laneTop(0), left, m => m.mailbox, m => m.id);
}

function drawLanes(t) {
  const moves = listOf(t.moves), h = Math.max(LANES.low, Math.min(LANES.tall, LANES.height / Math.max(moves.length, 1)));
  const {canvas, g, width, height} = canvasOf("lanes", LANES.top + LANES.others + moves.length * h + LANES.bottom);
  const left = gutter(), x = ns => left + (ns - t.start_ns) / Math.max(t.end_ns - t.start_ns, 1) * (width - left - RIGHT);
  const laneTop = i => i < 0 ? LANES.top : LANES.top + LANES.others + i * h;
  g.fillStyle = color("panel");
  g.fillRect(left, LANES.top, width - left - RIGHT, height - LANES.top - LANES.bottom);
  for (const tick of timeTicks(t.start_ns, t.end_ns, width - left)) {
    line(g, x(tick), LANES.top, x(tick), height - LANES.bottom + 4, color("line"));
    g.fillStyle = color("soft");
    g.textAlign = "center";
    g.fillText(clock(tick), x(tick), height - LANES.bottom + 14);
  }
  line(g, left, laneTop(0), width - RIGHT, laneTop(0), color("line"));
  moves.forEach((m, i) => laneBar(g, m, x, laneTop(i), h, t.end_ns));
  lanePhases(g, t, x, width, height);
  laneLabels(g, moves, laneTop, h, left);
  tips(canvas, laneDots(g, t, x, laneTop, h));
  const dotted = new Set(listOf(t.dots).map(d => (listOf(data.classes)[d[2]] || {}).group));
  legend("lanes-legend", (moves.length ? [
    {ink: color("line"), thin: true, text: "asked"}, {ink: color("copying"), text: "copying"},
    {ink: color("flipping"), tick: 3, text: "flipped"}, {ink: color("done"), text: "until done"},
  ] : []).concat(WORSE.slice().reverse().filter(k => dotted.has(k)).map(group => ({group, text: GROUP_WORDS[group]}))));
}

function drawTimeline() {
  const t = data.timeline;
  const any = t && t.bins && listOf(t.bins.offered).length > 0 && t.end_ns > t.start_ns;
  part("timeline-pictures").hidden = !any;
  if (!any) return;
  drawRates(t);
  drawLanes(t);
  drawLateness(t);
  drawQueues(t);
}
