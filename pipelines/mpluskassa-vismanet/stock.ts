// From the stock of an item in its warehouses to what each branch of the till may sell.

import { Decimal } from "kopru/std";

const fields: Record<string, string> = {
  available_minus_reserved: "quantityAvailable",
  available: "quantityAvailable",
  available_for_shipment: "quantityAvailableForShipment",
  on_hand: "quantityOnHand",
};

export default function (stock: any, ctx: any) {
  return {
    articleNumber: stock.articleNumber,
    branches: Object.keys(ctx.vars.branches)
      .sort()
      .map((branch) => ({ branch, amount: amount(stock, ctx.vars.branches[branch], ctx) })),
  };
}

function amount(stock: any, warehouses: string[], ctx: any): Decimal {
  const counts = (place: any) => warehouses.length === 0 || warehouses.includes(place.warehouseId);
  let sum = Decimal(0);
  for (const w of stock.warehouses.filter(counts)) sum = sum.plus(w[fields[ctx.vars.calculation]] ?? 0);
  // Empty unless reservations are still to be taken off.
  for (const p of stock.reserved.filter(counts)) sum = sum.minus(p.soBooked ?? 0).minus(p.soAllocated ?? 0);
  sum = cut(sum.minus(ctx.vars.safety), ctx.vars.decimals);
  return ctx.vars.negative === "zero" && sum.isNegative() ? Decimal(0) : sum;
}

// cut leaves so many decimals, towards less.
function cut(x: Decimal, digits: number): Decimal {
  const rounded = x.round(digits);
  return rounded.gt(x) ? rounded.minus(Decimal(`1e-${digits}`)) : rounded;
}
