import { reject } from "./reject";

// What stands before a SKU that had to be spelled out in digits.
const spelled = "99";

/**
 * A SKU of digits only, for systems that take no others, and a different one for every SKU: "AB-12" and "12" stay two
 * products. A plain number stays as it is; everything else, also "0012", is spelled out, two digits a character, behind
 * 99. skuText() leads back. One that comes out longer than max digits refuses the record.
 *
 * @example
 * skuDigits("4711") // "4711"
 * skuDigits("AB-12") // "993334131718"
 * skuDigits("0012") // "9916161718"
 */
export function skuDigits(sku: unknown, max = 40): string {
  const text = String(sku ?? "").trim();
  if (text === "") return reject("there is no SKU", "sku");
  const out = plain(text) ? text : spelled + Array.from(text, spell).join("");
  return out.length <= max ? out : reject(`the SKU "${text}" has ${out.length} digits where ${max} are the most`, "sku");
}

/**
 * The SKU that skuDigits() made digits of.
 *
 * @example
 * skuText("993334131718") // "AB-12"
 * skuText("4711") // "4711"
 */
export function skuText(digits: unknown): string {
  const text = String(digits ?? "").trim();
  if (!text.startsWith(spelled)) return text;
  let out = "";
  for (let at = spelled.length; at < text.length; ) {
    const code = Number(text.slice(at, at + 2));
    const long = code === wide;
    const end = at + (long ? 9 : 2);
    if (end > text.length || /[^0-9]/.test(text)) return reject(`"${text}" was not made by skuDigits`, "sku");
    out += long ? String.fromCodePoint(Number(text.slice(at + 2, end))) : String.fromCharCode(code + 32);
    at = end;
  }
  return out;
}

const wide = 99; // before the seven digits of a character outside of ASCII

function plain(text: string): boolean {
  return /^(?:0|[1-9][0-9]*)$/.test(text) && !text.startsWith(spelled);
}

// spell gives each character of a keyboard two digits, from "00" for the space to "94", and others nine.
function spell(character: string): string {
  const code = character.codePointAt(0)!;
  if (code >= 32 && code < 127) return String(code - 32).padStart(2, "0");
  return wide + String(code).padStart(7, "0");
}
