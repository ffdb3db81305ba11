// The proof that what stands in Visma.net comes to what the till took.

import { Decimal } from "kopru/std";

export default function (order: any, ctx: any) {
  const { placed, ...rest } = order;
  for (const { id, total, expected } of placed) {
    if (total === null || Decimal(total).eq(expected)) continue;
    const off = Decimal(total).minus(expected);
    ctx.fail(
      `${id} in Visma.net comes to ${Decimal(total).toFixed(2)}, the till took ${Decimal(expected).toFixed(2)}: off by ` +
        `${off.toFixed(2)}; correct it there, then discard this letter. The usual cause are prices, discounts or VAT rates of Visma.net's own`,
      { field: "totalInclAmount", code: "total_differs" },
    );
  }
  return rest;
}
