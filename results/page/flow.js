/* flow.js - four columns of boxes with ribbons between them: planned, how the send ended, class, verdict. */

const FLOW = {width: 1080, narrow: 720, label: 190, narrowLabel: 170, box: 12, height: 300, gap: 22, least: 2};
const STAGE_WORDS = {planned: "Planned by", sender: "How the send ended", fate: "What became of it", verdict: "Judged as"};

function flowGroup(id) {
  for (const c of listOf(data.classes)) if (id === c.class || id.endsWith(":" + c.class) || id.endsWith("/" + c.class)) return c.group;
  const tail = id.split(/[:/]/).pop();
  return SHAPES[tail] ? tail : "";
}

/* Boxes of a stage with their place from top to bottom; a box is never lower than its label. */
function flowPlaces(stages, total) {
  const places = new Map();
  let height = FLOW.height;
  stages.forEach((stage, column) => {
    let y = 40;
    const worse = box => WORSE.indexOf(flowGroup(box.id));
    const boxes = listOf(stage.boxes).filter(box => box.copies);
    for (const box of boxes.sort((a, b) => worse(a) - worse(b) || b.copies - a.copies)) {
      const h = Math.max(FLOW.least, box.copies / total * FLOW.height);
      places.set(box.id, {box, column, y, h, out: 0, in: 0, group: flowGroup(box.id)});
      y += Math.max(h, 16) + FLOW.gap;
    }
    height = Math.max(height, y);
  });
  return {places, height};
}

function flowRibbon(a, b, copies, x1, x2) {
  const ha = Math.max(a.h * copies / a.box.copies, 1), hb = Math.max(b.h * copies / b.box.copies, 1);
  const ya = a.y + Math.min(a.out, a.h), yb = b.y + Math.min(b.in, b.h), mid = (x1 + x2) / 2;
  a.out += a.h * copies / a.box.copies;
  b.in += b.h * copies / b.box.copies;
  return `M${x1} ${ya}C${mid} ${ya} ${mid} ${yb} ${x2} ${yb}V${yb + hb}C${mid} ${yb + hb} ${mid} ${ya + ha} ${x1} ${ya + ha}Z`;
}

function flowColor(group) {
  return color(group || "accepted");
}

/* Names of loads are as long as somebody made them. */
function labelled(text, letters) {
  return text.length <= letters ? text : text.slice(0, Math.max(3, Math.floor(letters) - 1)) + "\u2026";
}

function drawFlow() {
  const into = part("flow-picture"), stages = listOf(data.flow && data.flow.stages), links = listOf(data.flow && data.flow.links);
  into.textContent = "";
  const total = stages.length ? listOf(stages[0].boxes).reduce((n, b) => n + b.copies, 0) : 0;
  if (!total) return;
  const {places, height} = flowPlaces(stages, total), narrow = into.clientWidth < 900;
  const width = narrow ? FLOW.narrow : FLOW.width, room = narrow ? FLOW.narrowLabel : FLOW.label;
  const svg = drawing("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Flow of copies; the table below has the numbers"});
  const x = column => column * (width - room) / Math.max(1, stages.length - 1);
  stages.forEach((stage, column) => {
    svg.append(drawing("text", {x: x(column), y: 14, class: "soft"}, STAGE_WORDS[stage.name] || stage.name));
  });
  const ribbons = links.map(l => ({a: places.get(l.from), b: places.get(l.to), copies: l.copies})).filter(l => l.a && l.b && l.copies);
  ribbons.sort((l, m) => l.a.y - m.a.y || l.b.y - m.b.y); /* so that ribbons of a box do not cross at its edge */
  for (const {a, b, copies} of ribbons) {
    const ribbon = drawing("path", {
      d: flowRibbon(a, b, copies, x(a.column) + FLOW.box, x(b.column)), fill: flowColor(b.group || a.group), "fill-opacity": .25,
    });
    ribbon.append(drawing("title", {}, `${a.box.label} to ${b.box.label}: ${count(copies)}`));
    svg.append(ribbon);
  }
  for (const p of places.values()) {
    svg.append(drawing("rect", {x: x(p.column), y: p.y, width: FLOW.box, height: p.h, fill: flowColor(p.group)}));
    const name = labelled(p.box.label, (x(1) - x(0) - FLOW.box - 12) / 7.4 - count(p.box.copies).length);
    const label = drawing("text", {x: x(p.column) + FLOW.box + 6, y: p.y + Math.max(p.h / 2, 6) + 4}, name + " ");
    label.append(drawing("tspan", {class: "soft"}, count(p.box.copies)));
    svg.append(label);
  }
  into.append(svg);
}
