import { post } from "./server.js";

/** Where one says what one wants to be called. Whatever is wrong with that, what was typed stays. */
export class Name {
  #form;
  #input;
  #fault;
  #saved;
  #listening = null;

  /** form.dataset has the words for what else goes wrong, and the note for what was saved its own. */
  constructor(form) {
    this.#form = form;
    this.#input = form.elements.name;
    [this.#fault, this.#saved] = ["name-fault", "name-saved"].map((role) => form.querySelector(`[data-role=${role}]`));
  }

  start() {
    this.#listening = new AbortController();
    const options = { signal: this.#listening.signal };
    this.#form.addEventListener("submit", (event) => this.#submit(event), options);
    this.#input.addEventListener("input", () => this.#say({}), options);
  }

  stop() {
    this.#listening?.abort();
  }

  /** With the name that the page says, unless another one is being typed, or was refused. */
  fill() {
    if (!this.#fault.hidden) return;
    this.#input.value = document.querySelector("[data-role=your-name]").textContent;
    this.#say({});
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#form.ariaBusy === "true") return;
    this.#form.ariaBusy = "true";
    const { ok, data } = await post("/name/", { name: this.#input.value });
    this.#form.ariaBusy = "false";
    if (!ok) return this.#refuse(data?.detail ?? this.#form.dataset.offline);
    this.#input.value = data.name;
    this.#say({ saved: this.#saved.dataset.saved });
  }

  #refuse(fault) {
    this.#say({ fault });
    this.#input.focus();
  }

  #say({ fault = "", saved = "" }) {
    this.#fault.textContent = fault;
    this.#fault.hidden = !fault;
    this.#saved.textContent = saved;
    if (fault) this.#input.setAttribute("aria-invalid", "true");
    else this.#input.removeAttribute("aria-invalid");
  }
}
