"use strict";
// The page tells all without this; it only makes plots readable point by point and edges traceable.
const svg = (plot, name, attributes) => {
  const made = document.createElementNS(plot.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

for (const card of document.querySelectorAll(".plot-card")) {
  const plot = card.querySelector(".plot");
  if (!plot) continue;
  const points = [...card.querySelectorAll(".numbers tbody tr")].map((row) => ({
    x: Number(row.cells[0].dataset.x),
    moment: row.cells[0].textContent,
    values: [...row.cells].slice(1).map((cell) => ({ text: cell.textContent, y: cell.dataset.y })),
  }));
  const headings = [...plot.querySelectorAll(".measure")];
  const box = plot.viewBox.baseVal;
  let shown = [];
  const clear = () => { for (const one of shown) one.remove(); shown = []; };
  const show = (event) => {
    const at = ((event.clientX - plot.getBoundingClientRect().left) / plot.clientWidth) * box.width;
    const near = points.reduce((a, b) => (Math.abs(b.x - at) < Math.abs(a.x - at) ? b : a));
    clear();
    shown.push(svg(plot, "path", { class: "cross", d: `M${near.x} 26V${box.height - 20}` }));
    near.values.forEach((value, n) => {
      const text = svg(plot, "text", { class: "read", x: box.width - 10, y: headings[n].getAttribute("y") });
      text.textContent = n ? value.text : `${near.moment}   ${value.text}`;
      shown.push(text);
      if (value.y !== undefined) {
        const mark = svg(plot, "g", { class: `panel p${n + 1}` });
        mark.append(svg(plot, "circle", { class: "dot", cx: near.x, cy: value.y, r: 3.5 }));
        shown.push(mark);
      }
    });
    plot.append(...shown);
  };
  plot.addEventListener("pointermove", show);
  plot.addEventListener("pointerdown", show);
  plot.addEventListener("pointerleave", clear);
}

const lineage = document.querySelector(".lineage");
if (lineage) {
  const edges = [...lineage.querySelectorAll(".edge")];
  const nodes = [...lineage.querySelectorAll(".node")];
  // all that a table is made of, and all that is made of it
  const reach = (key, from, to, found) => {
    for (const edge of edges) {
      if (edge.classList.contains("flow") && edge.dataset[from] === key && !found.has(edge)) {
        found.add(edge);
        reach(edge.dataset[to], from, to, found);
      }
    }
    return found;
  };
  const ask = (key) => {
    const lit = reach(key, "to", "from", reach(key, "from", "to", new Set()));
    for (const edge of edges) {
      if (edge.classList.contains("key") && [edge.dataset.from, edge.dataset.to].includes(key)) lit.add(edge);
    }
    const keys = new Set([key, ...[...lit].flatMap((edge) => [edge.dataset.from, edge.dataset.to])]);
    lineage.classList.add("asked");
    for (const edge of edges) edge.classList.toggle("lit", lit.has(edge));
    for (const node of nodes) node.classList.toggle("lit", keys.has(node.dataset.key));
  };
  const forget = () => {
    lineage.classList.remove("asked");
    for (const one of [...edges, ...nodes]) one.classList.remove("lit");
  };
  for (const node of nodes) {
    const target = node.closest("a") ?? node;
    target.addEventListener("pointerenter", () => ask(node.dataset.key));
    target.addEventListener("pointerleave", forget);
    target.addEventListener("focus", () => ask(node.dataset.key));
    target.addEventListener("blur", forget);
  }
}
