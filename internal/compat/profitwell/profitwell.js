// The script for pages of a shop. It takes the calls of the global function profitwell.
(function () {
  "use strict";
  var tag = document.currentScript || document.getElementById("profitwell-js");
  var from = tag && tag.src ? new URL(tag.src, location.href) : new URL(location.href);
  var token = (tag && tag.getAttribute("data-pw-auth")) || from.searchParams.get("auth") || "";
  var base = from.pathname.replace(/\/js\/profitwell\.js$/, "");
  var waiting = (window.profitwell && window.profitwell.q) || [];
  var who = null;
  var started = false;

  // tell says who is there. A page must not break because that fails.
  function tell() {
    if (!who || !token) {
      return;
    }
    fetch(from.origin + base + "/dotjs/v1/customer/event", {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: token },
      body: JSON.stringify(who),
      keepalive: true,
    }).catch(function () {});
  }

  function start(options) {
    if (started) {
      return;
    }
    started = true;
    options = options || {};
    if (options.user_id) {
      who = { user_id: String(options.user_id) };
    } else if (options.user_email) {
      who = { user_email: String(options.user_email) };
    }
    tell();
  }

  // note shows a message over the page, with a button that takes it away.
  function note(text, locked) {
    var box = document.createElement("dialog");
    box.setAttribute("aria-label", text);
    box.style.cssText = "max-width:24rem;border:1px solid #ccc;border-radius:8px;padding:1.5rem;font:16px/1.5 system-ui,sans-serif";
    var words = document.createElement("p");
    words.textContent = text;
    words.style.margin = "0 0 1rem";
    box.appendChild(words);
    var close = document.createElement("button");
    close.type = "button";
    close.textContent = "Close the demonstration";
    close.addEventListener("click", function () {
      box.close();
      box.remove();
    });
    box.appendChild(close);
    document.body.appendChild(box);
    if (locked) {
      box.showModal();
    } else {
      box.show();
    }
  }

  var calls = {
    start: start,
    auth_token: function (t) {
      token = String(t);
    },
    user_email: function (email) {
      who = { user_email: String(email) };
      tell();
    },
    user_id: function (id) {
      who = { user_id: String(id) };
      tell();
    },
    cq_demo: function (kind) {
      note(kind === "lockout" ? "Your last payment failed. Please update your card to go on." : "Your last payment failed. Update your card.", kind === "lockout");
    },
    // The page cancels by itself: no flow is shown in between.
    init_cancellation_flow: function () {
      return Promise.resolve({ status: "chose_to_cancel" });
    },
  };

  function profitwell(name) {
    var call = Object.prototype.hasOwnProperty.call(calls, name) ? calls[name] : null;
    if (!call) {
      return undefined;
    }
    return call.apply(null, Array.prototype.slice.call(arguments, 1));
  }
  profitwell.isLoaded = true;
  profitwell.q = [];
  window.profitwell = profitwell;
  waiting.forEach(function (args) {
    profitwell.apply(null, args);
  });
})();
