"use strict";
/* page.js - what all pictures share: the data, colours, words for numbers, canvases, axes, shapes, tips.
 *
 * The page can be read without any of this; the scripts draw what a table beside it says, sort, and open what a link names. Text
 * enters the page as textContent or onto a canvas, never as markup. Drawn again when the width or the theme changes.
 */
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const SHAPES = { /* the same as in the tables, in a box of 16 by 16 */
  ok: "M8 2a6 6 0 1 0 .001 0z", warning: "M8 1.5 15 14H1z", violation: "M2 2h12v12H2z", open: "M8 .8 15.2 8 8 15.2.8 8z",
  invalid: "M3 1 8 6l5-5 2 2-5 5 5 5-2 2-5-5-5 5-2-2 5-5-5-5z",
};
const WORSE = ["ok", "warning", "open", "violation", "invalid"]; /* drawn in this order, so that the worst is on top */
const GROUP_WORDS = {
  ok: "in order", warning: "warning", open: "open", violation: "violation", invalid: "fault of the measurement",
};

function part(id) {
  return document.getElementById(id);
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function element(tag, text, className) {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

function drawing(tag, attributes, text) {
  const e = document.createElementNS(SVG, tag);
  for (const k in attributes) e.setAttribute(k, attributes[k]);
  if (text !== undefined) e.textContent = text;
  return e;
}

function listOf(x) {
  return Array.isArray(x) ? x : [];
}

/* ---- numbers in words */

function count(n) {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function short(n, digits) {
  return String(Number(n.toPrecision(digits)));
}

function span(ns) {
  const s = Math.abs(ns) / 1e9, sign = ns < 0 ? "\u2212" : "";
  if (s === 0) return "0";
  if (s < 1e-3) return sign + short(s * 1e6, 3) + " \u00b5s";
  if (s < 1) return sign + short(s * 1e3, 3) + " ms";
  if (s < 120) return sign + short(s, 3) + " s";
  if (s < 7200) return sign + Math.floor(s / 60) + " min" + (Math.round(s % 60) ? " " + Math.round(s % 60) + " s" : "");
  return sign + short(s / 3600, 3) + " h";
}

function clock(ns) {
  const ms = Math.round(ns / 1e6), two = n => String(n).padStart(2, "0");
  const base = Math.floor(ms / 3600000) + ":" + two(Math.floor(ms / 60000) % 60) + ":" + two(Math.floor(ms / 1000) % 60);
  return ms % 1000 ? base + "." + String(ms % 1000).padStart(3, "0") : base;
}

/* ---- axes: the same left edge for all that stands under one another */

const RIGHT = 26; /* half a label of the time axis */

function gutter() {
  return innerWidth < 740 ? 78 : 112;
}

function niceStep(range, ticks) {
  const raw = range / ticks;
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
  if (raw >= 1e9 && raw <= 86400e9) return steps.find(s => s * 1e9 >= raw) * 1e9;
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  return [1, 2, 5, 10].find(k => k * power >= raw) * power;
}

function timeTicks(from, to, width) {
  const out = [], step = niceStep(Math.max(to - from, 1), Math.max(2, width / (width < 500 ? 66 : 80)));
  for (let t = Math.ceil(from / step) * step; t <= to && out.length < 100; t += step) out.push(t);
  return out;
}

/* ---- canvases */

function canvasOf(id, height) {
  const canvas = part(id), ratio = window.devicePixelRatio || 1, width = canvas.parentNode.clientWidth;
  canvas.style.height = height + "px";
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.font = "12px " + getComputedStyle(document.body).fontFamily;
  g.textBaseline = "middle";
  return {canvas, g, width, height};
}

const PATHS = {};
for (const k in SHAPES) PATHS[k] = new Path2D(SHAPES[k]);

function mark(g, group, x, y, r) {
  g.save();
  g.translate(x - r, y - r);
  g.scale(r / 8, r / 8);
  g.fill(PATHS[group] || PATHS.open);
  g.restore();
}

/* Text that fits. What tells names apart stands at their end. */
function fitted(g, text, room) {
  if (g.measureText(text).width <= room) return text;
  let n = Math.min(text.length, 60);
  while (n > 1 && g.measureText("\u2026" + text.slice(-n)).width > room) n--;
  return "\u2026" + text.slice(-n);
}

/* Names of rows: of each where they have room, else of every second, fifth, tenth ... */
function rowNames(g, rows, height, top, left, name, id) {
  const each = [1, 2, 5, 10, 20, 50, 100].find(n => n * height >= 13) || 200;
  g.textAlign = "right";
  g.fillStyle = color("soft");
  if (left < 90) g.font = g.font.replace("12px", "11px");
  rows.forEach((row, i) => {
    if (i % each) return;
    g.fillText(fitted(g, each === 1 ? name(row) : (left > 90 ? "move " : "#") + id(row), left - 10), left - 8, top + (i + .5) * height);
  });
}

/* Fills a rectangle with thin strokes: a band that is told from a shade without its colour. */
function hatch(g, x, y, w, h, ink) {
  g.save();
  g.beginPath();
  g.rect(x, y, w, h);
  g.clip();
  g.strokeStyle = ink;
  g.lineWidth = 1;
  g.beginPath();
  for (let k = -h; k < w; k += 7) {
    g.moveTo(x + k, y + h);
    g.lineTo(x + k + h, y);
  }
  g.stroke();
  g.restore();
}

function line(g, x1, y1, x2, y2, ink, dash) {
  g.strokeStyle = ink;
  g.setLineDash(dash || []);
  g.beginPath();
  g.moveTo(x1, y1);
  g.lineTo(x2, y2);
  g.stroke();
  g.setLineDash([]);
}

/* ---- legends: shape, colour and word */

function legend(id, items) {
  const list = part(id);
  list.textContent = "";
  for (const item of items) {
    const li = element("li"), svg = drawing("svg", {viewBox: "0 0 22 16", "aria-hidden": "true"});
    if (item.group) svg.append(drawing("path", {d: SHAPES[item.group], fill: color(item.group), transform: "translate(3 0)"}));
    else if (item.tick) svg.append(drawing("path", {d: "M11 1v14", stroke: item.ink, "stroke-width": item.tick}));
    else if (item.hatched) svg.append(drawing("path", {d: "M1 15 8 1M8 15 15 1M15 15 22 1", stroke: item.ink, "stroke-width": 1.5}));
    else if (item.dash) svg.append(drawing("path", {d: "M0 8h22", stroke: item.ink, "stroke-width": 2.4, "stroke-dasharray": item.dash.join(" ")}));
    else svg.append(drawing("rect", {x: 0, y: item.thin ? 6 : 2, width: 22, height: item.thin ? 4 : 12, fill: item.ink}));
    li.append(svg, item.text);
    list.append(li);
  }
}

/* ---- tips: what is under the pointer, and a click leads to its story */

const storyOf = new Map(listOf(data.stories).map((number, index) => [number, index]).reverse());

function tips(canvas, points) {
  const tip = canvas.parentNode.querySelector(".tip");
  const nearest = event => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = null, least = 100;
    for (const p of points) {
      const d = (p.x - x) * (p.x - x) + (p.y - y) * (p.y - y);
      if (d < least) {
        least = d;
        best = p;
      }
    }
    return best;
  };
  canvas.onmousemove = event => {
    const p = nearest(event);
    tip.hidden = !p;
    canvas.style.cursor = p && storyOf.has(p.number) ? "pointer" : "";
    if (!p) return;
    tip.textContent = p.words();
    tip.style.left = Math.max(0, Math.min(p.x + 10, canvas.clientWidth - tip.offsetWidth - 4)) + "px";
    tip.style.top = p.y + 12 + "px";
  };
  canvas.onmouseleave = () => {
    tip.hidden = true;
  };
  canvas.onclick = event => {
    const p = nearest(event);
    if (p && storyOf.has(p.number)) location.hash = "story-" + storyOf.get(p.number);
  };
}

function copyWords(number, token, klass) {
  const c = listOf(data.classes)[klass];
  return (c ? c.class : klass) + ", message " + number + (token ? ", " + token : "") +
    (storyOf.has(number) ? " (click: its story)" : "");
}

/* ---- Chart.js in this page's manner */

const charts = [];

function chart(id, config) {
  Chart.defaults.animation = false;
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  Chart.defaults.color = color("soft");
  Chart.defaults.borderColor = color("line");
  config.options = Object.assign({
    responsive: true, maintainAspectRatio: false, interaction: {mode: "index", intersect: false},
    layout: {autoPadding: false, padding: {right: RIGHT, top: 6}},
  }, config.options);
  charts.push(new Chart(part(id), config));
}

function timeScale(from, to) {
  return {
    type: "linear", min: from, max: to, bounds: "data",
    afterBuildTicks: axis => { axis.ticks = timeTicks(from, to, axis.chart.width - gutter()).map(value => ({value})); },
    ticks: {callback: v => clock(v), maxRotation: 0, autoSkip: false}, grid: {color: color("line")},
  };
}

function valueScale(title, format, max) {
  return {
    beginAtZero: true, suggestedMax: max, afterFit: axis => { axis.width = gutter(); },
    ticks: {callback: format, maxTicksLimit: 6}, grid: {color: color("line")}, title: {display: false, text: title},
  };
}
