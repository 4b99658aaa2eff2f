import { copy } from "./copy.js";
import { Dialog } from "./dialog.js";
import { dress } from "./dress.js";
import { get, post } from "./server.js";

/** Where links to a conversation are made, copied and revoked. */
class Share {
  #element;
  #dialog;
  #list;
  #none;
  #status;
  #template;
  #seats;
  #seatTemplate;
  #id = "";

  constructor(element) {
    this.#element = element;
    this.#dialog = new Dialog(element);
    this.#list = element.querySelector("[data-role=links]");
    this.#none = element.querySelector("[data-role=links-none]");
    this.#status = element.querySelector("[data-role=links-status]");
    this.#template = element.querySelector("[data-role=link-template]");
    this.#seats = element.querySelector("[data-role=seats]");
    this.#seatTemplate = element.querySelector("[data-role=seat-template]");
  }

  async start() {
    this.#dialog.start();
    this.#element.addEventListener("click", ({ target }) => this.#clicked(target.closest("[data-act]")));
    const { style, more } = this.#element.dataset;
    await Promise.all([dress(style), dress(more)]);
  }

  /** Shows the links of a conversation. */
  async open(id) {
    this.#id = id;
    this.#show([]);
    this.#seat([]);
    this.#none.hidden = true;
    this.#say("");
    this.#dialog.open();
    const { ok, data } = await get(this.#path);
    if (id !== this.#id) return;
    if (!ok) return this.#refuse(data);
    this.#show(data.links);
    this.#seat(data.people);
  }

  #clicked(button) {
    const act = button?.dataset.act;
    const item = button?.closest("[data-role=link]");
    if (act === "create") this.#create(button);
    if (act === "copy") this.#copy(item);
    if (act === "revoke") this.#revoke(item, button);
    if (act === "remove") this.#remove(button.closest("[data-role=seat]"), button);
  }

  async #create(button) {
    button.disabled = true; // once is once
    const { ok, data } = await post(this.#path, { right: button.dataset.right });
    button.disabled = false;
    if (!ok) return this.#refuse(data);
    const item = this.#item(data);
    this.#list.prepend(item);
    this.#none.hidden = true;
    this.#say(this.#words.created);
    field(item).focus();
    field(item).select();
  }

  async #copy(item) {
    const done = await copy(field(item).value);
    if (!done) field(item).select();
    this.#say(done ? this.#words.copied : this.#words.uncopied);
  }

  async #revoke(item, button) {
    button.disabled = true;
    const { ok, status, data } = await post(`${this.#path}${item.dataset.link}/revoke/`);
    if (!ok && status !== 404) {
      button.disabled = false;
      return this.#refuse(data);
    }
    item.remove(); // also if somebody else was quicker
    this.#none.hidden = this.#list.childElementCount > 0;
    this.#say(this.#words.revoked);
    this.#element.querySelector("[data-act=create]").focus();
  }

  async #remove(seat, button) {
    button.disabled = true;
    const { ok, data } = await post(`/c/${this.#id}/people/${seat.dataset.person}/remove/`);
    button.disabled = false;
    if (!ok) return this.#refuse(data);
    this.#say(this.#words.removed.replace("{name}", seat.dataset.name));
    seat.remove();
    this.#showSeats();
    this.#element.querySelector("[data-act=create]").focus();
  }

  /** Who takes part in a private conversation; in a room nobody is told here. */
  #seat(people) {
    this.#seats.replaceChildren(...people.map((person) => this.#seatOf(person)));
    this.#showSeats();
  }

  #seatOf({ id, name }) {
    const seat = this.#seatTemplate.content.firstElementChild.cloneNode(true);
    Object.assign(seat.dataset, { person: id, name });
    seat.querySelector("[data-role=seat-name]").textContent = name;
    const button = seat.querySelector("[data-act=remove]");
    button.setAttribute("aria-label", button.getAttribute("aria-label").replace("{name}", name));
    return seat;
  }

  #showSeats() {
    this.#element.querySelector("[data-role=taking-part]").hidden = this.#seats.childElementCount === 0;
  }

  #show(links) {
    this.#list.replaceChildren(...links.map((link) => this.#item(link)));
    this.#none.hidden = links.length > 0;
  }

  #item({ id, right, path }) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    item.dataset.link = id;
    const what = item.querySelector("[data-role=link-right]");
    what.textContent = what.dataset[right];
    field(item).value = new URL(path, location.href).href;
    field(item).addEventListener("focus", ({ target }) => target.select());
    return item;
  }

  #refuse(data) {
    this.#say(data?.detail ?? this.#words.failed, true);
  }

  #say(text, isBad = false) {
    this.#status.textContent = text;
    this.#status.classList.toggle("form-error", isBad);
  }

  get #path() {
    return `/c/${this.#id}/links/`;
  }

  get #words() {
    return this.#status.dataset;
  }
}

function field(item) {
  return item.querySelector("input");
}

let share = null;

/** Opens the dialog in which a conversation is shared; it is dressed when it is first wanted. */
export async function openShare(conversationId) {
  if (!share) {
    share = new Share(document.querySelector("[data-role=share]"));
    await share.start();
  }
  await share.open(conversationId);
}
