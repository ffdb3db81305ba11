// From a sales order of Visma.net to an order of the till: prices with VAT, and the proof that the total is the one
// that Visma.net has. What goes where in the till stands in orders_to_till.hcl.

import { Decimal, cleanText, cutText } from "kopru/std";
import { type Amount, sum, zero } from "./amounts";
import { text } from "./place";

export default function (order: any, ctx: any) {
  const debtor = order.debtor ?? {};
  const email = (text(debtor.email) ?? text(debtor.mainContact?.email))?.toLowerCase() ?? null;
  if (email === null && ctx.vars.till_relation === "") {
    ctx.fail("the customer has no e-mail address, and no till_relation is set", { field: "customer.id" });
  }
  if (order.currencyId !== ctx.vars.currency) {
    ctx.fail(`the order is in ${order.currencyId}, the till counts in ${ctx.vars.currency}; nothing is converted`, { field: "currencyId" });
  }
  const company = text(debtor.mainContact?.attention) !== null;
  const main = debtor.mainAddress ?? {};
  return {
    id: order.id,
    reference: cutText(cleanText(order.customerOrder ?? order.id), 60),
    date: order.date,
    // Without a day of its own an order is due on the day it is made.
    deliveryDate: order.requestOn && order.requestOn !== order.date ? order.requestOn : null,
    shipVia: order.shipping?.shipViaId ?? null,
    customer: email === null ? null : {
      email,
      name: cutText(cleanText(debtor.name), 60),
      company: company ? debtor.name : null,
      contact: text(debtor.mainContact?.attention),
      phone: text(debtor.mainContact?.phone1),
      address: text(main.addressLine1),
      zipcode: text(main.postalCode),
      city: text(main.city),
      country: text(main.countryId),
    },
    invoiceAddress: address(order.billing),
    deliveryAddress: address(order.shipping),
    lines: lines(order, ctx),
  };
}

function address(place: any) {
  const at = place?.address ?? {};
  return {
    name: text(place?.contact?.name) ?? "",
    contact: text(place?.contact?.attention) ?? "",
    address: [at.line1, at.line2].map(text).filter(Boolean).join(", "),
    zipcode: text(at.postalCode) ?? "",
    city: text(at.city) ?? "",
    country: text(at.countryId) ?? "",
  };
}

// lines are priced with VAT per unit. What whole cents can't express goes into the line's discount, and the cents that
// VAT on the whole order leaves go to the largest line.
function lines(order: any, ctx: any) {
  const out = (order.orderLines ?? []).map((l: any) => {
    const rate = ctx.vars.vat_rates[l.taxCategoryId];
    if (rate === undefined) {
      ctx.fail(`no VAT rate is known for the tax category ${l.taxCategoryId}; add it to vat_categories`, { field: "orderLines.taxCategoryId" });
    }
    const factor = Decimal(rate).div(100, 6).plus(1);
    const quantity = Decimal(l.quantity ?? 0);
    const unit = Decimal(l.unitPrice ?? 0);
    const net = quantity.times(unit).round(2).minus(Decimal(l.discountAmount ?? 0));
    return {
      sku: text(l.inventoryId), text: cutText(cleanText(l.description ?? l.inventoryId), 255), quantity,
      price: unit.times(factor).round(2), incl: net.times(factor).round(2), discount: zero as Amount,
      vatCode: ctx.vars.vat_codes[l.taxCategoryId] ?? null,
    };
  });
  if (out.length === 0) ctx.fail("the order has no lines", { field: "orderLines" });
  const total = Decimal(order.orderTotal ?? 0);
  const off = total.minus(sum(out.map((l: any) => l.incl)));
  if (off.abs().gt(Decimal("0.01").times(out.length).plus("0.05"))) {
    ctx.fail(`Visma.net's total is ${total.toFixed(2)}, the till would have ${total.minus(off).toFixed(2)}: off by ${off.toFixed(2)}`, {
      field: "orderTotal",
    });
  }
  const largest = out.reduce((a: any, b: any) => (b.incl.abs().gt(a.incl.abs()) ? b : a));
  largest.incl = largest.incl.plus(off);
  for (const l of out) l.discount = l.quantity.times(l.price).round(2).minus(l.incl);
  return out.map(({ incl, ...line }: any) => line);
}
