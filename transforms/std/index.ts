/**
 * The library that scripts import as "kopru/std".
 *
 * @example
 * import { Decimal, splitStreet } from "kopru/std";
 */
export { Decimal } from "./decimal";
export type { Amount, DecimalClass, Numeric } from "./decimal";
export { digits, cleanText, cutText, splitName } from "./text";
export type { Name } from "./text";
export { skuDigits, skuText } from "./sku";
export { ean, eanCheckDigit, isEan } from "./ean";
export { splitStreet } from "./address";
export type { Street } from "./address";
export { countryCode } from "./country";
export { phoneNumber } from "./phone";
export { roundMoney, roundTo, exclVat, inclVat, vatIn, allocate } from "./money";
export { vatNumber } from "./vat";
export { reject } from "./reject";
export type { Context, Input, Scripts } from "./transform";
