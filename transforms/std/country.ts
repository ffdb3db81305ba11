import { reject } from "./reject";

declare const __kopru: { country(text: string): string | undefined };

/**
 * The ISO 3166 code of two letters for a code of two or three letters, or for a name in English, Dutch, Norwegian,
 * Swedish, Danish, German, French, Turkish, Finnish, Spanish, Italian, Portuguese, Polish or Czech. Empty text gives
 * the fallback. What is unknown refuses the record rather than ship to the wrong country.
 *
 * @example
 * countryCode("Nederland") // "NL"
 * countryCode("TUR") // "TR"
 * countryCode("", "NO") // "NO"
 */
export function countryCode(text: string | null | undefined, fallback?: string): string {
  const given = String(text ?? "").trim();
  if (given === "" && fallback !== undefined) return countryCode(fallback);
  return __kopru.country(given) ?? reject(given === "" ? "no country is given" : `unknown country "${given}"`, "country");
}
