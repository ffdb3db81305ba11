// From an order as the till keeps it to one as the books want it: addresses in shape, prices without VAT, and the
// proof that the total stays what the customer paid. What goes where in Visma.net stands in orders.hcl.

import { Decimal, cleanText, cutText, splitName } from "kopru/std";
import { type Amount, type Line, type Rules, type Taken, extended, freeLine, price, spread, sum, take, zero } from "./amounts";
import { areaOf, filled, place, setting, text, vatNumber } from "./place";

export default function (order: any, ctx: any) {
  const vars = ctx.vars;
  const relation = order.relation ?? {};
  const invoice = filled(order.invoiceAddress) ?? {};
  const delivery = filled(order.deliveryAddress) ?? invoice;
  const buyer = customer(relation, invoice, ctx);
  if (buyer === null && vars.default_debtor === "") {
    ctx.fail("the order has no customer with an e-mail address, and no default_debtor is set", { field: "relation.email" });
  }
  const { isCredit = false, existing } = order;
  const { taken, total } = take(order, isCredit, ctx);
  const both = taken.some((t) => t.quantity.lt(zero)) && taken.some((t) => t.quantity.gt(zero));
  const parted = both && order.form === "invoiced_order"; // what comes back is credited by an order of its own
  const exchange = both && !parted && order.form !== "invoice";
  const isReturn = !parted && (exchange || total.lt(zero) !== isCredit);
  const sign = Decimal((exchange ? !isCredit : !parted && total.lt(zero)) ? -1 : 1);
  const to = place(delivery, relation, vars.country);
  const company = buyer?.company ?? false;
  const rules = rulesFor(order, to.country, buyer, exchange, isCredit, vars);
  const parts = spread(taken, total);
  const main = parted ? parts.filter((t) => !t.quantity.lt(zero)) : parts;
  const mainTotal = parted ? sum(main.map((t) => t.incl)) : total;
  const { lines, rounding, vatCharged } = price(order, main, mainTotal, sign, rules, ctx);
  const cash = cashRounding(order, total, sign, rules, vars);
  const free = [...rounding, ...cash];
  const back = parted ? priceBack(order, parts.filter((t) => t.quantity.lt(zero)), rules, ctx) : null;
  const area = areaOf(to.country, vars.country);
  const orderType = exchange ? vars.exchange_order_type : isReturn ? vars.return_order_type : order.orderType;
  const billing = { address: orderAddress(invoice, relation, vars), contact: contact(invoice, relation) };
  const shipping = orderAddress(delivery, relation, vars);
  const wanted = {
    type: order.form === "invoice" ? (isReturn ? "CreditNote" : "Invoice") : orderType,
    lines: [...lines, ...free],
    back: back?.lines ?? [],
    debtor: debtorOf(order, buyer, vars),
    email: buyer?.email ?? null,
    billing: billing.address,
    shipping,
  };

  return {
    // A credit of what was cancelled is a document of its own.
    orderId: isCredit ? `${order.orderId}-C` : order.orderId,
    reference: isCredit ? `${order.reference}-C` : order.reference,
    employeeNumber: order.employeeNumber,
    form: order.form,
    orderType,
    action: actionFor(order, existing ?? null, wanted, ctx),
    existing,
    existingBack: order.existingBack ?? null,
    date: order.financialDate ?? order.entryTimestamp?.slice(0, 10),
    description: cutText(cleanText(`Till order ${order.reference}${isCredit ? " cancelled" : ""}`), 255),
    deliveryMethod: order.deliveryMethod ?? null,
    deliveryDate: order.deliveryDate ?? null,
    paymentMethod: order.paymentList?.[0]?.method ?? order.paymentMethod ?? null,
    branch: order.financialBranchNumber ?? order.entryBranchNumber ?? null,
    isReturn,
    vatZone: setting(vars.vat_zones, to.country, area, company) ?? (vatCharged && vars.vat_zone ? vars.vat_zone : null),
    customer: buyer,
    billing,
    delivery: {
      address: customerAddress(delivery, relation, vars),
      orderAddress: shipping,
      contact: contact(delivery, relation),
    },
    lines,
    rounding: free,
    back,
    allLines: [...wanted.lines.map((l) => ({ ...l, isBack: false })), ...wanted.back.map((l: Line) => ({ ...l, isBack: true }))],
    payments: isCredit ? [] : payments(order, Decimal(total.lt(zero) ? -1 : 1)),
    total,
    expected: mainTotal.times(sign).plus(sum(cash.map(extended))), // the document's total
  };
}

// priceBack prices what comes back in an exchange that is invoiced: a credit by itself.
function priceBack(order: any, taken: Taken[], rules: Rules, ctx: any) {
  const total = sum(taken.map((t) => t.incl));
  const { lines, rounding } = price(order, taken, total, Decimal(-1), rules, ctx);
  return { lines: [...lines, ...rounding], expected: total.neg() };
}

// ---- what is to be done

const open = ["Open", "Hold", "BackOrder"];

// Wanted is what the till has of an order now.
interface Wanted {
  type: string;
  lines: Line[];
  back: Line[];
  debtor: string | null; // null where it isn't known, or doesn't matter
  email: string | null;
  billing: any;
  shipping: any;
}

// debtorOf is the customer number that an order which was sent should have by now.
function debtorOf(order: any, buyer: any, vars: any): string | null {
  if (buyer === null || vars.always_default_debtor || !vars.update_orders.includes("customer")) return null;
  return order.debtorOfRelation || null;
}

// actionFor says what an order that is in Visma.net already needs: nothing, the rest of what an interrupted run began, a
// change, or that a human looks at it.
function actionFor(order: any, existing: any, wanted: Wanted, ctx: any): string {
  if (existing === null) return "place";
  const { lines, back: linesBack } = wanted;
  const { changed_orders: changed, default_debtor: guest, return_order_type, exchange_order_type, update_orders } = ctx.vars;
  const back = order.existingBack ?? null;
  const there = [existing, ...(back === null ? [] : [back])];
  const stand = there.map((d) => `${d.id} in Visma.net is ${d.status}`).join(", ");
  if (order.isCancelled && linesBack.length > 0 && !there.every((d) => [...open, "Cancelled"].includes(d.status))) {
    return ctx.fail(
      `the order, with goods that came back and others that were taken, was cancelled in the till, but ${stand}; credit there what was ` +
        `invoiced and invoice what was credited, then discard this letter`,
      { field: "cancelState" },
    );
  }
  const numbers = new Map<string, string>((order.items ?? []).map((i: any) => [i.sku, i.number ?? i.sku]));
  const differs = (have: any[], want: Line[]) => differences(have, want, numbers, ctx.vars.fallback_item);
  if (order.isCredit) {
    const off = differs(existing.lines, lines);
    if (off.length === 0) return "credit";
    return ctx.fail(
      `the order was changed in the till after it was sent, and then cancelled; ${existing.id} in Visma.net is ${existing.status} ` +
        `and not what a credit of it would be: ${off.join("; ")}; credit it there`,
      { field: "cancelState" },
    );
  }
  if (order.isCancelled) {
    if (order.form !== "invoice" && open.includes(existing.status)) return "cancel";
    return ctx.fail(
      `the order was cancelled in the till, but ${existing.id} in Visma.net is ${existing.status}; ` +
        `credit it there, or set cancelled_orders = "credit"`,
      { field: "cancelState" },
    );
  }
  if (changed === "ignore") return order.isUnfinished ? "finish" : "none";
  const ways = [return_order_type, exchange_order_type, "CreditNote", "Invoice"];
  if (existing.type && existing.type !== wanted.type && (ways.includes(existing.type) || ways.includes(wanted.type))) {
    return ctx.fail(
      `the order was changed in the till, so that it would be of type ${wanted.type} now, but ${stand} and stays one of type ` +
        `${existing.type}; cancel or credit it there and enter what the till has now, then discard this letter`,
      { field: "lineList" },
    );
  }
  const stillOpen = order.form !== "invoice" && there.every((d) => open.includes(d.status)) && (back === null || linesBack.length > 0);
  const changes = update_orders.includes("lines")
    ? [...differs(existing.lines, lines), ...(back === null ? [] : differs(back.lines, linesBack))]
    : [];
  const mayMove = wanted.debtor !== null && existing.debtor && existing.status !== "Cancelled" && (stillOpen || existing.debtor !== guest);
  if (mayMove && wanted.debtor !== existing.debtor) changes.push(`it is of another customer, ${existing.debtor} → ${wanted.debtor}`);
  if (stillOpen && changed === "update") {
    const moved = update_orders.includes("addresses") && (elsewhere(existing.billing, wanted.billing) ||
      elsewhere(existing.shipping, wanted.shipping) || (order.deliveryDate && existing.due && order.deliveryDate !== existing.due));
    // Who has not ordered before is found once it is looked for.
    const another = update_orders.includes("customer") && existing.email && wanted.email && wanted.email !== existing.email.toLowerCase();
    if (changes.length > 0 || moved || another) return "update";
  }
  if (changes.length === 0) return order.isUnfinished ? "finish" : "none";
  return ctx.fail(
    `the order was changed in the till, but ${stand} and stays as it is: ${changes.join("; ")}`,
    { field: "lineList" },
  );
}

// differences are those between what Visma.net has and what the till wants, line by line. An item may have another number
// there than the till's, and the fallback item may stand for any.
function differences(have: any[], want: Line[], numbers: Map<string, string>, fallback: string): string[] {
  const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const other = (a: any, sku: string) => a.sku && !same(a.sku, fallback) && !same(a.sku, sku) && !same(a.sku, numbers.get(sku) ?? sku);
  const out: string[] = [];
  for (let i = 0; i < Math.max(have.length, want.length); i++) {
    const a = have[i];
    const b = want[i];
    if (!a) out.push(`${b.quantity} × ${b.sku} is new`);
    else if (!b) out.push(`${a.quantity} × ${a.sku} is gone`);
    else if (other(a, b.sku)) out.push(`${b.quantity} × ${b.sku} instead of ${a.quantity} × ${a.sku}`);
    else if (!b.quantity.eq(a.quantity)) out.push(`${b.sku}: ${a.quantity} → ${b.quantity}`);
    else if (!extended(b).eq(amountOf(a))) out.push(`${b.sku}: amount ${amountOf(a).toFixed(2)} → ${extended(b).toFixed(2)}`);
  }
  return out;
}

// elsewhere tells whether an address in Visma.net is another one than the till's.
function elsewhere(have: any, want: any): boolean {
  return have != null && ["line1", "postalCode", "city", "countryId"].some((name) => (text(have[name]) ?? "") !== (text(want[name]) ?? ""));
}

function amountOf(line: any): Amount {
  return Decimal(line.quantity).times(line.unitPrice).round(2).minus(Decimal(line.discountAmount ?? 0).round(2));
}

// ---- who

function customer(relation: any, invoice: any, ctx: any) {
  const email = text(relation.email)?.toLowerCase();
  if (!email) return null;
  const vars = ctx.vars;
  const companyName = text(relation.companyName) ?? text(invoice.companyName);
  const company = companyName !== null;
  const person = text(relation.contact) ?? text(invoice.contact) ?? (company ? null : text(relation.name));
  const { firstName, lastName } = splitName(person ?? "");
  const { country } = place(invoice, relation, vars.country);
  const area = areaOf(country, vars.country);
  return {
    company,
    name: cutText(companyName ?? text(relation.name) ?? person ?? email, 60),
    person,
    attention: text(relation.contact), // as customers_to_books.hcl has it
    firstName: firstName || null,
    lastName: lastName || null,
    email,
    phone: text(relation.telephone), // these two as customers_to_books.hcl has them
    mobile: text(relation.mobile),
    vatNumber: text(relation.vatNumber),
    country,
    class: setting(vars.customer_classes, country, area, company) ?? (company ? vars.customer_class_company : vars.customer_class_person),
    terms: setting(vars.credit_terms_for, country, area, company) ?? (vars.credit_terms || null),
    vatZone: setting(vars.vat_zones, country, area, company),
    address: customerAddress(invoice, relation, vars),
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

function customerAddress(address: any, relation: any, vars: any) {
  const p = place(address, relation, vars.country);
  return { addressLine1: p.line, postalCode: p.postalCode, city: p.city, countryId: p.country };
}

function orderAddress(address: any, relation: any, vars: any) {
  const p = place(address, relation, vars.country);
  return { line1: cutText(p.line, 50), postalCode: p.postalCode, city: p.city, countryId: p.country };
}

// rulesFor are the tax categories and accounts that hold where the goods go. A company elsewhere in the EU that gave its
// VAT number and was charged none owes the VAT itself.
function rulesFor(order: any, country: string, buyer: any, exchange: boolean, undone: boolean, vars: any): Rules {
  const area = areaOf(country, vars.country);
  const company = buyer?.company ?? false;
  const shifted = area === "eu" && company && vatNumber(order.relationVatNumber ?? buyer?.vatNumber, buyer?.country ?? country) !== null;
  return {
    category(rate) {
      if (rate === "0" && shifted && vars.vat_category_reverse_charge) return vars.vat_category_reverse_charge;
      const own = vars.vat_categories_by_country?.[country]?.[rate];
      if (own !== undefined) return own;
      if (rate === "0" && area === "outside" && vars.vat_category_outside_eu) return vars.vat_category_outside_eu;
      return vars.vat_categories[rate];
    },
    account: setting(vars.revenue_accounts, country, area, company),
    special: vars.special_lines,
    exchange,
    undone,
  };
}

// ---- how it was paid

function payments(order: any, sign: Amount) {
  const all = order.paymentList ?? [];
  return all.map((p: any, i: number) => ({
    id: text(p.paymentId) ?? `${order.reference}/${i + 1}`,
    method: text(p.method),
    date: p.financialDate ?? order.financialDate ?? null,
    amount: Decimal(p.amount ?? 0).times(sign),
    text: text(p.externalReference),
  }));
}

// cashRounding is what the customer paid more or less because there are no coins of one and two cents.
function cashRounding(order: any, total: Amount, sign: Amount, rules: Rules, vars: any): Line[] {
  const all = order.paymentList ?? [];
  if (!vars.cash_rounding_item || !order.fullyPaid || order.isCredit || all.length === 0) return [];
  const off = sum(all.map((p: any) => Decimal(p.amount ?? 0))).minus(total);
  if (off.isZero() || off.abs().gt("0.05")) return [];
  return [freeLine(vars.cash_rounding_item, "Cash rounding", off.times(sign), rules)];
}
