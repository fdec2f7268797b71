// Perennial's own script. Every page works without it; it only makes work
// quicker: menus that close, copying, dialogs, keys, focus and announcements.
(() => {
  "use strict";
  const doc = document;
  const root = doc.documentElement;
  const $ = (selector, from = doc) => from.querySelector(selector);
  const $$ = (selector, from = doc) => [...from.querySelectorAll(selector)];

  // Announcements go through the page's two live regions. The same text is not
  // said twice in a row.
  const said = {};
  const announce = (text, urgent) => {
    const region = $(urgent ? "#live-assertive" : "#live-polite");
    if (!region || !text || said[region.id] === text) return;
    said[region.id] = text;
    region.textContent = text;
  };

  // Copy buttons are hidden until there is a script that can serve them.
  const enhance = (from) => {
    if (navigator.clipboard) for (const b of $$("[data-copy][hidden]", from)) b.hidden = false;
    for (const b of $$("[data-fill][hidden]", from)) b.hidden = false;
    for (const e of [from, ...$$("[data-announce]", from)]) {
      if (e.dataset?.announce) announce(e.dataset.announce);
    }
  };

  const openDialog = (id, opener) => {
    const dialog = doc.getElementById(id);
    if (!dialog?.showModal || dialog.open) return false;
    dialog.showModal();
    $("[tabindex='-1']", dialog)?.focus();
    dialog.addEventListener("close", () => opener?.isConnected && opener.focus(), { once: true });
    return true;
  };

  const closeMenus = (except) => {
    for (const m of $$("details[data-menu][open]")) if (!m.contains(except)) m.open = false;
  };

  doc.addEventListener("click", (e) => {
    closeMenus(e.target);
    const copy = e.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard.writeText(copy.dataset.copy).then(
        () => { said["live-polite"] = ""; announce("Copied"); copy.title = "Copied"; },
        () => announce("Copying is not allowed here", true));
      return;
    }
    const opener = e.target.closest("[data-opens]");
    if (opener && openDialog(opener.dataset.opens, opener)) return e.preventDefault();
    // A click anywhere in a row opens it, unless it is on a control or selects text.
    const row = e.target.closest("tr.row-link");
    if (row && !e.target.closest("a, button, input, label, select, summary") && !getSelection().toString()) {
      const link = $(".cell-link", row);
      if (e.metaKey || e.ctrlKey) open(link.href, "_blank", "noopener");
      else link?.click();
    }
  });

  // A form marked data-once is sent once: pressing again while it is on its way
  // does nothing. Going back makes it usable again.
  doc.addEventListener("submit", (e) => {
    const form = e.target;
    const button = e.submitter;
    if (form.dataset.preference) return savePreference(e, form, button);
    if (!("once" in form.dataset) || button?.hasAttribute("formtarget")) return; // a preview is shown again and again
    if (form.dataset.sent) return e.preventDefault();
    form.dataset.sent = "1";
    if (!button) return;
    button.setAttribute("aria-busy", "true");
    if (button.dataset.busy) {
      const label = $("span", button) || button;
      button.dataset.label = label.textContent;
      label.textContent = button.dataset.busy;
      announce(button.dataset.busy);
    }
  });
  const release = (form) => {
    delete form.dataset.sent;
    const button = $("[aria-busy]", form);
    button?.removeAttribute("aria-busy");
    if (button?.dataset.label) ($("span", button) || button).textContent = button.dataset.label;
  };
  addEventListener("pageshow", (e) => { if (e.persisted) $$("form[data-sent]").forEach(release); });

  // A preview follows what is typed; without this script its button shows it.
  const live = $("button[data-live]");
  if (live) {
    let timer;
    const show = () => live.form.requestSubmit(live);
    live.form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(show, 500); });
    show();
  }

  // Preferences change at once; the server keeps them in its cookie.
  const savePreference = (e, form, button) => {
    if (!button) return;
    e.preventDefault();
    const data = new FormData(form, button);
    fetch(form.action, { method: "POST", body: new URLSearchParams(data), redirect: "manual" })
      .catch(() => announce("The choice could not be saved", true));
    for (const b of $$("button", form)) b.setAttribute("aria-pressed", String(b === button));
    const set = (name, value) => (value ? root.setAttribute(name, value) : root.removeAttribute(name));
    const themes = { light: "perennial", dark: "perennial-dark" };
    if (button.name === "theme") {
      set("data-theme", themes[button.value]);
      $("meta[name='color-scheme']").content = themes[button.value] ? button.value : "light dark";
    }
    if (button.name === "density") set("data-density", button.value === "compact" && "compact");
    if (button.name === "shortcuts") set("data-shortcuts", button.value === "off" && "off");
  };

  // Keys: only outside of fields, and only while the person wants them.
  // "g" waits for its second key without a time limit; a click ends the waiting.
  let going = false;
  doc.addEventListener("pointerdown", () => { going = false; });
  doc.addEventListener("keydown", (e) => {
    if (e.key === "Escape") {
      const menu = e.target.closest?.("details[data-menu][open]") || $("details[data-menu][open]");
      if (menu) { menu.open = false; $("summary", menu)?.focus(); }
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || root.dataset.shortcuts === "off") return;
    if (e.target.closest?.("input, select, textarea, [contenteditable], dialog")) return;
    if (["Shift", "CapsLock"].includes(e.key)) return;
    if (going) {
      going = false;
      const link = $(`a[data-key="${CSS.escape(e.key)}"]`);
      if (link) { e.preventDefault(); link.click(); }
      return;
    }
    if (e.key === "g") going = true;
    else if (e.key === "/") { const f = $("#search"); if (f) { e.preventDefault(); f.focus(); f.select(); } }
    else if (e.key === "?") openDialog("shortcuts", doc.activeElement);
  });

  // Focus after a swap: if the control that had it is gone, the new region's
  // first heading or error summary takes it, never a button that could destroy.
  let before = null;
  doc.addEventListener("htmx:before:swap", () => { before = doc.activeElement; });
  doc.addEventListener("htmx:after:swap", (e) => {
    const target = e.detail?.ctx?.target;
    const region = target?.isConnected ? target : doc.getElementById(target?.id) || $("main");
    enhance(region);
    $$("form[data-sent]", region).forEach(release);
    const wanted = $("[data-focus]", region);
    if (wanted || (before && before !== doc.body && !before.isConnected)) {
      const heading = wanted || $("h1, h2, h3, [role='alert']", region) || region;
      if (!heading.hasAttribute("tabindex")) heading.tabIndex = -1;
      heading.focus();
    }
  });
  doc.addEventListener("htmx:error", () => announce("The server could not be reached", true));

  // The browser's own time zone is chosen where the person has not chosen yet.
  const zone = $("select[data-zone]");
  if (zone) {
    const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (own && own !== "UTC" && zone.dataset.zone === "guess") {
      if (![...zone.options].some((o) => o.value === own)) zone.prepend(new Option(own, own));
      zone.value = own;
    }
  }

  // A button fills a field of the same form, such as a test card.
  doc.addEventListener("click", (e) => {
    const fill = e.target.closest("[data-fill]");
    const field = fill && doc.getElementById(fill.dataset.fill);
    if (!field) return;
    e.preventDefault();
    field.value = fill.value;
    field.focus();
  });

  $("[data-focus]")?.focus();
  enhance(doc);
})();
