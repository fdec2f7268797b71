// The payment form of Stripe. Stripe's own script draws the fields in frames of its
// own; what comes back is a name for the payment method, never a card number.
(() => {
  "use strict";
  const box = document.querySelector("[data-stripe]");
  if (!box) return;
  const form = box.closest("form");
  const problem = box.querySelector("[data-stripe-problem]");
  const { stripe: key, stripeAccount, stripeCurrency, stripeSecret, stripeToken } = box.dataset;

  const tell = (text) => {
    problem.hidden = !text;
    problem.querySelector("span").textContent = text || "";
  };
  if (typeof window.Stripe !== "function") {
    tell("The payment form could not be loaded. Check your connection or your content blocker, then load the page again.");
    return;
  }
  const stripe = window.Stripe(key, stripeAccount ? { stripeAccount } : undefined);

  // The customer confirms with their bank: the step of a charge or of saving a method.
  const confirm = async () => {
    tell("");
    const { error } = await stripe.handleNextAction({ clientSecret: stripeSecret });
    if (!error) return true;
    tell(error.message || "Your bank did not confirm the payment.");
    return false;
  };

  if (!form) {
    const button = box.querySelector("[data-stripe-confirm]");
    const go = async () => {
      button.disabled = true;
      await confirm(); // whatever came of it, the server asks Stripe and says so
      location.reload();
    };
    button.hidden = false;
    button.addEventListener("click", go);
    return;
  }

  const token = form.elements.namedItem("payment_token");
  const value = (name) => form.elements.namedItem(name)?.value || undefined;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches && document.documentElement.dataset.theme !== "perennial";
  const elements = stripe.elements({
    mode: "setup",
    currency: stripeCurrency,
    paymentMethodCreation: "manual",
    appearance: { theme: dark || document.documentElement.dataset.theme === "perennial-dark" ? "night" : "stripe" },
  });
  elements.create("payment").mount(box.querySelector("[data-stripe-element]"));
  document.addEventListener("change", (e) => {
    if (e.target.name === "currency" && e.target.form === form) elements.update({ currency: e.target.value.toLowerCase() });
  });

  // The form leaves only with the name of a payment method.
  let busy = false;
  form.addEventListener("submit", async (e) => {
    if (token.value || e.submitter?.name === "update") return;
    e.preventDefault();
    e.stopImmediatePropagation();
    if (busy) return;
    busy = true;
    const button = e.submitter;
    button?.setAttribute("aria-busy", "true");
    tell("");
    let { error } = await elements.submit();
    let made;
    if (!error) {
      ({ error, paymentMethod: made } = await stripe.createPaymentMethod({
        elements,
        params: { billing_details: { name: value("name"), email: value("email") } },
      }));
    }
    busy = false;
    button?.removeAttribute("aria-busy");
    if (error) {
      tell(error.message || "The payment details could not be taken.");
      return;
    }
    token.value = made.id;
    form.requestSubmit(button || undefined);
  }, true);

  if (stripeSecret && stripeToken) {
    confirm().then((ok) => {
      if (!ok) return;
      token.value = stripeToken;
      form.requestSubmit(form.querySelector("[type='submit']:not([name])"));
    });
  }
})();
