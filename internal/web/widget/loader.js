// What a site loads: paywhirl(action, opts, id) puts a frame, or a button that opens one,
// after the script element with that id.
(function () {
  "use strict";
  if (typeof window.paywhirl === "function") return;
  var own = document.currentScript;
  var base = own ? own.src.replace(/\/js\/widget\.js.*$/, "") : "";
  var origin = base ? new URL(base, location.href).origin : location.origin;
  var frames = [];

  function address(path, opts, more) {
    var url = base + path + "?layout=embed&domain=" + encodeURIComponent(opts.domain || "");
    if (opts.multiauth) url += "&multiauth=" + encodeURIComponent(opts.multiauth);
    if (opts.sortable) url += "&sortable=1";
    url += more + "&main_url=" + encodeURIComponent(location.href);
    return location.search.length > 1 ? url + "&" + location.search.slice(1) : url;
  }

  function frame(url, id, opts) {
    var f = document.createElement("iframe");
    f.id = "pwframe_" + id;
    f.name = id;
    f.className = "paywhirl_frame";
    f.title = opts.title || "Plans";
    f.setAttribute("allow", "payment");
    f.style.width = "100%";
    f.style.border = "0";
    f.style.display = "block";
    f.src = url;
    frames.push({ frame: f, opts: opts, loader: null });
    return f;
  }

  function put(after, element) {
    after.parentNode.insertBefore(element, after.nextSibling);
  }

  function embed(script, url, id, opts) {
    var f = frame(url, id, opts);
    put(script, f);
    if (!opts.loading_image) return;
    var image = document.createElement("img");
    image.src = opts.loading_image;
    image.alt = "";
    frames[frames.length - 1].loader = image;
    put(script, image);
  }

  function open(url, id, opts) {
    var box = document.createElement("dialog");
    box.className = "paywhirl_modal";
    box.setAttribute("aria-label", opts.button_text || "Plans");
    box.style.width = "min(60rem, 94vw)";
    box.style.maxHeight = "90vh";
    box.style.marginTop = "5vh"; // it grows downwards, so that nothing moves away under the pointer
    box.style.padding = "0.5rem";
    var close = document.createElement("button");
    close.type = "button";
    close.textContent = "Close";
    close.addEventListener("click", function () { box.close(); });
    box.appendChild(close);
    var f = frame(url, id, opts);
    f.style.minHeight = "20rem";
    box.appendChild(f);
    box.addEventListener("close", function () {
      frames = frames.filter(function (known) { return known.frame !== f; });
      box.remove();
    });
    (document.body || document.documentElement).appendChild(box);
    box.showModal();
  }

  function button(script, url, id, opts) {
    var b = document.createElement("button");
    b.type = "button";
    b.id = "pwbutton_" + id;
    b.className = "paywhirl_button";
    if (opts.button_image) {
      var image = document.createElement("img");
      image.src = opts.button_image;
      image.alt = opts.button_text || "Subscribe";
      b.appendChild(image);
    } else {
      b.textContent = opts.button_text || "Subscribe";
    }
    b.addEventListener("click", function () { open(url, id, opts); });
    put(script, b);
    if (opts.uuid && new URLSearchParams(location.search).get("pw-launch") === opts.uuid) open(url, id, opts);
  }

  function paywhirl(action, opts, id) {
    if (typeof opts === "string") opts = { domain: opts }; // as the first pages have it
    opts = opts || {};
    var script = document.getElementById(id);
    if (!script && action !== "modal_cart") return; // which a page calls when it wants to
    var widget = "/widget/" + encodeURIComponent(opts.uuid || opts.domain || "");
    var popup = "&popup=1" + (opts.subscription_id ? "&subscription_id=" + encodeURIComponent(opts.subscription_id) : "");
    switch (action) {
      case "create": return embed(script, address("/login", opts, ""), id, opts);
      case "widget": return embed(script, address(widget, opts, ""), id, opts);
      case "cart": return embed(script, address("/cart", opts, ""), id, opts);
      case "modal_cart": return open(address("/cart", opts, popup), id, opts);
      case "button": return button(script, address(widget, opts, popup), id, opts);
    }
  }

  function height(f, n) {
    if (typeof n === "number" && n > 0 && n < 100000) f.style.height = n + "px";
  }

  window.addEventListener("message", function (e) {
    var said = e.data;
    if (e.origin !== origin || !said || said.source !== "paywhirl") return;
    var classic = document.getElementById("paywhirl_frame"); // of version 1, pasted as it is
    if (classic && classic.contentWindow === e.source && said.method === "set-height") height(classic, said.height);
    frames.forEach(function (known) {
      var f = known.frame;
      if (f.contentWindow !== e.source) return;
      var scroll = !said.initial || known.opts.initial_autoscroll;
      switch (said.method) {
        case "hide-loader":
          if (known.loader) known.loader.remove();
          break;
        case "set-height":
          height(f, said.height);
          break;
        case "auto-scroll":
        case "scroll-to":
          if (!known.opts.autoscroll || !scroll) break;
          // falls through
        case "forced-scroll":
          window.scrollTo({ top: f.getBoundingClientRect().top + window.scrollY + (Number(said.offset) || 0) });
      }
    });
  });

  window.paywhirl = paywhirl;
})();
