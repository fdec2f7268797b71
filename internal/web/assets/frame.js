// Tells the page around a frame how high the frame's page is.
(function () {
  "use strict";
  if (window.parent === window) return;
  var initial = true;
  function say(method) {
    var height = Math.ceil(document.documentElement.getBoundingClientRect().height);
    window.parent.postMessage({ source: "paywhirl", method: method, frame: window.name, height: height, offset: 0, initial: initial }, "*");
  }
  function tell() {
    say("set-height");
    if (initial) say("hide-loader");
    initial = false;
  }
  tell();
  new ResizeObserver(tell).observe(document.documentElement);
})();
