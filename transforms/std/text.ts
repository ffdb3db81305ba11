/**
 * Only the digits of a text.
 *
 * @example
 * digits("SKU 12-34") // "1234"
 */
export function digits(text: unknown): string {
  return String(text ?? "").replace(/[^0-9]+/g, "");
}

/**
 * Without control characters: tabs and line ends become spaces, runs of spaces one, and ends are trimmed.
 *
 * @example
 * cleanText(" two\t lines\n") // "two lines"
 */
export function cleanText(text: unknown): string {
  return String(text ?? "")
    .replace(/[\t\r\n\f\v\u0085\u00a0\u2028\u2029]+/g, " ")
    .replace(/[\u0000-\u001f\u007f-\u009f\u200b\u2060\ufeff]+/g, "")
    .replace(/ +/g, " ")
    .trim();
}

/**
 * At most `max` characters, cut behind a word and ended with "…". Text that fits stays as it is.
 *
 * @example
 * cutText("a very long name", 12) // "a very long…"
 */
export function cutText(text: unknown, max: number): string {
  const whole = String(text ?? "");
  if (whole.length <= max) return whole;
  if (max < 1) return "";
  let cut = whole.slice(0, max - 1);
  if (isHighSurrogate(cut.charCodeAt(cut.length - 1))) cut = cut.slice(0, -1);
  const next = whole.charAt(cut.length);
  const space = cut.lastIndexOf(" ");
  if (next !== " " && space >= max / 2) cut = cut.slice(0, space);
  return cut.replace(/[\s,;:.-]+$/, "") + "…";
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** A person's name in two parts. */
export interface Name {
  firstName: string;
  lastName: string;
}

const particles =
  " van von der den de het 't ter ten te tot op in aan bij uit vande vander la le du des di da dos del zu zum zur af av el al bin ibn ";
const titles = " dhr mevr mw mej mr mrs ms miss dr prof ir ing drs herr frau hr fr fru bay bayan sayın ";

/**
 * Splits a name; particles belong to the last name and forms of address are dropped. One word is a last name.
 *
 * @example
 * splitName("Dhr. Jan van der Berg") // { firstName: "Jan", lastName: "van der Berg" }
 * splitName("Berg, Jan") // { firstName: "Jan", lastName: "Berg" }
 */
export function splitName(text: unknown): Name {
  const clean = cleanText(text);
  const comma = clean.indexOf(",");
  if (comma > 0) return { firstName: clean.slice(comma + 1).trim(), lastName: clean.slice(0, comma).trim() };
  const words = clean.split(" ").filter((w) => w !== "");
  while (words.length > 1 && has(titles, words[0].replace(/\.+$/, ""))) words.shift();
  if (words.length === 0) return { firstName: "", lastName: "" };
  let last = words.length - 1;
  for (let i = last - 1; i >= 1; i--) {
    if (has(particles, words[i])) last = i;
  }
  if (has(particles, words[0])) last = 0;
  return { firstName: words.slice(0, last).join(" "), lastName: words.slice(last).join(" ") };
}

function has(list: string, word: string): boolean {
  return list.includes(" " + word.toLowerCase() + " ");
}
