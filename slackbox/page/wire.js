// The only place that talks to the server.

/** A refused call, with the server's sentence. */
export class Refusal extends Error {
  constructor(name, detail) {
    super(detail || name);
    this.name = "Refusal";
    this.code = name;
  }
}

async function read(response) {
  const type = response.headers.get("content-type") ?? "";
  const body = type.includes("json") ? await response.json() : {};
  if (!response.ok || body.ok === false) throw new Refusal(body.error ?? `http_${response.status}`, body.detail ?? `The server answered ${response.status}.`);
  return body;
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refusal("unreachable", "The local Slack does not answer; is it still running?");
  }
  return read(response);
}

const stateOf = (user) => call(`/_box/state?user=${encodeURIComponent(user)}`, { cache: "no-store" });

/** What `user` sees; without a user, what the first one sees that the server names when it asks for one. */
export async function fetchState(user) {
  try {
    return await stateOf(user);
  } catch (refusal) {
    const first = /\b[UW][A-Z0-9]{5,}\b/.exec(refusal.message.replaceAll(user || "''", ""));
    if (refusal.code !== "user_not_found" || !first) throw refusal;
    return stateOf(first[0]);
  }
}

export const post = (verb, body) =>
  call(`/_box/${verb}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** Calls `onRevision(n)` for each change and `onLink(up)` when the stream comes or goes; returns a function that ends it. */
export function listen(user, onRevision, onLink) {
  const stream = new EventSource(`/_box/events?user=${encodeURIComponent(user)}`);
  stream.onopen = () => onLink(true);
  stream.onerror = () => onLink(false);
  stream.onmessage = (event) => {
    try { onRevision(JSON.parse(event.data).revision); } catch { onRevision(-1); }
  };
  return () => stream.close();
}
