// What became of a till order in Visma.net, as the till wants to know it: how much of each of its lines is gone.

import { Decimal } from "kopru/std";

export default function (order: any, ctx: any) {
  const till = order.till;
  const cancelled = till.cancelState === "ORDER-CANCEL-STATE-COMPLETE";
  return {
    orderId: till.orderId,
    cancels: order.what === "cancel" && !cancelled,
    delivered: order.what === "deliver" && !cancelled ? delivered(order.orderLines ?? [], till, ctx) : {},
  };
}

// delivered gives the till's lines their quantities, by lineId, where they are more than the till has. Lines go by their
// SKU and, where the item has another number in Visma.net, by their place.
function delivered(lines: any[], till: any, ctx: any) {
  const known = (till.lineList ?? []).filter((l: any) => l.data && Number(l.data.quantity ?? 0) >= 0); // what comes back is not delivered
  const left = [...known];
  const out: Record<string, any> = {};
  lines.forEach((l, i) => {
    const at = left.findIndex((t) => t.sku === l.inventoryId);
    const [line] = at >= 0 ? left.splice(at, 1) : left.includes(known[i]) ? left.splice(left.indexOf(known[i]), 1) : [];
    if (!line) return; // a line of the books alone, such as rounding
    const shipped = Decimal(l.quantityOnShipments ?? 0);
    const billed = Decimal(l.billedQuantity ?? 0);
    const gone = shipped.gt(billed) ? shipped : billed;
    const ordered = Decimal(line.data.quantity ?? 0);
    if (gone.gt(ordered)) {
      ctx.fail(`${gone} × ${l.inventoryId} left in Visma.net, the till has only ${ordered} on order`, { field: "orderLines.quantityOnShipments" });
    }
    if (gone.gt(line.data.deliveredQuantity ?? 0)) out[line.lineId] = gone;
  });
  return out;
}
