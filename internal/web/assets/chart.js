// Draws the lines of charts again on a canvas: with a cursor that pointer and arrow keys move,
// and with a range to look at more closely. The values are those of the table in the page.
(function () {
  "use strict";
  if (!window.uPlot) {
    return;
  }
  var dashes = { 2: [7, 3], 3: [2, 3], previous: [4, 4] };

  function css(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function colour(tone) {
    return css({ 1: "--color-primary", 2: "--color-secondary", 3: "--color-accent", previous: "--muted" }[tone] || "--series-" + tone) || "currentColor";
  }

  // read takes names, values and texts from the table of a figure.
  function read(figure) {
    var rows = Array.from(figure.querySelectorAll(".chart-table tbody tr"));
    var names = Array.from(figure.querySelectorAll(".chart-table thead th")).slice(1);
    return {
      labels: rows.map(function (r) {
        return r.querySelector("th").textContent.trim();
      }),
      series: names.map(function (th, i) {
        var cells = rows.map(function (r) {
          return r.querySelectorAll("td")[i];
        });
        return {
          name: th.textContent.trim(),
          tone: cells.length ? cells[0].dataset.tone : "1",
          values: cells.map(function (c) {
            return c.textContent.trim() === "–" ? null : Number(c.dataset.value); // not known
          }),
          texts: cells.map(function (c) {
            return c.textContent.trim();
          }),
        };
      }),
    };
  }

  function draw(figure) {
    var data = read(figure);
    var server = figure.querySelector(".plot");
    var count = data.labels.length;
    if (count < 2 || !server) {
      return;
    }
    var per = Number(figure.dataset.line) || 1;
    var short = new Intl.NumberFormat(document.documentElement.lang || "en", { notation: "compact", maximumFractionDigits: 1 });
    var live = document.createElement("div");
    live.className = "plot-live";
    live.tabIndex = 0;
    live.setAttribute("role", "slider");
    live.setAttribute("aria-label", figure.querySelector(".chart-title").textContent.trim() + " Arrow keys read the values.");
    live.setAttribute("aria-valuemin", "1");
    live.setAttribute("aria-valuemax", String(count));
    var reading = document.createElement("output");
    reading.className = "plot-reading";
    reading.setAttribute("aria-hidden", "true");
    server.replaceWith(live);
    live.after(reading);

    var at = count - 1;
    function say() {
      var text = data.labels[at] + ": " + data.series
        .map(function (s) {
          return (data.series.length > 1 ? s.name + " " : "") + s.texts[at];
        })
        .join(", ");
      live.setAttribute("aria-valuenow", String(at + 1));
      live.setAttribute("aria-valuetext", text);
      reading.textContent = text;
    }

    var places = data.labels.map(function (_, i) {
      return i;
    });
    function of(name) {
      return function () {
        return css(name);
      };
    }
    var axis = { stroke: of("--muted"), grid: { stroke: of("--color-base-300"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    var plot = new uPlot(
      {
        width: live.clientWidth,
        height: 220,
        legend: { show: false },
        scales: {
          x: { time: false },
          y: {
            range: function (_, low, high) {
              return uPlot.rangeNum(Math.min(low, 0), Math.max(high, 1), 0.1, true);
            },
          },
        },
        axes: [
          Object.assign({}, axis, {
            space: 90,
            size: 34,
            incrs: [1, 2, 3, 6, 12, 24, 30, 60, 90, 180, 365],
            values: function (_, list) {
              return list.map(function (i) {
                return data.labels[i] || "";
              });
            },
          }),
          Object.assign({}, axis, {
            size: 56,
            values: function (_, list) {
              return list.map(function (n) {
                return short.format(n / per);
              });
            },
          }),
        ],
        series: [{}].concat(
          data.series.map(function (s) {
            return {
              stroke: function () {
                return colour(s.tone);
              },
              width: 2,
              dash: dashes[s.tone],
              points: { show: count < 40 },
            };
          })
        ),
        hooks: {
          setCursor: [
            function (u) {
              if (u.cursor.idx !== null && u.cursor.idx !== undefined && u.cursor.idx !== at) {
                at = u.cursor.idx;
                say();
              }
            },
          ],
        },
      },
      [places].concat(
        data.series.map(function (s) {
          return s.values;
        })
      ),
      live
    );
    plot.root.setAttribute("aria-hidden", "true");

    function show() {
      plot.setCursor({ left: plot.valToPos(at, "x"), top: plot.valToPos(data.series[0].values[at] || 0, "y") }, false);
      say();
    }
    live.addEventListener("keydown", function (e) {
      var steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -count, End: count };
      if (!(e.key in steps)) {
        return;
      }
      e.preventDefault();
      at = Math.max(0, Math.min(count - 1, at + steps[e.key]));
      show();
    });
    say();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
      plot.redraw();
    });
    new ResizeObserver(function () {
      if (live.clientWidth) {
        plot.setSize({ width: live.clientWidth, height: 220 });
      }
    }).observe(live);
  }

  document.querySelectorAll("figure.chart[data-line]").forEach(draw);
})();
