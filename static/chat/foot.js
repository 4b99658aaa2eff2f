const COPIED_FOR = 2000;
const ROLES = ["continue", "retry", "regenerate", "remove", "edit", "delete", "copy"];

/** Below a message: what one can do with it, and which of its versions this is. */
export class Foot {
  #buttons;
  #versions;
  #part;
  #copied = null;

  constructor(element) {
    this.#part = (role) => element.querySelector(`[data-role=${role}]`);
    this.#buttons = ROLES.map((role) => [role, this.#part(role)]);
    this.#versions = this.#part("versions");
  }

  stop() {
    clearTimeout(this.#copied);
  }

  /** `status` is the one that the reader sees; a message that `waits` is not answered yet. */
  show(message, status, waits) {
    const offered = offers(message, status, waits);
    const helps = help(offered, message, status);
    for (const [role, button] of this.#buttons) {
      button.hidden = !offered.includes(role);
      button.toggleAttribute("data-helps", role === helps);
    }
    this.#count(message);
  }

  /** Says that it was copied, where the reader is looking. */
  confirmCopy() {
    const words = this.#part("copied");
    words.hidden = false;
    clearTimeout(this.#copied);
    this.#copied = setTimeout(() => (words.hidden = true), COPIED_FOR);
    return words.textContent;
  }

  #count({ version, versions }) {
    this.#versions.hidden = !(versions > 1);
    if (this.#versions.hidden) return;
    const label = this.#versions.dataset.label.replace("{version}", version).replace("{versions}", versions);
    this.#versions.setAttribute("aria-label", label);
    this.#part("version").textContent = `${version}/${versions}`;
    // Not `disabled`: the keyboard would lose its place at the first version and the last.
    this.#part("previous").setAttribute("aria-disabled", version <= 1);
    this.#part("next").setAttribute("aria-disabled", version >= versions);
  }
}

function offers({ id, author, mine, text, error, reply_to: question }, status, waits) {
  if (!id) return [];
  const live = ["waiting", "streaming", "unfinished"].includes(status);
  const ended = author.kind === "assistant" && !live;
  const brokeOff = ["stopped", "interrupted"].includes(status) || error?.code === "cut_short";
  const offered = {
    continue: ended && (brokeOff || (status === "failed" && (text !== "" || question == null))),
    // Nobody asked for a greeting, so nobody can ask for it again.
    retry: ended && status === "failed" && question != null,
    regenerate: ended && status !== "failed" && question != null,
    remove: mine && waits,
    edit: mine && !waits,
    // Whose it may be, the page's clothes tell.
    delete: !live && !waits,
    copy: text !== "",
  };
  return ROLES.filter((role) => offered[role]);
}

/** The one thing that helps, where something went wrong. */
function help(offered, { error }, status) {
  const isBroken = status === "failed" || status === "interrupted" || error?.code === "cut_short";
  return isBroken ? offered.find((role) => role === "continue" || role === "retry") : null;
}
