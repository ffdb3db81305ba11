// From the receipts of a day to what is still to be booked of it: the turnover of each VAT rate and, against it, what was
// paid by each method. What goes where in Visma.net stands in receipts.hcl.

import { Decimal } from "kopru/std";
import { type Amount, rateKey, specialOf, spread, sum, take, zero } from "./amounts";
import { text } from "./place";

interface Total {
  text: string;
  item: string | null;
  account: string | null;
  taxCategory: string;
  rate: string;
  incl: Amount;
}

const counted = ["RECEIPT-TYPE-RECEIPT", "RECEIPT-TYPE-CREDIT-RECEIPT"];

export default function (day: any, ctx: any) {
  if (ctx.vars.debtor === "") ctx.fail("neither receipts_debtor nor default_debtor is set", { field: "branchNumber" });
  const receipts = day.receipts.filter(
    (r: any) => counted.includes(r.receiptType) && (ctx.vars.of_orders || (r.orderIds ?? []).length === 0),
  );
  const totals = totalsOf(receipts, ctx);
  const lines = difference(totals, day.booked, ctx);
  const last = day.booked[day.booked.length - 1];
  if (lines.length > 0 && last && ctx.vars.changed_days === "alert") {
    const changes = lines.map((l) => `${l.text} ${l.amount.toFixed(2)}`).join("; ");
    ctx.fail(`the day changed after it was booked as ${last.referenceNumber}: ${changes}; book it there, or set changed_days = "book"`, {
      field: "receipts",
    });
  }
  const part = day.booked.length + (lines.length > 0 ? 1 : 0);
  return {
    part,
    number: last?.referenceNumber ?? null,
    isDraft: last?.released === false,
    reference: day.reference,
    externalReference: `${day.reference}/${part}`,
    description: `Till receipts of ${day.date}, branch ${day.branchNumber}${part > 1 ? `, correction ${part - 1}` : ""}`,
    date: day.date,
    branch: day.branchNumber,
    debtor: ctx.vars.debtor,
    receipts: receipts.length,
    lines,
  };
}

// totalsOf are the amounts with VAT by what they are booked on; payments count against.
function totalsOf(receipts: any[], ctx: any): Map<string, Total> {
  const totals = new Map<string, Total>();
  const add = (t: Total) => {
    const key = keyOf(t.item, t.account, t.taxCategory);
    totals.set(key, { ...t, incl: t.incl.plus(totals.get(key)?.incl ?? zero) });
  };
  for (const receipt of receipts) {
    const { taken, total } = take(receipt, false, ctx);
    for (const t of spread(taken, total)) add(turnover(t, ctx));
    for (const p of receipt.paymentList ?? []) add(payment(p, ctx));
  }
  return totals;
}

function turnover(t: any, ctx: any): Total {
  const rate = rateKey(t.rate);
  const taxCategory = categoryOf(rate, ctx);
  const special = specialOf(t.source, ctx.vars.special_lines);
  if (special) {
    return { text: special.item ?? t.source.text, item: special.item ?? null, account: special.account ?? null, taxCategory, rate, incl: t.incl };
  }
  const account = ctx.vars.revenue_accounts[rate];
  if (account === undefined) {
    ctx.fail(`no account is set for what was sold at ${rate} % VAT; add it to receipt_revenue_accounts`, { field: "receipts.lineList" });
  }
  return { text: `Sales ${rate} %`, item: null, account, taxCategory, rate, incl: t.incl };
}

function payment(p: any, ctx: any): Total {
  const method = text(p.method) ?? "";
  const account = ctx.vars.payment_accounts[method];
  if (account === undefined) {
    ctx.fail(`no account is set for the payment method "${method}"; add it to receipt_payment_accounts`, { field: "receipts.paymentList" });
  }
  const taxCategory = ctx.vars.payment_vat_category || categoryOf("0", ctx);
  return { text: `Paid ${method}`, item: null, account, taxCategory, rate: "0", incl: Decimal(p.amount ?? 0).neg() };
}

function categoryOf(rate: string, ctx: any): string {
  const category = ctx.vars.vat_categories[rate];
  if (category === undefined) ctx.fail(`no tax category is set for a VAT rate of ${rate} %; add it to vat_categories`, { field: "receipts" });
  return category;
}

function keyOf(item: string | null, account: string | null, taxCategory: string): string {
  return `${item ? `item ${item}` : `account ${account}`} ${taxCategory}`;
}

// difference is what the books lack, in lines without VAT. A cent that these can't express goes on the rounding item.
function difference(totals: Map<string, Total>, booked: any[], ctx: any) {
  const have = new Map<string, any>();
  for (const line of booked.flatMap((b: any) => b.invoiceLines ?? [])) {
    if (line.inventoryNumber && line.inventoryNumber === ctx.vars.rounding_item) continue;
    const key = keyOf(line.inventoryNumber ?? null, line.accountNumber, line.vatCodeId);
    have.set(key, { ...line, amount: Decimal(line.amountInCurrency ?? 0).plus(have.get(key)?.amount ?? zero) });
  }
  const rates = Object.fromEntries(Object.entries(ctx.vars.vat_categories).map(([rate, category]) => [category as string, rate]));
  const lines: any[] = [];
  for (const key of [...new Set([...totals.keys(), ...have.keys()])]) {
    const want = totals.get(key);
    const is = have.get(key);
    const net = want ? want.incl.div(factor(want.rate), 2) : zero;
    const amount = net.minus(is?.amount ?? zero);
    if (amount.isZero()) continue;
    const taxCategory = want?.taxCategory ?? is.vatCodeId;
    lines.push({
      text: want?.text ?? is.description, item: want ? want.item : (is.inventoryNumber ?? null),
      account: want ? want.account : is.accountNumber, taxCategory, rate: want?.rate ?? rates[taxCategory] ?? "0", amount,
    });
  }
  lines.sort((a, b) => (a.text < b.text ? 1 : -1)); // sales before payments
  // Visma.net reckons VAT once for each rate of a document.
  let adds = zero;
  for (const rate of new Set(lines.map((l) => l.rate))) {
    const net = sum(lines.filter((l) => l.rate === rate).map((l) => l.amount));
    adds = adds.plus(net).plus(net.times(factor(rate).minus(1)).round(2));
  }
  const lacks = sum([...totals.values()].map((t) => t.incl)).minus(sum(booked.map((b: any) => Decimal(b.amountInCurrency ?? 0))));
  const off = lacks.minus(adds);
  if (off.isZero()) return lines;
  if (!ctx.vars.rounding_item || off.abs().gt("0.05")) {
    ctx.fail(`the day lacks ${lacks.toFixed(2)} in Visma.net, it would book ${adds.toFixed(2)}: off by ${off.toFixed(2)}`, { field: "receipts" });
  }
  return [...lines, {
    text: "Rounding", item: ctx.vars.rounding_item, account: null, taxCategory: categoryOf("0", ctx), rate: "0", amount: off,
  }];
}

function factor(rate: string): Amount {
  return Decimal(rate).div(100, 6).plus(1);
}
