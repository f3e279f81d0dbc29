// Times as Slack words them, in the reader's time zone and by the server's clock.
import { store } from "./store.js";

const format = (options) => new Intl.DateTimeFormat("en-US", options);
const CLOCK = format({ hour: "numeric", minute: "2-digit" });
const SECONDS = format({ hour: "numeric", minute: "2-digit", second: "2-digit" });
const DAY = format({ weekday: "long", month: "long", day: "numeric" });
const DAY_YEAR = format({ month: "long", day: "numeric", year: "numeric" });
const FULL = format({ dateStyle: "full", timeStyle: "medium" });
const SHORT = format({ month: "short", day: "numeric", year: "numeric" });
const LONG = format({ weekday: "long", month: "long", day: "numeric", year: "numeric" });
const NUMERIC = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" });

const at = (ts) => new Date(Number(ts) * 1000);
export const dayKey = (ts) => NUMERIC.format(at(ts));
export const clock = (ts) => CLOCK.format(at(ts));
export const fullTime = (ts) => FULL.format(at(ts));

function near(ts) {
  const now = store.state?.now ?? Number(ts);
  if (dayKey(ts) === dayKey(now)) return "today";
  if (dayKey(ts) === dayKey(now - 86400)) return "yesterday";
  return dayKey(ts) === dayKey(now + 86400) ? "tomorrow" : "";
}

export function dayTitle(ts) {
  const word = near(ts);
  if (word) return word[0].toUpperCase() + word.slice(1);
  return at(ts).getFullYear() === at(store.state.now).getFullYear() ? DAY.format(at(ts)) : DAY_YEAR.format(at(ts));
}

export const when = (ts) => `${near(ts) || SHORT.format(at(ts))} at ${clock(ts)}`;

function ago(ts) {
  const seconds = Number(ts) - store.state.now;
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return "just now";
}

const TOKENS = {
  date_num: dayKey,
  date: (ts) => DAY_YEAR.format(at(ts)),
  date_short: (ts) => SHORT.format(at(ts)),
  date_long: (ts) => LONG.format(at(ts)),
  date_pretty: (ts) => near(ts) || DAY_YEAR.format(at(ts)),
  date_short_pretty: (ts) => near(ts) || SHORT.format(at(ts)),
  date_long_pretty: (ts) => near(ts) || LONG.format(at(ts)),
  time: clock,
  time_secs: (ts) => SECONDS.format(at(ts)),
  ago,
};

/** `{date_short} at {time}` filled in for `ts`; the fallback when either is unusable. */
export function dateTokens(ts, pattern, fallback) {
  if (!Number.isFinite(Number(ts)) || ts === "") return fallback;
  let known = true;
  const text = pattern.replace(/\{(\w+)\}/g, (_, token) => {
    if (!Object.hasOwn(TOKENS, token)) { known = false; return ""; }
    return TOKENS[token](ts);
  });
  return known ? text : fallback;
}
