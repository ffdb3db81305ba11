/**
 * The library that scripts import as "kopru/std".
 *
 * @example
 * import { Decimal, splitStreet } from "kopru/std";
 */
export { Decimal } from "./decimal";
export type { Numeric } from "./decimal";
export { digits, cleanText, cutText, splitName } from "./text";
export type { Name } from "./text";
export { splitStreet } from "./address";
export type { Street } from "./address";
export { countryCode } from "./country";
export { roundMoney, exclVat, inclVat, allocate } from "./money";
export { reject } from "./reject";
