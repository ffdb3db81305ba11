// Where a customer is, and what follows from it: addresses in the shapes of Visma.net, and which of a merchant's
// settings hold there.

import { cleanText, countryCode } from "kopru/std";

const eu = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split(" ");

// Area is where a country lies, seen from the shop's.
export type Area = "domestic" | "eu" | "outside";

export function areaOf(country: string, home: string): Area {
  if (country === home) return "domestic";
  return eu.includes(country) && eu.includes(home) ? "eu" : "outside";
}

// setting is the value that holds for a country and a kind of customer: the country's own, then that of the kind in the
// area (eu_company), the area (eu) and the kind (company). It is null where none of them is set.
export function setting(values: any, country: string, area: Area, company: boolean): string | null {
  const kind = company ? "company" : "person";
  for (const key of [country, `${area}_${kind}`, area, kind]) {
    if (values?.[key] !== undefined) return values[key];
  }
  return null;
}

// vatNumber is a VAT number of the EU without its blanks, or null when it can't be one.
export function vatNumber(text: unknown, country: string): string | null {
  const number = cleanText(text).replace(/[\s.-]/g, "").toUpperCase();
  const prefix = country === "GR" ? "EL" : country;
  return number.startsWith(prefix) && /^[A-Z]{2}[0-9A-Z+*]{2,12}$/.test(number) ? number : null;
}

export interface Place {
  line: string;
  postalCode: string | null;
  city: string | null;
  country: string;
}

// place reads an address of the till, or where nothing is filled in that of the relation.
export function place(address: any, relation: any, home: string): Place {
  const own = text(address.address) !== null || text(address.city) !== null;
  const from = own ? address : relation;
  const country = countryCode(text(from.country) ?? "", home);
  return {
    line: text(from.address) ?? "", // Visma.net has one line for street and number too
    postalCode: text(from.zipcode),
    city: text(from.city),
    country,
  };
}

// filled is the address when anything stands in it.
export function filled(address: any): any {
  return Object.values(address ?? {}).some((v) => text(v) !== null) ? address : null;
}

// text is what a field says, or null when it says nothing.
export function text(v: unknown): string | null {
  const s = typeof v === "string" ? cleanText(v).trim() : "";
  return s === "" ? null : s;
}
