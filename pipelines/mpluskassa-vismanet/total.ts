// The proof that what stands in Visma.net comes to what the till took.

import { Decimal } from "kopru/std";

export default function (order: any, ctx: any) {
  const { placed, ...rest } = order;
  if (placed.total !== null && !Decimal(placed.total).eq(order.expected)) {
    const off = Decimal(placed.total).minus(order.expected);
    ctx.fail(
      `${placed.id} in Visma.net comes to ${Decimal(placed.total).toFixed(2)}, the till took ${order.expected.toFixed(2)}: off by ` +
        `${off.toFixed(2)}; correct it there, then discard this letter. The usual cause are prices, discounts or VAT rates of Visma.net's own`,
      { field: "totalInclAmount", code: "total_differs" },
    );
  }
  return rest;
}
