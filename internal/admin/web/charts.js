// Line charts as SVG: the newest point at the right, ten minutes wide.

const WIDTH = 600;
const HEIGHT = 84;
const SPAN = 600_000; // milliseconds
const NS = "http://www.w3.org/2000/svg";

// A chart shows one number of the samples. format makes text of it, floor is the least top of the scale.
export function chart(title, value, format, floor) {
  const figure = document.createElement("figure");
  const caption = figure.appendChild(document.createElement("figcaption"));
  const name = caption.appendChild(document.createElement("span"));
  const now = caption.appendChild(document.createElement("b"));
  name.textContent = title;
  const svg = figure.appendChild(document.createElementNS(NS, "svg"));
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const part = (tag, kind) => {
    const el = svg.appendChild(document.createElementNS(NS, tag));
    el.setAttribute("class", kind);
    return el;
  };
  const axis = part("path", "axis");
  axis.setAttribute("d", `M0 ${HEIGHT}H${WIDTH}M0 0H${WIDTH}`);
  const area = part("path", "area");
  const plot = part("path", "plot");
  const scale = figure.appendChild(document.createElement("div"));
  scale.className = "scale";
  const left = scale.appendChild(document.createElement("span"));
  const right = scale.appendChild(document.createElement("span"));

  const draw = (samples) => {
    const last = samples.at(-1);
    const top = nice(Math.max(floor, ...samples.map(value)));
    now.textContent = last ? format(value(last)) : "–";
    left.textContent = "−10 min";
    right.textContent = `top ${format(top)}`;
    svg.setAttribute("aria-label", `${title}: ${now.textContent} now`);
    const points = samples.map((s) => [WIDTH * (1 - (last.at - s.at) / SPAN), HEIGHT * (1 - value(s) / top)]);
    if (points.length === 1) points.unshift([points[0][0] - 2, points[0][1]]);
    const line = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
    plot.setAttribute("d", line ? `M${line}` : "");
    area.setAttribute("d", line ? `M${line}V${HEIGHT}H${points[0][0].toFixed(1)}Z` : "");
  };
  return { figure, draw };
}

// nice rounds up to 1, 2 or 5 times a power of ten.
function nice(x) {
  const unit = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 5, 10].map((k) => k * unit).find((v) => v >= x * 0.999);
}
