/**
 * The check digit of an article number (GTIN-8, GTIN-12 or UPC, GTIN-13 or EAN, GTIN-14) that lacks it. What is no such
 * number gives "".
 *
 * @example
 * eanCheckDigit("400638133393") // "1"
 */
export function eanCheckDigit(digits: unknown): string {
  const text = String(digits ?? "").trim();
  if (!/^(?:\d{7}|\d{11,13})$/.test(text)) return "";
  let sum = 0;
  for (let i = 0; i < text.length; i++) {
    sum += Number(text.charAt(text.length - 1 - i)) * (i % 2 === 0 ? 3 : 1);
  }
  return String((10 - (sum % 10)) % 10);
}

/**
 * Whether a text is an article number of 8, 12, 13 or 14 digits with the right check digit.
 *
 * @example
 * isEan("4006381333931") // true
 * isEan("4006381333932") // false
 */
export function isEan(text: unknown): boolean {
  const code = String(text ?? "").trim();
  return code.length > 1 && eanCheckDigit(code.slice(0, -1)) === code.slice(-1);
}

/**
 * An article number in the form in which two of them can be compared: spaces and hyphens removed, a UPC of twelve digits
 * with the 0 that makes an EAN of it. A wrong check digit, or what is no article number, gives "".
 *
 * @example
 * ean("0 36000-29145 2") // "0036000291452"
 * ean("4006381333932") // ""
 */
export function ean(text: unknown): string {
  const code = String(text ?? "").replace(/[\s-]+/g, "");
  if (!isEan(code)) return "";
  return code.length === 12 ? "0" + code : code;
}
