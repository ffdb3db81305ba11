// From an order as the till keeps it to one as the books want it: addresses taken apart, prices without VAT, and the
// proof that the total stays what the customer paid. What goes where in Visma.net stands in orders.hcl.

import { Decimal, allocate, countryCode, cleanText, cutText, splitName, splitStreet } from "kopru/std";

type Amount = Decimal;

interface Line {
  sku: string;
  text: string;
  quantity: Amount;
  unitPrice: Amount;
  discountAmount: Amount;
  taxCategory: string;
}

const zero = Decimal(0);
const cent = 2;

export default function (order: any, ctx: any) {
  const relation = order.relation ?? {};
  const invoice = filled(order.invoiceAddress) ?? {};
  const delivery = filled(order.deliveryAddress) ?? invoice;
  const buyer = customer(relation, invoice, ctx);
  if (buyer === null && ctx.vars.default_debtor === "") {
    ctx.fail("the order has no customer with an e-mail address, and no default_debtor is set", { field: "relation.email" });
  }
  const { taken, total } = take(order, ctx);
  const isReturn = total.lt(zero);
  const sign = isReturn ? Decimal(-1) : Decimal(1);
  const { lines, rounding, vatCharged } = price(order, taken, total, sign, ctx);

  return {
    orderId: order.orderId,
    reference: order.reference,
    employeeNumber: order.employeeNumber,
    date: order.financialDate ?? order.entryTimestamp?.slice(0, 10),
    description: cutText(cleanText(`Till order ${order.reference}`), 255),
    deliveryMethod: order.deliveryMethod ?? null,
    paymentMethod: order.paymentList?.[0]?.method ?? order.paymentMethod ?? null,
    isReturn,
    vatCharged,
    customer: buyer,
    billing: { address: orderAddress(invoice, relation, ctx), contact: contact(invoice, relation) },
    delivery: {
      address: customerAddress(delivery, relation, ctx),
      orderAddress: orderAddress(delivery, relation, ctx),
      contact: contact(delivery, relation),
    },
    lines,
    rounding,
    total,
  };
}

// ---- who

function customer(relation: any, invoice: any, ctx: any) {
  const email = text(relation.email)?.toLowerCase();
  if (!email) return null;
  const companyName = text(relation.companyName) ?? text(invoice.companyName);
  const person = text(relation.contact) ?? text(invoice.contact) ?? (companyName ? null : text(relation.name));
  const { firstName, lastName } = splitName(person ?? "");
  return {
    company: companyName !== null,
    name: cutText(companyName ?? text(relation.name) ?? person ?? email, 60),
    person,
    firstName: firstName || null,
    lastName: lastName || null,
    email,
    phone: text(relation.mobile) ?? text(relation.telephone),
    vatNumber: text(relation.vatNumber),
    address: customerAddress(invoice, relation, ctx),
  };
}

function contact(address: any, relation: any) {
  return {
    name: cutText(text(address.companyName) ?? text(address.name) ?? text(relation.name) ?? "", 255) || null,
    attention: text(address.contact),
    email: text(relation.email)?.toLowerCase() ?? null,
    phone1: text(relation.mobile) ?? text(relation.telephone),
  };
}

// ---- where

// filled is the address when anything stands in it.
function filled(address: any): any {
  return Object.values(address ?? {}).some((v) => text(v) !== null) ? address : null;
}

interface Place {
  line: string;
  postalCode: string | null;
  city: string | null;
  country: string;
}

function place(address: any, relation: any, ctx: any): Place {
  const own = text(address.address) !== null || text(address.city) !== null;
  const from = own ? address : relation;
  const country = countryCode(text(from.country) ?? "", ctx.vars.country);
  const street = splitStreet(text(from.address) ?? "", country);
  const number = [street.number, street.addition].filter(Boolean).join(" ");
  return {
    line: street.sure && number ? `${street.street} ${number}` : (text(from.address) ?? ""),
    postalCode: text(from.zipcode),
    city: text(from.city),
    country,
  };
}

function customerAddress(address: any, relation: any, ctx: any) {
  const p = place(address, relation, ctx);
  return { addressLine1: p.line, postalCode: p.postalCode, city: p.city, countryId: p.country };
}

function orderAddress(address: any, relation: any, ctx: any) {
  const p = place(address, relation, ctx);
  return { line1: cutText(p.line, 50), postalCode: p.postalCode, city: p.city, countryId: p.country };
}

function text(v: unknown): string | null {
  const s = typeof v === "string" ? cleanText(v).trim() : "";
  return s === "" ? null : s;
}

// ---- how much

interface Taken {
  source: any;
  quantity: Amount;
  incl: Amount; // what the customer paid for the line
  rate: Amount; // percent
}

// take reads the lines that count, less what of them was cancelled, and the total that they must come to.
function take(order: any, ctx: any): { taken: Taken[]; total: Amount } {
  const free = order.vatMethod === "VAT-METHOD-SHIFTED" || order.vatMethod === "VAT-METHOD-NONE";
  let full = zero;
  const taken: Taken[] = [];
  for (const source of order.lineList ?? []) {
    const data = source.data ?? {};
    if (!source.articleNumber && !source.data) continue; // a line of text
    const ordered = Decimal(data.quantity ?? 0);
    const quantity = ordered.minus(Decimal(data.cancelledQuantity ?? 0));
    const ofLine = Decimal(data.totalInclAmount ?? ordered.times(Decimal(data.price ?? 0)).round(cent));
    full = full.plus(ofLine);
    if (quantity.isZero() && !ordered.isZero()) continue;
    const incl = quantity.eq(ordered) ? ofLine : ofLine.times(quantity).div(ordered, cent);
    taken.push({ source, quantity, incl, rate: free ? zero : Decimal(data.vatPercentage ?? 0) });
  }
  const total = Decimal(order.totalInclAmount ?? full);
  const left = sum(taken.map((t) => t.incl));
  const partly = !left.eq(full);
  if (partly && !total.eq(full) && !total.eq(left)) {
    ctx.fail(
      `parts of the order are cancelled, and its total of ${total.toFixed(cent)} is neither that of all lines, ` +
        `${full.toFixed(cent)}, nor that of what is left, ${left.toFixed(cent)}`,
      { field: "totalInclAmount" },
    );
  }
  return { taken, total: partly ? left : total };
}

// price turns amounts with VAT into unit prices without, so that what Visma.net books is what the till took. It
// works per VAT rate, as the till and Visma.net both do: the net amount of a rate is fixed first, by the till's own
// account where it has one, then divided over its lines.
function price(order: any, taken: Taken[], total: Amount, sign: Amount, ctx: any) {
  const byRate = new Map<string, Taken[]>();
  for (const p of spread(taken, total)) {
    const key = rateKey(p.rate);
    byRate.set(key, [...(byRate.get(key) ?? []), p]);
  }
  const lines: Line[] = [];
  let booked = zero;
  let vatCharged = false;
  for (const [rate, group] of byRate) {
    const percent = Decimal(rate).div(100, 6);
    const incl = sum(group.map((p) => p.incl));
    const net = ownNet(order, rate, incl) ?? incl.div(percent.plus(1), cent);
    const category = ctx.vars.vat_categories[rate];
    if (category === undefined) {
      ctx.fail(`no tax category is set for a VAT rate of ${rate} %; add it to vat_categories`, { field: "vatPercentage" });
    }
    const nets = allocate(net, group.map((p) => p.incl));
    group.forEach((p, i) => lines.push(line(p, nets[i], sign, category, ctx)));
    const booking = sum(lines.slice(-group.length).map(extended));
    booked = booked.plus(booking).plus(booking.times(percent).round(cent));
    vatCharged = vatCharged || !percent.isZero();
  }
  const off = total.times(sign).minus(booked);
  return { lines, rounding: roundingLine(off, total, booked, sign, ctx), vatCharged };
}

// ownNet is the till's net amount of a VAT rate, if its account of the rate is about these very lines.
function ownNet(order: any, rate: string, incl: Amount): Amount | null {
  const own = (order.vatGroupList ?? []).filter((g: any) => rateKey(Decimal(g.vatPercentage ?? 0)) === rate);
  if (own.length !== 1 || own[0].exclAmount == null || own[0].vatAmount == null) return null;
  const net = Decimal(own[0].exclAmount);
  return net.plus(Decimal(own[0].vatAmount)).eq(incl) ? net : null;
}

// spread gives each line its share of what the order as a whole was discounted by.
function spread(lines: Taken[], total: Amount): Taken[] {
  const difference = total.minus(sum(lines.map((p) => p.incl)));
  if (difference.isZero() || lines.length === 0) return lines;
  const shares = allocate(difference, lines.map((p) => p.incl));
  return lines.map((p, i) => ({ ...p, incl: p.incl.plus(shares[i]) }));
}

function line(p: Taken, net: Amount, sign: Amount, taxCategory: string, ctx: any): Line {
  const data = p.source.data ?? {};
  const quantity = p.quantity.times(sign);
  const wanted = net.times(sign);
  const sku = text(p.source.sku);
  if (sku === null) {
    return ctx.fail(`the article ${p.source.articleNumber} ("${p.source.text ?? ""}") has no SKU in the till`, { field: "lineList.sku" });
  }
  const shared = { sku, text: cutText(cleanText(p.source.text ?? sku), 256), quantity, taxCategory };
  const full = Decimal(data.price ?? 0).times(p.quantity).round(cent);
  if (quantity.isZero()) {
    return { ...shared, quantity: Decimal(1), unitPrice: wanted, discountAmount: zero };
  }
  if (!full.eq(p.incl) && full.abs().gt(p.incl.abs())) {
    const unitPrice = Decimal(data.price).div(p.rate.div(100, 6).plus(1), ctx.vars.price_decimals);
    return { ...shared, unitPrice, discountAmount: quantity.times(unitPrice).round(cent).minus(wanted) };
  }
  return { ...shared, unitPrice: unitPriceFor(wanted, quantity, ctx.vars.price_decimals), discountAmount: zero };
}

// unitPriceFor has as few decimals as make the line's amount come out right.
function unitPriceFor(amount: Amount, quantity: Amount, most: number): Amount {
  for (let digits = cent; digits < most; digits++) {
    const candidate = amount.div(quantity, digits);
    if (candidate.times(quantity).round(cent).eq(amount)) return candidate;
  }
  return amount.div(quantity, most);
}

// extended is a line's amount as Visma.net computes it.
function extended(l: Line): Amount {
  return l.quantity.times(l.unitPrice).minus(l.discountAmount).round(cent);
}

function roundingLine(off: Amount, total: Amount, booked: Amount, sign: Amount, ctx: any): Line[] {
  if (off.isZero()) return [];
  const worst = Decimal("0.05");
  if (!ctx.vars.rounding_item || off.abs().gt(worst)) {
    ctx.fail(
      `the till's total is ${total.toFixed(cent)}, Visma.net would book ${booked.times(sign).toFixed(cent)}: ` +
        `off by ${off.times(sign).toFixed(cent)}`,
      { field: "totalInclAmount" },
    );
  }
  const taxCategory = ctx.vars.vat_categories["0"];
  return [{
    sku: ctx.vars.rounding_item, text: "Rounding", quantity: Decimal(1), unitPrice: off, discountAmount: zero, taxCategory,
  }];
}

function rateKey(rate: Amount): string {
  return rate.toString().replace(/\.?0+$/, (tail: string) => (tail.startsWith(".") ? "" : tail));
}

function sum(amounts: Amount[]): Amount {
  return amounts.reduce((a, b) => a.plus(b), zero);
}
