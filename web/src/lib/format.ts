/** Numbers and times for people: thin spaces between thousands, ISO dates in UTC, no locale surprises. */

const THIN = "\u202f";
const MINUS = "\u2212";

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** 12345.6 → "12 346"; digits counts the decimals. Nothing gives "–". */
export function number(x: number | undefined, digits = 0): string {
  if (x === undefined || !Number.isFinite(x)) return "–";
  const [whole = "0", rest] = Math.abs(x).toFixed(digits).split(".");
  const text = group(whole) + (rest === undefined ? "" : `.${rest}`);
  const zero = !/[1-9]/.test(text);
  return x < 0 && !zero ? MINUS + text : text;
}

/** An amount with its unit, to the whole: 12345.6, "EUR" → "12 346 EUR". */
export function money(x: number | undefined, unit: string): string {
  return x === undefined || !Number.isFinite(x) ? "–" : `${number(x)}${THIN}${unit}`;
}

/** A share between 0 and 1 as per cent: 0.756 → "76 %". */
export function percent(x: number | undefined): string {
  return x === undefined || !Number.isFinite(x) ? "–" : `${number(100 * x)}${THIN}%`;
}

/** 1536000 → "1.5 MB", in steps of 1000 bytes. */
export function bytes(n: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  while (n >= 1000 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return `${number(n, i === 0 || n >= 100 ? 0 : 1)}${THIN}${units[i] ?? ""}`;
}

/** The UTC day of an instant, YYYY-MM-DD. */
export function day(at: string | undefined): string {
  const t = at === undefined ? NaN : Date.parse(at);
  return Number.isNaN(t) ? "–" : new Date(t).toISOString().slice(0, 10);
}

/** Day and minute in UTC, YYYY-MM-DD HH:MM. */
export function minute(at: string | undefined): string {
  const t = at === undefined ? NaN : Date.parse(at);
  return Number.isNaN(t) ? "–" : new Date(t).toISOString().slice(0, 16).replace("T", " ");
}

/** How long something took, to two units: "1 h 5 min", "12 s", "340 ms". */
export function duration(from: string, to: string | undefined): string {
  const ms = Date.parse(to ?? "") - Date.parse(from);
  if (!Number.isFinite(ms) || ms < 0) return "–";
  if (ms < 1000) return `${ms}${THIN}ms`;
  const s = Math.round(ms / 1000);
  if (s < 60) return `${s}${THIN}s`;
  const m = Math.floor(s / 60);
  if (m < 60) return s % 60 ? `${m}${THIN}min ${s % 60}${THIN}s` : `${m}${THIN}min`;
  return `${Math.floor(m / 60)}${THIN}h ${m % 60}${THIN}min`;
}

/** The first twelve digits of a digest, enough for people. */
export function short(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}

/** 1 → "1 row", 2 → "2 rows". */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${number(n)} ${n === 1 ? one : many}`;
}

/** ["a", "b", "c"] → "a, b and c". */
export function list(words: string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1) ?? ""}`;
}

/** A measured number to six digits: 0.123457, 1.5e-7, 12 345.7. Nothing gives "–". */
export function figure(x: number | null | undefined): string {
  if (x === undefined || x === null || !Number.isFinite(x)) return "–";
  const size = Math.abs(x);
  if (x !== 0 && (size < 1e-4 || size >= 1e9)) {
    return Number(x.toPrecision(6)).toExponential().replace("e+", "e").replaceAll("-", MINUS);
  }
  const [whole = "0", rest] = String(Number(size.toPrecision(6))).split(".");
  return (x < 0 ? MINUS : "") + group(whole) + (rest === undefined ? "" : `.${rest}`);
}

/** The instant of Unix milliseconds as the API writes instants. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}
