// The arithmetic of order.ts by itself: kopru test runs this file in the engine that runs the script.

import { context, expect, test } from "kopru/test";
import order from "./order";

const ctx = context({
  vars: {
    country: "NL",
    vat_categories: { "21": "03", "9": "02", "0": "00" },
    price_decimals: 6,
    rounding_item: "AFRONDING",
    default_debtor: "10999",
  },
});

// till is an order of some lines: [quantity, price with VAT, rate, amount].
function till(...lines: [number, number, number, number][]) {
  return {
    orderId: "1",
    reference: "2026-1",
    financialDate: "2026-03-14",
    totalInclAmount: Math.round(lines.reduce((sum, l) => sum + l[3] * 100, 0)) / 100,
    lineList: lines.map(([quantity, price, vatPercentage, totalInclAmount], i) => ({
      articleNumber: i + 1,
      sku: `S${i + 1}`,
      text: `Article ${i + 1}`,
      data: { quantity, price, vatPercentage, totalInclAmount },
    })),
  };
}

test("three at 4.99 with 21 % come to a net of 12.37", () => {
  const { lines, rounding, total } = order(till([3, 4.99, 21, 14.97]), ctx);
  expect(total).toBe(14.97);
  expect(lines).toMatchObject([{ sku: "S1", quantity: 3, unitPrice: 4.123, taxCategory: "03" }]);
  expect(rounding).toEqual([]);
});

test("each VAT rate has its own category", () => {
  const { lines } = order(till([1, 10.9, 9, 10.9], [1, 12.1, 21, 12.1]), ctx);
  expect(lines).toMatchObject([
    { unitPrice: 10, taxCategory: "02" },
    { unitPrice: 10, taxCategory: "03" },
  ]);
});

test("what was weighed has decimals, and the line comes to the cent", () => {
  const { total } = order(till([0.53, 12.95, 9, 6.86]), ctx);
  expect(total).toBe(6.86);
});

test("a return has its amounts the other way round", () => {
  const { isReturn, lines } = order(till([-1, 12.1, 21, -12.1]), ctx);
  expect(isReturn).toBe(true);
  expect(lines).toMatchObject([{ quantity: 1, unitPrice: 10 }]);
});

test("an article without a SKU is refused, and named", () => {
  const wrong = till([1, 12.1, 21, 12.1]);
  wrong.lineList[0].sku = "";
  expect(() => order(wrong, ctx)).toThrow("the article 1");
});

test("an order without an e-mail address has no customer", () => {
  expect(order(till([1, 12.1, 21, 12.1]), ctx).customer).toBe(null);
});
