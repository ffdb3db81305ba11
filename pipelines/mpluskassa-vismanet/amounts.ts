// From amounts with VAT, as a till counts, to prices without, as Visma.net counts, and the proof that the total stays.

import { Decimal, allocate, cleanText, cutText } from "kopru/std";
import { text } from "./place";

export type Amount = Decimal;

export interface Line {
  sku: string;
  text: string;
  quantity: Amount;
  unitPrice: Amount;
  discountAmount: Amount;
  taxCategory: string;
  account: string | null;
  operation: string | null; // Issue or Receipt, where an order has both
}

export const zero = Decimal(0);
const cent = 2;

export interface Taken {
  source: any;
  quantity: Amount;
  incl: Amount; // what the customer paid for the line
  rate: Amount; // percent
}

// take reads the lines that count, less what of them was cancelled, and the total that they must come to. For a credit
// of what was cancelled all of it counts.
export function take(order: any, whole: boolean, ctx: any): { taken: Taken[]; total: Amount } {
  const free = order.vatMethod === "VAT-METHOD-SHIFTED" || order.vatMethod === "VAT-METHOD-NONE";
  let full = zero;
  const taken: Taken[] = [];
  for (const source of counted(order)) {
    const data = source.data ?? {};
    if (!source.articleNumber && !source.data) continue; // a line of text
    const ordered = Decimal(data.quantity ?? 0);
    const quantity = whole ? ordered : ordered.minus(Decimal(data.cancelledQuantity ?? 0));
    const ofLine = amountIn(source);
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
  if (!partly && !free) checkRates(order, taken, ctx);
  return { taken, total: partly ? left : total };
}

// counted are the lines that make up an order's total: its own, and what was chosen with them, such as an extra, where that
// has a price which isn't in its line's already. It comes last, so that the order's own lines keep their places.
function counted(order: any): any[] {
  const own: any[] = order.lineList ?? [];
  const chosen = (l: any): any[] => (l.preparationList ?? []).flatMap((c: any) => [c, ...chosen(c)]);
  const extra = own.flatMap(chosen).filter((l: any) => !amountIn(l).isZero());
  const total = order.totalInclAmount;
  if (extra.length === 0 || (total != null && sum(own.map(amountIn)).eq(total))) return own;
  return [...own, ...extra];
}

function amountIn(line: any): Amount {
  const data = line.data ?? {};
  return Decimal(data.totalInclAmount ?? Decimal(data.quantity ?? 0).times(Decimal(data.price ?? 0)).round(cent));
}

// checkRates refuses an order of which the till took VAT at a rate that none of its lines has, as those of several parts may.
function checkRates(order: any, taken: Taken[], ctx: any) {
  const rates = taken.map((t) => rateKey(t.rate));
  for (const group of order.vatGroupList ?? []) {
    const rate = rateKey(Decimal(group.vatPercentage ?? 0));
    if (rates.includes(rate) || Decimal(group.vatAmount ?? 0).isZero()) continue;
    ctx.fail(`the till took ${Decimal(group.vatAmount).toFixed(cent)} of VAT at ${rate} %, but no line of the order has that rate`, {
      field: "vatGroupList",
    });
  }
}

// Rules are what a merchant has set for lines, as it holds where the order goes.
export interface Rules {
  category: (rate: string) => string | undefined;
  account: string | null;
  special: any; // till's SKU, "group:N" or type of turnover group → { item, account }
  exchange: boolean; // goods come back and others are taken, in one order: each line says which
  undone: boolean; // it is the credit of such an exchange: what was taken comes back
}

// price turns amounts with VAT into unit prices without, so that what Visma.net books is what the till took. It
// works per VAT rate, as the till and Visma.net both do: the net amount of a rate is fixed first, by the till's own
// account where it has one, then divided over its lines.
export function price(order: any, taken: Taken[], total: Amount, sign: Amount, rules: Rules, ctx: any) {
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
    const category = rules.category(rate);
    if (category === undefined) {
      ctx.fail(`no tax category is set for a VAT rate of ${rate} %; add it to vat_categories`, { field: "vatPercentage" });
    }
    const nets = divide(net, group.map((p) => p.incl), percent);
    group.forEach((p, i) => lines.push(line(p, nets[i], sign, category!, rules, ctx)));
    const booking = sum(lines.slice(-group.length).map(signed));
    booked = booked.plus(booking).plus(booking.times(percent).round(cent));
    vatCharged = vatCharged || !percent.isZero();
  }
  const off = total.times(sign).minus(booked);
  return { lines, rounding: roundingLine(off, total, booked, sign, rules, ctx), vatCharged };
}

// divide gives each line its share of a net amount. Lines that are given back are divided apart from those that are
// sold: together they may come to nothing.
function divide(net: Amount, incl: Amount[], percent: Amount): Amount[] {
  const sold = incl.map((a) => (a.lt(zero) ? zero : a));
  const back = incl.map((a) => (a.lt(zero) ? a : zero));
  if (sum(sold).isZero() || sum(back).isZero()) return allocate(net, incl);
  const ofSold = sum(sold).div(percent.plus(1), cent);
  const a = allocate(ofSold, sold);
  const b = allocate(net.minus(ofSold), back);
  return incl.map((_, i) => a[i].plus(b[i]));
}

// ownNet is the till's net amount of a VAT rate, if its account of the rate is about these very lines.
function ownNet(order: any, rate: string, incl: Amount): Amount | null {
  const own = (order.vatGroupList ?? []).filter((g: any) => rateKey(Decimal(g.vatPercentage ?? 0)) === rate);
  if (own.length !== 1 || own[0].exclAmount == null || own[0].vatAmount == null) return null;
  const net = Decimal(own[0].exclAmount);
  return net.plus(Decimal(own[0].vatAmount)).eq(incl) ? net : null;
}

// spread gives each line its share of what the order as a whole was discounted by.
export function spread(lines: Taken[], total: Amount): Taken[] {
  const difference = total.minus(sum(lines.map((p) => p.incl)));
  if (difference.isZero() || lines.length === 0) return lines;
  const shares = allocate(difference, lines.map((p) => p.incl));
  return lines.map((p, i) => ({ ...p, incl: p.incl.plus(shares[i]) }));
}

function line(p: Taken, net: Amount, sign: Amount, taxCategory: string, rules: Rules, ctx: any): Line {
  const data = p.source.data ?? {};
  const back = p.quantity.lt(zero);
  const way = rules.exchange ? Decimal(back ? -1 : 1) : sign; // quantities are positive, the operation says which way
  const quantity = p.quantity.times(way);
  const wanted = net.times(way);
  const special = specialOf(p.source, rules.special);
  const sku = special?.item ?? text(p.source.sku);
  if (sku === null) {
    return ctx.fail(`the article ${p.source.articleNumber} ("${p.source.text ?? ""}") has no SKU in the till`, { field: "lineList.sku" });
  }
  const shared = {
    sku, text: cutText(cleanText(p.source.text ?? sku), 256), quantity, taxCategory,
    account: special?.account ?? rules.account,
    operation: rules.exchange ? (back !== rules.undone ? "Receipt" : "Issue") : null,
  };
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

// specialOf is what the merchant has set for gift cards, deposits, tips and the like, which are no products.
export function specialOf(source: any, special: any): any {
  const data = source.data ?? {};
  for (const key of [text(source.sku), `group:${data.turnoverGroup}`, data.turnoverGroupType]) {
    if (key && special?.[key]) return special[key];
  }
  return null;
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
export function extended(l: Line): Amount {
  return l.quantity.times(l.unitPrice).round(cent).minus(l.discountAmount.round(cent));
}

// signed is what a line adds to its order.
function signed(l: Line): Amount {
  return l.operation === "Issue" ? extended(l).neg() : extended(l);
}

function roundingLine(off: Amount, total: Amount, booked: Amount, sign: Amount, rules: Rules, ctx: any): Line[] {
  if (off.isZero()) return [];
  const worst = Decimal("0.05");
  if (!ctx.vars.rounding_item || off.abs().gt(worst)) {
    ctx.fail(
      `the till's total is ${total.toFixed(cent)}, Visma.net would book ${booked.times(sign).toFixed(cent)}: ` +
        `off by ${off.times(sign).toFixed(cent)}`,
      { field: "totalInclAmount" },
    );
  }
  return [freeLine(ctx.vars.rounding_item, "Rounding", off, rules)];
}

// freeLine is a line without VAT for one amount.
export function freeLine(sku: string, what: string, amount: Amount, rules: Rules): Line {
  return {
    sku, text: what, quantity: Decimal(1), unitPrice: amount, discountAmount: zero, taxCategory: rules.category("0") ?? "",
    account: rules.special?.[sku]?.account ?? null, operation: rules.exchange ? "Receipt" : null,
  };
}

export function rateKey(rate: Amount): string {
  return rate.toString().replace(/\.?0+$/, (tail: string) => (tail.startsWith(".") ? "" : tail));
}

export function sum(amounts: Amount[]): Amount {
  return amounts.reduce((a, b) => a.plus(b), zero);
}
