/* latency.js - percentiles of latency: across, each step is one nine more; up, a logarithm. */

const NINES = [[0, "0"], [.5, "50 %"], [.9, "90 %"], [.99, "99 %"], [.999, "99.9 %"], [.9999, "99.99 %"], [.99999, "99.999 %"]];
const CURVES = {
  accept: ["accept", "accepted", []], deliver: ["deliver", "seen", []], end_to_end: ["end to end", "refused", [8, 3]],
  ndr: ["NDR", "open", [2, 3]], lateness: ["lateness of the generator", "offered", [9, 3, 2, 3]],
};

function nines(q) {
  return -Math.log10(1 - Math.min(q, 1 - 1e-6));
}

function percentile(x) {
  return short(100 * (1 - Math.pow(10, -x)), x > 3 ? 7 : 4) + " %";
}

/* Of the nines, those whose words do not run into the ones before. */
function roomyNines(most, width) {
  let free = -1e9;
  return NINES.map(n => ({value: nines(n[0]), half: n[1].length * 3.4 + 3})).filter(t => {
    const at = t.value / most * width;
    if (t.value > most + .01 || at - t.half < free) return false;
    free = at + t.half;
    return true;
  });
}

/* A thousand figures know three nines and no more: the greatest of them ends the curve. What took no time has no logarithm. */
function known(l) {
  const end = nines(1 - 1 / Math.max(l.count, 2)), points = l.curve.map(([q, us]) => ({x: nines(q / 1e6), y: us}));
  return points.filter(p => p.x < end).concat({x: end, y: l.max}).filter(p => p.y > 0);
}

function drawLatency() {
  const drawn = listOf(data.latency).filter(l => listOf(l.curve).length > 1);
  part("latency-pictures").hidden = drawn.length === 0;
  if (drawn.length === 0) return;
  const most = Math.max(...drawn.map(l => nines(1 - 1 / Math.max(l.count, 1))), 2);
  const datasets = drawn.map(l => {
    const [label, ink, dash] = CURVES[l.name] || [l.name, "tick", []];
    const points = known(l);
    return series(label, points, ink, dash, {stepped: false, borderWidth: 2});
  });
  lineLegend("latency-legend", datasets);
  chart("chart-latency", {
    type: "line", data: {datasets},
    options: {
      interaction: {mode: "nearest", axis: "x", intersect: false},
      scales: {
        x: {
          type: "linear", min: 0, max: most, grid: {color: color("line")},
          afterBuildTicks: axis => { axis.ticks = roomyNines(most, axis.chart.width - gutter() - RIGHT); },
          ticks: {callback: v => (NINES.find(n => Math.abs(nines(n[0]) - v) < .01) || ["", ""])[1], maxRotation: 0, autoSkip: false},
        },
        y: {
          type: "logarithmic", grid: {color: color("line")}, afterFit: axis => { axis.width = gutter(); },
          afterBuildTicks: axis => { axis.ticks = axis.ticks.filter(t => /^1(0*|e.*)$/.test(String(t.value))); },
          ticks: {callback: v => (v < 1e6 ? span(v * 1e3) : count(v / 1e6) + " s")},
        },
      },
      plugins: {
        legend: {display: false},
        tooltip: {callbacks: {title: items => percentile(items[0].parsed.x), label: i => i.dataset.label + ": " + span(i.parsed.y * 1e3)}},
      },
    },
  });
}
