const LONGEST = 160;

/** Whether the browser lets the page notify; only its user can say, so it is asked when they want it. */
export async function mayNotify() {
  return "Notification" in window && (await Notification.requestPermission()) === "granted";
}

/** Says who wrote what. Through the worker where there is one: some browsers know no other way. */
export async function notify({ author, text }) {
  if (globalThis.Notification?.permission !== "granted") return;
  const body = Array.from(text).slice(0, LONGEST).join("");
  const options = { body, tag: location.pathname, data: { url: location.href } };
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker?.active) return worker.showNotification(author.name, options);
  const notification = new Notification(author.name, options);
  notification.onclick = () => (window.focus(), notification.close());
}
