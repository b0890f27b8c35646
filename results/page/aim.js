/* aim.js - what adaptive aim learnt: bins of the phase as bars, as high as they had sends for their length; the edges it found.
 *
 * Bins grow by doubling away from the mark, so that across goes the root of time: near the mark there is room for the small ones.
 */

const AIM = {height: 150, top: 20, bottom: 34};

function drawAimed(aim, index) {
  const bins = listOf(aim.bins), canvasId = "aim-" + index;
  if (!part(canvasId) || bins.length === 0) return;
  part(canvasId).hidden = false;
  const {g, width, height} = canvasOf(canvasId, AIM.height), left = gutter(), right = width - RIGHT, bottom = height - AIM.bottom;
  const from = bins[0].from_ns, to = bins[bins.length - 1].to_ns;
  const x = ns => left + Math.sqrt(Math.max(0, Math.min(1, (ns - from) / (to - from)))) * (right - left);
  const tall = b => b.sends / Math.max(x(b.to_ns) - x(b.from_ns), 1), most = Math.max(...bins.map(tall), 1e-9);
  g.fillStyle = color("panel");
  g.fillRect(left, AIM.top, right - left, bottom - AIM.top);
  for (const b of bins) {
    const h = tall(b) / most * (bottom - AIM.top - 8), w = Math.max(x(b.to_ns) - x(b.from_ns) - 1, .7);
    g.fillStyle = color("copying");
    g.fillRect(x(b.from_ns), bottom - h, w, h);
    g.fillStyle = color("violation");
    g.fillRect(x(b.from_ns), bottom - h * b.losses / Math.max(b.sends, 1), w, h * b.losses / Math.max(b.sends, 1));
  }
  aimEdges(g, aim.window, x, bottom);
  aimAxis(g, aim, x, [from, to], bottom);
}

/* Each edge as a dashed line, with its interval as a bracket over the plot. */
function aimEdges(g, w, x, bottom) {
  if (!w) return;
  for (const [edge, interval] of [[w.begin_ns, w.begin_interval_ns], [w.end_ns, w.end_interval_ns]]) {
    const [low, high] = listOf(interval);
    line(g, x(edge), AIM.top - 6, x(edge), bottom, color("ink"), [5, 3]);
    g.lineWidth = 3;
    line(g, low === null || low === undefined ? x(-Infinity) : x(low), AIM.top - 8,
      high === null || high === undefined ? x(Infinity) : x(high), AIM.top - 8, color("ink"));
    g.lineWidth = 1;
  }
}

function aimAxis(g, aim, x, [from, to], bottom) {
  let free = -1e9;
  g.fillStyle = color("soft");
  g.textAlign = "center";
  const ticks = [0, .01, .04, .1, .2, .4, .7, 1].map(part => from + part * (to - from));
  for (const ns of ticks) {
    const text = (ns > 0 ? "+" : "") + span(ns), half = g.measureText(text).width / 2;
    if (x(ns) - half < free) continue;
    line(g, x(ns), bottom, x(ns), bottom + 4, color("soft"));
    g.fillText(text, x(ns), bottom + 14);
    free = x(ns) + half + 8;
  }
}

function drawAim() {
  Object.keys(data.aim || {}).forEach((load, index) => drawAimed(data.aim[load], index));
}
