"use strict";
// Charts of the page from the JSON beside them. Their legends are buttons, so that keyboards and screen readers reach them.
(() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (line) => line.colour ?? css("--text");

  // As many digits as the charts in PNG and SVG show.
  const tick = (value) => {
    if (value === 0) return "0";
    const size = Math.abs(value);
    return size < 1e-2 || size >= 1e6 ? String(value.toExponential(2)).replace(/\.?0+e/, "e").replace("e+", "e") : String(Number(value.toFixed(3)));
  };
  const exact = (value) => String(Number(value.toPrecision(5)));

  // Powers of ten, and what lies between them where there are few.
  const logTick = function (value) {
    const decades = Math.log10(this.max / this.min);
    const mantissa = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
    const digit = Math.round(mantissa);
    const shown = decades > 2.5 ? [1] : decades > 1.2 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
    return shown.includes(digit) && Math.abs(mantissa - digit) < 1e-6 ? tick(value) : null;
  };

  const scale = (axis) => ({
    type: axis.is_log ? "logarithmic" : "linear",
    min: axis.low,
    max: axis.high,
    title: { display: axis.label !== "", text: axis.label },
    ticks: { callback: axis.is_log ? logTick : tick, includeBounds: false, maxRotation: 0, autoSkipPadding: 12 },
  });

  const dataset = (line) => ({
    label: line.name,
    data: line.points,
    showLine: true,
    borderWidth: line.colour === null ? 1.5 : 2,
    borderDash: line.dash,
    pointRadius: line.has_marks ? 3 : 0,
    pointHoverRadius: 5,
    pointHitRadius: 8,
  });

  // Lines over the same few places are compared at one place; else the nearest point is what is asked for.
  const interaction = (series) => {
    const places = (line) => JSON.stringify(line.points.map(([x]) => x));
    const same = series.length <= 8 && series.every((line) => places(line) === places(series[0]));
    return same ? { mode: "index", intersect: false } : { mode: "nearest", intersect: false };
  };

  const tooltip = (chart) => ({
    callbacks: {
      title: (items) => (items.length ? `${chart.x.label || "x"} ${exact(items[0].parsed.x)}` : ""),
      label: (item) => ` ${item.dataset.label}: ${exact(item.parsed.y)}`,
    },
  });

  const paint = (chart, series) => {
    const [text, quiet, line, ground] = ["--text", "--quiet", "--line", "--ground"].map(css);
    chart.data.datasets.forEach((set, i) => {
      set.borderColor = set.backgroundColor = colour(series[i]);
    });
    for (const axis of Object.values(chart.options.scales)) {
      axis.grid = { color: line };
      axis.border = { color: quiet };
      axis.ticks.color = axis.title.color = quiet;
    }
    Object.assign(chart.options.plugins.tooltip, {
      backgroundColor: ground, titleColor: text, bodyColor: text, borderColor: quiet, borderWidth: 1, boxPadding: 4,
    });
    chart.update();
  };

  const connectLegend = (chart, buttons) => {
    const show = (i, visible) => {
      chart.setDatasetVisibility(i, visible);
      buttons[i].setAttribute("aria-pressed", visible);
    };
    buttons.forEach((button, i) =>
      button.addEventListener("click", (event) => {
        if (event.shiftKey) buttons.forEach((_, other) => show(other, other === i));
        else show(i, !chart.isDatasetVisible(i));
        chart.update();
      }),
    );
  };

  const draw = (figure) => {
    const told = JSON.parse(figure.querySelector("script").textContent);
    const reset = figure.querySelector(".reset");
    const canvas = figure.querySelector("canvas");
    const chart = new Chart(canvas, {
      type: "scatter",
      data: { datasets: told.series.map(dataset) },
      options: {
        animation: false,
        maintainAspectRatio: false,
        interaction: interaction(told.series),
        scales: { x: scale(told.x), y: scale(told.y) },
        plugins: {
          legend: { display: false },
          tooltip: tooltip(told),
          zoom: {
            zoom: {
              mode: "xy",
              drag: { enabled: true, threshold: 6, backgroundColor: "rgba(128, 144, 160, .25)" },
              wheel: { enabled: true, modifierKey: "ctrl" },
              onZoomComplete: ({ chart }) => (reset.hidden = !chart.isZoomedOrPanned()),
            },
          },
        },
      },
    });
    const whole = () => {
      chart.resetZoom();
      reset.hidden = true;
    };
    reset.addEventListener("click", whole);
    canvas.addEventListener("dblclick", whole);
    connectLegend(chart, [...figure.querySelectorAll(".legend button")]);
    const repaint = () => paint(chart, told.series);
    repaint();
    return repaint;
  };

  Chart.register(ChartZoom);
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  const repaints = [...document.querySelectorAll(".chart")].map(draw);
  const repaintAll = () => repaints.forEach((repaint) => repaint());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaintAll);
  // Paper is white.
  const printing = (is) => () => {
    document.documentElement.classList.toggle("printing", is);
    repaintAll();
  };
  addEventListener("beforeprint", printing(true));
  addEventListener("afterprint", printing(false));
})();
