/**
 * What moves on the report's page: tooltips, a line that follows the pointer, zoom. The timeline is drawn without it; it draws the same
 * again for the page's width or for a shorter stretch of time. Plain JavaScript as text, because it runs where the page is opened. It
 * reads numbers and text from the page's own attributes and writes text as text only.
 */
export const TIMELINE_SCRIPT = `(function () {
  "use strict";
  var svg = document.getElementById("timeline");
  var tip = document.getElementById("tip");
  if (!svg || !tip) return;
  var number = function (element, name) { return Number(element.getAttribute("data-" + name)); };
  var all = function (selector) { return Array.prototype.slice.call(svg.querySelectorAll(selector)); };
  var END = number(svg, "end"), LEFT = number(svg, "labels"), RIGHT = number(svg, "right"), TOP = number(svg, "top"), BOTTOM = number(svg, "bottom");
  var height = svg.viewBox.baseVal.height;
  var width = svg.viewBox.baseVal.width;
  var from = 0, to = END;
  var LEAST = Math.min(END, 5);
  var spans = all("[data-a]").map(function (element) {
    return { element: element, a: number(element, "a"), b: number(element, "b"), least: number(element, "least") || 0 };
  });
  var points = all("[data-at]").map(function (element) {
    return { element: element, at: number(element, "at"), y: number(element, "y") || 0, what: element.querySelector(".what") };
  });
  var curves = all("[data-values]").map(function (element) {
    var values = element.getAttribute("data-values");
    return {
      element: element, top: number(element, "top"), bottom: number(element, "bottom"), max: number(element, "max"),
      from: number(element, "from"), step: number(element, "step"), unit: element.getAttribute("data-unit"),
      values: values === "" ? [] : values.split(" ").length === 0 ? [] : values.split(" ").map(function (value) { return value === "" ? null : Number(value); })
    };
  });
  var STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5, 144e5, 432e5, 864e5];
  var two = function (value) { return (value < 10 ? "0" : "") + value; };
  function clock(at, step) {
    if (at < 60000 || step < 1000) return (at / 1000).toFixed(step < 10 ? 3 : step < 100 ? 2 : step < 1000 ? 1 : 0) + " s";
    var seconds = Math.round(at / 1000), hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    return hours > 0 ? hours + ":" + two(minutes) + ":" + two(seconds % 60) : minutes + ":" + two(seconds % 60);
  }
  function plot() { return Math.max(50, width - LEFT - RIGHT); }
  function x(ms) { return LEFT + ((ms - from) / (to - from)) * plot(); }
  function time(px) { return Math.min(END, Math.max(0, from + ((px - LEFT) / plot()) * (to - from))); }
  function clamp(px) { return Math.min(LEFT + plot(), Math.max(LEFT, px)); }
  var SVG = "http://www.w3.org/2000/svg";
  function make(name, attributes) {
    var element = document.createElementNS(SVG, name);
    for (var key in attributes) element.setAttribute(key, attributes[key]);
    return element;
  }
  function draw() {
    svg.setAttribute("viewBox", "0 0 " + width + " " + height);
    spans.forEach(function (span) {
      var a = clamp(x(span.a)), b = clamp(x(span.b));
      var outside = span.b < from || span.a > to;
      span.element.classList.toggle("hidden", outside);
      span.element.setAttribute("x", a);
      span.element.setAttribute("width", outside ? 0 : Math.max(Math.min(span.least, LEFT + plot() - a), b - a));
    });
    var shown = points.filter(function (point) {
      var outside = point.at < from || point.at > to;
      point.element.classList.toggle("hidden", outside);
      if (!outside) point.element.setAttribute("transform", "translate(" + x(point.at) + " " + point.y + ")");
      return !outside && point.what;
    });
    shown.sort(function (a, b) { return a.at - b.at; });
    shown.forEach(function (point, index) {
      var next = shown[index + 1] ? x(shown[index + 1].at) - 10 : width;
      point.what.classList.remove("hidden");
      point.what.classList.toggle("hidden", x(point.at) + 15 + point.what.getComputedTextLength() > next);
    });
    curves.forEach(function (curve) {
      var path = "", pen = false;
      curve.values.forEach(function (value, index) {
        var at = curve.from + index * curve.step;
        if (value === null || at < from - curve.step || at > to + curve.step) { pen = false; return; }
        path += (pen ? "L" : "M") + clamp(x(at)).toFixed(1) + " " + (curve.bottom - (Math.min(value, curve.max) / curve.max) * (curve.bottom - curve.top)).toFixed(1);
        pen = true;
      });
      curve.element.setAttribute("d", path);
    });
    all(".grid,.base").forEach(function (line) { line.setAttribute("x2", LEFT + plot()); });
    var ticks = document.getElementById("ticks");
    ticks.textContent = "";
    var least = ((to - from) / plot()) * 90, step = STEPS.find(function (one) { return one >= least; }) || 864e5 * Math.ceil(least / 864e5);
    for (var at = Math.ceil(from / step) * step; at <= to; at += step) {
      var tick = make("g", { class: "tick", transform: "translate(" + x(at) + " 0)" });
      tick.appendChild(make("line", { y1: TOP, y2: BOTTOM }));
      var label = make("text", { y: BOTTOM + 15 });
      label.textContent = clock(at, step);
      tick.appendChild(label);
      ticks.appendChild(tick);
    }
    var whole = document.getElementById("whole");
    if (whole) whole.classList.toggle("hidden", from === 0 && to === END);
  }
  function show(a, b) {
    var length = Math.min(END, Math.max(LEAST, b - a));
    from = Math.min(END - length, Math.max(0, a));
    to = from + length;
    draw();
  }
  function fit() {
    var now = Math.max(420, Math.round(svg.getBoundingClientRect().width));
    if (now !== width) { width = now; draw(); }
  }
  function px(event) {
    var box = svg.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * width;
  }
  var cursor = document.getElementById("cursor"), brush = document.getElementById("brush");
  var pressed = null;
  function hide() { tip.hidden = true; cursor.classList.add("hidden"); }
  function hover(event) {
    var at = px(event), inside = at >= LEFT && at <= LEFT + plot();
    cursor.classList.toggle("hidden", !inside);
    if (inside) { cursor.setAttribute("x1", at); cursor.setAttribute("x2", at); }
    var named = event.target.closest ? event.target.closest("[data-tip]") : null;
    var lines = [];
    if (named) lines.push(named.getAttribute("data-tip"));
    if (inside) {
      var ms = time(at), facts = [(ms / 1000).toFixed(to - from < 5000 ? 3 : 1) + " s"];
      curves.forEach(function (curve) {
        var value = curve.values[Math.round((ms - curve.from) / curve.step)];
        if (value !== null && value !== undefined) facts.push((value >= 100 ? Math.round(value) : value.toFixed(1)) + (curve.unit === "/s" ? " records/s" : " ms p99"));
      });
      lines.push(facts.join("  ·  "));
    }
    tip.hidden = lines.length === 0;
    tip.textContent = lines.join("\\n");
    var right = event.clientX + 16 + tip.offsetWidth > window.innerWidth;
    tip.style.left = Math.max(4, right ? event.clientX - 14 - tip.offsetWidth : event.clientX + 16) + "px";
    tip.style.top = Math.min(window.innerHeight - tip.offsetHeight - 4, event.clientY + 16) + "px";
  }
  svg.addEventListener("pointermove", function (event) {
    hover(event);
    if (pressed === null) return;
    var a = clamp(Math.min(pressed, px(event))), b = clamp(Math.max(pressed, px(event)));
    brush.setAttribute("x", a);
    brush.setAttribute("width", b - a);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointerdown", function (event) {
    if (event.button !== 0 || px(event) < LEFT || event.target.closest(".fault")) return;
    pressed = px(event);
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  function release(event) {
    if (pressed === null) return;
    var a = clamp(Math.min(pressed, px(event))), b = clamp(Math.max(pressed, px(event)));
    pressed = null;
    brush.setAttribute("width", 0);
    if (event.type === "pointerup" && b - a > 4) show(time(a), time(b));
  }
  svg.addEventListener("pointerup", release);
  svg.addEventListener("pointercancel", release);
  svg.addEventListener("dblclick", function () { show(0, END); });
  svg.addEventListener("wheel", function (event) {
    // A wheel alone zooms only once the person zoomed by other means or holds a key: else the page would not scroll past.
    if (!event.ctrlKey && !event.metaKey && !event.altKey && from === 0 && to === END) return;
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      var shift = (event.deltaX / plot()) * (to - from);
      show(from + shift, to + shift);
      return;
    }
    var factor = Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), middle = time(px(event));
    show(middle - (middle - from) * factor, middle + (to - middle) * factor);
  }, { passive: false });
  all(".fault").forEach(function (mark) {
    mark.addEventListener("click", function () {
      var card = document.getElementById(mark.getAttribute("data-card"));
      if (card) card.scrollIntoView({ behavior: window.matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth", block: "start" });
    });
  });
  Array.prototype.forEach.call(document.querySelectorAll("[data-zoom]"), function (button) {
    button.classList.remove("hidden");
    button.addEventListener("click", function () {
      var range = button.getAttribute("data-zoom").split(" ");
      show(Number(range[0]), Number(range[1]));
      svg.scrollIntoView({ block: "center" });
    });
  });
  var whole = document.getElementById("whole");
  if (whole) whole.addEventListener("click", function () { show(0, END); });
  var hint = document.getElementById("hint");
  if (hint) hint.classList.remove("hidden");
  window.addEventListener("resize", fit);
  window.addEventListener("beforeprint", function () { show(0, END); });
  fit();
  draw();
})();`;
