// From a relation of the till to a debtor as the books want it. What goes where in Visma.net stands in
// customers_to_books.hcl.

import { cleanText, countryCode, cutText, splitName } from "kopru/std";

const ours = "visma-"; // what customers.hcl puts before a customer's number

export default function (relation: any, ctx: any) {
  const companyName = text(relation.companyName);
  const person = text(relation.contact);
  const email = text(relation.email)?.toLowerCase() ?? "";
  const name = companyName ?? text(relation.name) ?? person ?? email;
  const ext = text(relation.extRelationId) ?? "";
  return {
    number: ext.startsWith(ours) ? ext.slice(ours.length) : null,
    company: companyName !== null,
    name: cutText(name, 60),
    person,
    ...namesOf(person),
    email,
    phone: text(relation.telephone),
    mobile: text(relation.mobile),
    vatNumber: text(relation.vatNumber),
    active: relation.active !== false,
    address: address(relation, "", ctx),
    delivery: address(relation, "delivery", ctx) ?? address(relation, "", ctx),
  };
}

function namesOf(person: string | null) {
  const { firstName, lastName } = splitName(person ?? "");
  return { firstName: firstName || null, lastName: lastName || null };
}

// address is the relation's own or, with a prefix, its delivery address; that is null when nothing stands in it.
function address(relation: any, prefix: string, ctx: any) {
  const field = (name: string) => text(relation[prefix ? prefix + name[0].toUpperCase() + name.slice(1) : name]);
  const line = field("address");
  if (prefix && line === null && field("city") === null && field("zipcode") === null) return null;
  return {
    ...lines(line, relation.there?.[prefix || "address"]),
    postalCode: field("zipcode"),
    city: field("city"),
    countryId: countryCode(field("country") ?? "", ctx.vars.country),
  };
}

// lines are those that Visma.net has, while they say what the till says; else all of it is the first one.
function lines(line: string | null, there: any) {
  const have = [1, 2, 3].map((n) => text(there?.[`addressLine${n}`]));
  if (have.filter((l) => l !== null).join(" ") !== (line ?? "")) return { addressLine1: line, addressLine2: null, addressLine3: null };
  return { addressLine1: have[0], addressLine2: have[1], addressLine3: have[2] };
}

function text(v: unknown): string | null {
  const s = typeof v === "string" ? cleanText(v) : "";
  return s === "" ? null : s;
}
