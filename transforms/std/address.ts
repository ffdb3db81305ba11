import { cleanText } from "./text";

/** A street line taken apart. When sure is false, street is the whole line and the other parts are empty. */
export interface Street {
  street: string;
  number: string;
  addition: string;
  sure: boolean;
}

// Where the number stands before the street: "12 Rue de Rivoli".
const numberFirst = ["FR", "GB", "IE", "US", "CA", "AU", "NZ", "LU", "MC", "MT", "IN", "ZA"];
// Where "5-3" means number 5, addition 3; elsewhere a hyphen joins the first and the last number of a range.
const hyphenAdds = ["NL", "BE"];

const leading = /^(\d{1,5}) ?(bis|ter|quater|[a-z])?(?:, ?| )(\S.*)$/i;
// What stands before a number and only says that it is one: "No:5".
const label = /(?:^|[\s,])(?:(?:no|nr|num|nummer|numara|hnr|huisnummer)[.:]?|№|#)\s*$/i;
const postBox = /^(?:postbus|postboks|postfach|box|p\.? ?o\.? ?box|bo[iî]te postale|b\.?p\.?|posta kutusu|p\.?k\.?|antwoordnummer)(?:[^a-z]|$)/i;

const additions = [
  /^[a-z]{1,2}$/i, // 12a, 12 A
  /^(?:bis|ter|quater|hs|huis|rood|zwart|rd|zw|boven|beneden)$/i,
  /^[ivx]{1,4}$/i, // Roman, as on Dutch floors
  /^[a-z] ?-? ?\d{1,4}$/i, // A 12, H0101
  /^\d{1,4} ?[a-z]?$/i, // 3 of 5-3, 2b
  /^\d{0,2}(?:e|de|\.)? ?(?:hoog|verdieping|etage|etg|sal|tv|th|mf)\.?$/i, // 2 hoog, 2. tv
  // lgh 1101, D:3, bus 4, and several of them
  /^(?:(?:lgh|leil|leilighet|bolig|app?t?|appartement|apartment|unit|flat|suite|daire|kat|bus|bte|box|wohnung|whg|etg|et|st|k|d)[.:]? ?\d{1,4} ?[a-z]?(?:[\s,/]+|$))+$/i,
];

/**
 * Takes a street line apart into street, house number and addition. Lines that can be read in two ways, and those
 * without a number, are kept whole with sure = false: a parcel can be delivered to a whole line, but not to a wrong
 * number. The country (two letters) decides where ways of writing differ.
 *
 * @example
 * splitStreet("Van der Takstraat 8 bis") // { street: "Van der Takstraat", number: "8", addition: "bis", sure: true }
 * splitStreet("Atatürk Cad. No:5 D:3", "TR") // { street: "Atatürk Cad.", number: "5", addition: "D:3", sure: true }
 */
export function splitStreet(text: unknown, country?: string): Street {
  const line = cleanText(text);
  const unsure = { street: line, number: "", addition: "", sure: false };
  if (line === "" || postBox.test(line)) return unsure;
  const code = (country ?? "").toUpperCase();
  const first = leading.exec(line);
  if (first !== null && numberFirst.includes(code)) {
    if (/\d$/.test(first[3])) return unsure; // a number at both ends
    return { street: first[3], number: first[1], addition: first[2] ?? "", sure: true };
  }
  for (let at = nextNumber(line, 1); at > 0; at = nextNumber(line, at + 1)) {
    const found = splitAt(line, at, code);
    if (found !== null) return found;
  }
  return unsure;
}

// nextNumber is where a number that stands by itself begins, from there on; -1 when there is none.
function nextNumber(line: string, from: number): number {
  for (let i = from; i < line.length; i++) {
    if (/\d/.test(line.charAt(i)) && /[\s,.:#№]/.test(line.charAt(i - 1))) return i;
  }
  return -1;
}

// splitAt takes the number there for the house number; null when what surrounds it says that it is not.
function splitAt(line: string, at: number, country: string): Street | null {
  const street = line.slice(0, at).replace(label, "").replace(/[\s,]+$/, "");
  const rest = /^(\d+)( ?[-–/] ?| ?, ?| ?)(.*)$/.exec(line.slice(at))!;
  const number = rest[1];
  const joint = rest[2].trim();
  const addition = rest[3];
  if (number.length > 5 || !/[a-z\u0080-\uffff]/i.test(street)) return null;
  const before = / (\d+)$/.exec(street);
  if (before !== null && !isYear(before[1])) return null; // "Kerkstraat 12 14"
  if (addition === "") {
    if (isYear(number)) return null; // "Plein 1944"
    return { street, number, addition, sure: true };
  }
  if (!additions.some((a) => a.test(addition))) return null;
  const digits = /^\d+/.exec(addition);
  if (digits !== null && joint === "" && /^\d+ ?[a-z]?$/i.test(addition)) return null; // "Plein 1944 12"
  if (digits !== null && (joint === "-" || joint === "–") && Number(digits[0]) > Number(number)) {
    if (country === "" || hyphenAdds.includes(country)) return null; // an addition, or a range?
    return { street, number: `${number}-${addition}`, addition: "", sure: true };
  }
  return { street, number, addition, sure: true };
}

function isYear(number: string): boolean {
  return Number(number) >= 1800 && Number(number) <= 2029;
}
