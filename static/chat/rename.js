/** A field in the place of a title: Enter or leaving it saves, Escape leaves the title as it is. */
export class Rename {
  #template;
  #onSave;

  /** `onSave(id, title)` resolves to whether it was saved. */
  constructor(template, { onSave }) {
    this.#template = template;
    this.#onSave = onSave;
  }

  open(element, { id, title }) {
    const form = this.#template.content.firstElementChild.cloneNode(true);
    const input = form.querySelector("[data-role=rename-title]");
    input.value = title;
    element.append(form);
    element.toggleAttribute("data-renaming", true);
    const save = () => this.#save(element, form, id, title);
    form.addEventListener("submit", (event) => (event.preventDefault(), save()));
    input.addEventListener("blur", save);
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation(); // it means the field only
      this.#close(element, form);
    });
    input.focus();
    input.select();
  }

  async #save(element, form, id, title) {
    if (!form.isConnected || "saving" in form.dataset) return;
    const wanted = form.querySelector("input").value.trim();
    form.dataset.saving = "";
    if (!wanted || wanted === title || (await this.#onSave(id, wanted))) return this.#close(element, form);
    delete form.dataset.saving;
  }

  #close(element, form) {
    if (!form.isConnected) return;
    const hadFocus = form.contains(document.activeElement);
    form.dataset.saving = ""; // as removing it takes the focus away, which would save
    form.remove();
    element.removeAttribute("data-renaming");
    if (hadFocus) element.querySelector("[data-role=entry-link]").focus();
  }
}
