// A stand-in for Stripe's script, for tests in a browser without the network.
(() => {
  "use strict";
  const home = new URL(document.currentScript.src).origin;
  const post = async (path, fields) => {
    const answer = await fetch(home + path, { method: "POST", body: new URLSearchParams(fields) });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };
  // The bank's window: the customer confirms there, or does not.
  const bank = () => new Promise((resolve) => {
    const window = document.createElement("div");
    window.setAttribute("role", "dialog");
    window.setAttribute("aria-label", "Bank");
    for (const [words, answer] of [["The bank confirms", true], ["The bank refuses", false]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = words;
      button.addEventListener("click", () => { window.remove(); resolve(answer); });
      window.append(button);
    }
    document.body.append(window);
  });
  window.Stripe = (key) => {
    let choice;
    return {
      elements: (options) => {
        document.documentElement.dataset.elements = JSON.stringify(options);
        return {
          create: () => ({
            mount: (at) => {
              const label = document.createElement("label");
              label.textContent = "Stand-in card ";
              choice = document.createElement("select");
              for (const card of ["works", "declined", "confirm", "debit", "incomplete"]) choice.add(new Option(card, card));
              label.append(choice);
              const frame = document.createElement("iframe");
              frame.title = "Card fields";
              frame.width = frame.height = 40;
              addEventListener("message", (e) => { if (e.data === "frame") document.documentElement.dataset.frame = "shown"; });
              frame.src = home + "/frame";
              at.append(label, frame);
            },
          }),
          update: (changes) => { document.documentElement.dataset.updated = JSON.stringify(changes); },
          submit: async () => (choice.value === "incomplete" ? { error: { message: "Your card number is incomplete." } } : {}),
        };
      },
      createPaymentMethod: async ({ params }) => {
        document.documentElement.dataset.billing = JSON.stringify(params);
        try {
          return { paymentMethod: await post("/browser/method", { card: choice.value, key }) };
        } catch (e) {
          return { error: { message: e.message } };
        }
      },
      handleNextAction: async ({ clientSecret }) => {
        const confirmed = await bank();
        try {
          await post("/browser/act", { secret: clientSecret, confirmed });
        } catch (e) {
          return { error: { message: e.message } };
        }
        return confirmed ? {} : { error: { message: "Your bank did not confirm the payment." } };
      },
    };
  };
})();
