/* phase.js - the phase plot: time relative to a move's mark across, moves down; sends as ticks, what went wrong as marks, the
 * estimated window shaded with its interval, and the band of the cache. Above it the same, added up.
 */

const MARK_WORDS = {asked: "the asking", copy: "the begin of copying", flipped: "the flip", done: "the end", failed: "the failure"};
const PHASE = {strip: 70, gap: 10, bottom: 40, top: 24, tall: 16, low: 2, height: 760};

function phaseBands(g, p, x, top, bottom, left, right) {
  const clip = v => Math.max(left, Math.min(right, x(v)));
  if (p.cache_ns) {
    hatch(g, clip(0), top, clip(p.cache_ns) - clip(0), PHASE.strip, color("cache"));
    if (p.cache_ns <= p.to_ns) line(g, x(p.cache_ns), top, x(p.cache_ns), bottom, color("warning"), [2, 3]);
  }
  const w = p.window;
  if (!w) return;
  g.fillStyle = color("window");
  g.fillRect(clip(w.low_ns), top, Math.max(clip(w.high_ns) - clip(w.low_ns), 2), bottom - top);
  for (const edge of [w.low_ns, w.high_ns])
    if (edge >= p.from_ns && edge <= p.to_ns) line(g, x(edge), top, x(edge), bottom, color("violation"), [5, 3]);
  /* How long it may be, with its interval, as a bracket over the plot. */
  if (w.ci_low_ns === null || w.ci_high_ns === null || w.ci_high_ns === undefined) return;
  const mid = (w.low_ns + w.high_ns) / 2;
  line(g, clip(mid - w.ci_high_ns / 2), top - 6, clip(mid + w.ci_high_ns / 2), top - 6, color("violation"));
  g.fillStyle = color("violation");
  g.fillRect(clip(mid - w.ci_low_ns / 2), top - 8, Math.max(clip(mid + w.ci_low_ns / 2) - clip(mid - w.ci_low_ns / 2), 1), 4);
}

function phaseStrip(g, p, x, top, left) {
  const d = p.density || {}, sends = listOf(d.sends), bad = listOf(d.bad), most = sends.reduce((a, b) => Math.max(a, b), 1);
  const bottom = top + PHASE.strip;
  sends.forEach((n, i) => {
    const at = x(p.from_ns + i * d.bin_ns), w = Math.max(x(p.from_ns + (i + 1) * d.bin_ns) - at - (sends.length > 120 ? 0 : 1), .7);
    g.fillStyle = color("copying");
    g.fillRect(at, bottom - n / most * PHASE.strip, w, n / most * PHASE.strip);
    if (!bad[i]) return;
    const h = Math.max(Math.min(bad[i], n || bad[i]) / most * PHASE.strip, 2);
    g.fillStyle = color("violation");
    g.fillRect(at, bottom - h, w, h);
  });
  g.fillStyle = color("soft");
  g.textAlign = "right";
  g.fillText(fitted(g, left > 90 ? "all moves" : "all", left - 12), left - 8, bottom - PHASE.strip / 2);
  line(g, left, bottom, g.canvas.clientWidth - RIGHT, bottom, color("line"));
}

function phaseSends(g, rows, x, y, h) {
  g.fillStyle = color("tick");
  g.globalAlpha = h < 6 ? .55 : .8;
  rows.forEach((row, i) => {
    for (const ns of listOf(row.sends)) g.fillRect(x(ns) - .5, y(i) + h * .18, 1, Math.max(h * .64, 1));
  });
  g.globalAlpha = 1;
}

function phaseMarks(g, p, rows, x, y, h) {
  const points = [], group = new Map(listOf(data.classes).map(c => [c.class, c.group]));
  const index = new Map(listOf(data.classes).map((c, i) => [c.class, i]));
  for (const which of WORSE) {
    g.fillStyle = color(which);
    rows.forEach((row, i) => {
      for (const b of listOf(row.bad)) {
        if ((group.get(b.class) || "violation") !== which || b.ns < p.from_ns || b.ns > p.to_ns) continue;
        const px = x(b.ns), py = y(i) + h / 2;
        mark(g, which, px, py, h < 4 ? 1.9 : h < 8 ? 2.6 : 4.2);
        points.push({
          x: px, y: py, number: b.number,
          words: () => `move ${row.move} (${row.mailbox}), ${span(Math.abs(b.ns))} ${b.ns < 0 ? "before" : "after"} ${MARK_WORDS[p.mark] || p.mark}: ` +
            copyWords(b.number, b.token, index.has(b.class) ? index.get(b.class) : b.class),
        });
      }
    });
  }
  return points.reverse();
}

function phaseAxis(g, p, x, top, bottom, width, left) {
  for (const tick of timeTicks(p.from_ns, p.to_ns, width - left)) {
    line(g, x(tick), top, x(tick), bottom + 4, color("line"));
    g.fillStyle = color("soft");
    g.textAlign = "center";
    g.fillText((tick > 0 ? "+" : "") + span(tick), x(tick), bottom + 14);
  }
  g.fillStyle = color("ink");
  g.fillText(MARK_WORDS[p.mark] || p.mark, x(0), bottom + 30);
}

function phaseLegend(p, rows) {
  const group = new Map(listOf(data.classes).map(c => [c.class, c.group]));
  const seen = new Set(rows.flatMap(r => listOf(r.bad).map(b => group.get(b.class) || "violation")));
  const items = [{ink: color("tick"), tick: 1.6, text: "a send"}];
  for (const k of WORSE.slice().reverse()) if (seen.has(k)) items.push({group: k, text: GROUP_WORDS[k]});
  if (p.window) items.push({ink: color("window"), text: "estimated window; bracket: its length with 95 % interval"});
  if (p.cache_ns) items.push({ink: color("cache"), hatched: true, text: "lifetime of the cache, " + span(p.cache_ns) + ", to the dotted line"});
  legend("phase-legend", items);
}

function drawPhase() {
  const p = data.phase, rows = listOf(p && p.rows), any = rows.length > 0 && p.to_ns > p.from_ns;
  part("phase-pictures").hidden = !any;
  if (!any) return;
  const h = Math.max(PHASE.low, Math.min(PHASE.tall, PHASE.height / rows.length));
  const stripTop = PHASE.top, top = PHASE.top + PHASE.strip + PHASE.gap;
  const {canvas, g, width, height} = canvasOf("phase-plot", top + rows.length * h + PHASE.bottom);
  const left = gutter(), right = width - RIGHT, bottom = height - PHASE.bottom;
  const x = ns => left + (ns - p.from_ns) / (p.to_ns - p.from_ns) * (right - left), y = i => top + i * h;
  g.fillStyle = color("panel");
  g.fillRect(left, top, right - left, bottom - top);
  phaseAxis(g, p, x, stripTop, bottom, width, left);
  phaseBands(g, p, x, stripTop, bottom, left, right);
  phaseStrip(g, p, x, stripTop, left);
  g.save();
  g.beginPath();
  g.rect(left, top, right - left, bottom - top);
  g.clip();
  phaseSends(g, rows, x, y, h);
  g.restore();
  g.lineWidth = 1.5;
  line(g, x(0), stripTop, x(0), bottom + 4, color("ink"));
  g.lineWidth = 1;
  tips(canvas, phaseMarks(g, p, rows, x, y, h));
  rowNames(g, rows, h, top, left, row => row.mailbox, row => row.move);
  phaseLegend(p, rows);
}
