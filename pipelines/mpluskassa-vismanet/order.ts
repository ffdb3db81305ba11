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
  const invoice = order.invoiceAddress ?? {};
  const delivery = order.deliveryAddress ?? invoice;
  const total = Decimal(order.totalInclAmount ?? 0);
  const isReturn = total.lt(zero);
  const sign = isReturn ? Decimal(-1) : Decimal(1);
  const { lines, rounding, vatCharged } = price(order, total, sign, ctx);

  return {
    orderId: order.orderId,
    reference: order.reference,
    employeeNumber: order.employeeNumber,
    date: order.financialDate,
    description: cutText(cleanText(`Till order ${order.reference}`), 255),
    deliveryMethod: order.deliveryMethod ?? null,
    paymentMethod: order.paymentList?.[0]?.method ?? order.paymentMethod ?? null,
    isReturn,
    vatCharged,
    customer: customer(relation, invoice, ctx),
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

interface Priced {
  source: any;
  incl: Amount; // what the customer paid for the line
  rate: Amount; // percent
}

// price turns amounts with VAT into unit prices without, so that what Visma.net books is what the till took. It
// works per VAT rate, as the till and Visma.net both do: the net amount of a rate is fixed first, then divided over
// its lines.
function price(order: any, total: Amount, sign: Amount, ctx: any) {
  const priced = spread(order, total);
  const byRate = new Map<string, Priced[]>();
  for (const p of priced) {
    const key = rateKey(p.rate);
    byRate.set(key, [...(byRate.get(key) ?? []), p]);
  }
  const lines: Line[] = [];
  let booked = zero;
  let vatCharged = false;
  for (const [rate, group] of byRate) {
    const percent = Decimal(rate).div(100, 6);
    const incl = sum(group.map((p) => p.incl));
    const net = incl.div(percent.plus(1), cent);
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

// spread gives each line its share of what the order as a whole was discounted by.
function spread(order: any, total: Amount): Priced[] {
  const lines: Priced[] = (order.lineList ?? []).map((source: any) => {
    const data = source.data ?? {};
    const quantity = Decimal(data.quantity ?? 0);
    const incl = data.totalInclAmount ?? quantity.times(Decimal(data.price ?? 0)).round(cent);
    return { source, incl: Decimal(incl), rate: Decimal(data.vatPercentage ?? 0) };
  });
  const difference = total.minus(sum(lines.map((p) => p.incl)));
  if (difference.isZero() || lines.length === 0) return lines;
  const shares = allocate(difference, lines.map((p) => p.incl));
  return lines.map((p, i) => ({ ...p, incl: p.incl.plus(shares[i]) }));
}

function line(p: Priced, net: Amount, sign: Amount, taxCategory: string, ctx: any): Line {
  const data = p.source.data ?? {};
  const quantity = Decimal(data.quantity ?? 0).times(sign);
  const wanted = net.times(sign);
  const sku = text(p.source.sku) ?? text(p.source.product?.pluNumber) ?? text(p.source.pluNumber) ?? String(p.source.articleNumber);
  const shared = { sku, text: cutText(cleanText(p.source.text ?? sku), 256), quantity, taxCategory };
  const full = Decimal(data.price ?? 0).times(Decimal(data.quantity ?? 0)).round(cent);
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
