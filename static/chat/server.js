const PATIENCE = 30_000;

/**
 * Asks the server for what does not go through the socket. Every answer is {ok, status, data}; without
 * one (no network, no JSON) the status is 0, or data null.
 */
export async function post(path, body = null) {
  const headers = { "X-CSRFToken": token(), Accept: "application/json" };
  if (body && !(body instanceof Blob)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  return ask(path, { method: "POST", headers, body });
}

export async function get(path) {
  return ask(path, { headers: { Accept: "application/json" } });
}

async function ask(path, options) {
  try {
    const response = await fetch(path, { ...options, signal: AbortSignal.timeout?.(PATIENCE) });
    return { ok: response.ok, status: response.status, data: await response.json().catch(() => null) };
  } catch {
    return { ok: false, status: 0, data: null };
  }
}

/** Read when it is needed: logging in, in another tab, changes it. */
export function token() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
}
