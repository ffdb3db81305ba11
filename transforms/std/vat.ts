// Of each country: the letters before the number, and what the number looks like.
const forms: { [country: string]: [string, RegExp] } = {
  AT: ["AT", /^U\d{8}$/],
  BE: ["BE", /^[01]\d{9}$/],
  BG: ["BG", /^\d{9,10}$/],
  CH: ["CHE", /^\d{9}(?:MWST|TVA|IVA)?$/],
  CY: ["CY", /^\d{8}[A-Z]$/],
  CZ: ["CZ", /^\d{8,10}$/],
  DE: ["DE", /^\d{9}$/],
  DK: ["DK", /^\d{8}$/],
  EE: ["EE", /^\d{9}$/],
  ES: ["ES", /^[A-Z0-9]\d{7}[A-Z0-9]$/],
  FI: ["FI", /^\d{8}$/],
  FR: ["FR", /^[A-HJ-NP-Z0-9]{2}\d{9}$/],
  GB: ["GB", /^(?:\d{9}|\d{12}|GD\d{3}|HA\d{3})$/],
  GR: ["EL", /^\d{9}$/],
  HR: ["HR", /^\d{11}$/],
  HU: ["HU", /^\d{8}$/],
  IE: ["IE", /^(?:\d{7}[A-W][A-I]?|\d[A-Z+*]\d{5}[A-W])$/],
  IT: ["IT", /^\d{11}$/],
  LT: ["LT", /^(?:\d{9}|\d{12})$/],
  LU: ["LU", /^\d{8}$/],
  LV: ["LV", /^\d{11}$/],
  MT: ["MT", /^\d{8}$/],
  NL: ["NL", /^\d{9}B\d{2}$/],
  NO: ["NO", /^\d{9}(?:MVA)?$/],
  PL: ["PL", /^\d{10}$/],
  PT: ["PT", /^\d{9}$/],
  RO: ["RO", /^\d{2,10}$/],
  SE: ["SE", /^\d{10}01$/],
  SI: ["SI", /^\d{8}$/],
  SK: ["SK", /^\d{10}$/],
  TR: ["TR", /^\d{10}$/],
  XI: ["XI", /^(?:\d{9}|\d{12}|GD\d{3}|HA\d{3})$/],
};

/**
 * A VAT number as systems compare it: capitals, no points, spaces or hyphens, with its country in front. The country
 * (two letters) is that of numbers which name none. What does not look like one of that country gives ""; whether it is
 * registered, only the tax office knows.
 *
 * @example
 * vatNumber("nl 8234.56.789.B01") // "NL823456789B01"
 * vatNumber("123456789 mva", "NO") // "NO123456789MVA"
 * vatNumber("DE12345") // ""
 */
export function vatNumber(text: unknown, country?: string): string {
  const given = String(text ?? "")
    .toUpperCase()
    .replace(/[\s.,/-]+/g, "");
  for (const [prefix, form] of Object.values(forms)) {
    if (given.startsWith(prefix) && form.test(given.slice(prefix.length))) return given;
  }
  const own = forms[(country ?? "").toUpperCase()];
  return own !== undefined && own[1].test(given) ? own[0] + given : "";
}
