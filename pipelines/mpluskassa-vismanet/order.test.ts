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
    fallback_item: "",
    update_orders: ["lines", "addresses", "customer"],
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

// withExtra is an order of one at 12.10 with 21 %, and a bottle's deposit of 0.50 without VAT in that line.
function withExtra(total: number) {
  const one = till([1, 12.1, 21, 12.1]);
  const extra = { articleNumber: 9, sku: "X9", text: "Deposit", data: { quantity: 1, price: 0.5, vatPercentage: 0, totalInclAmount: 0.5 } };
  return { ...one, totalInclAmount: total, lineList: [{ ...one.lineList[0], preparationList: [extra] }] };
}

test("what was chosen with a line is a line of its own where it is paid for", () => {
  const { lines } = order(withExtra(12.6), ctx);
  expect(lines).toMatchObject([
    { sku: "S1", unitPrice: 10, taxCategory: "03" },
    { sku: "X9", unitPrice: 0.5, taxCategory: "00" },
  ]);
});

test("and is none where the line's price has it already", () => {
  expect(order(withExtra(12.1), ctx).lines).toMatchObject([{ sku: "S1", unitPrice: 10 }]);
});

test("VAT of a rate that no line has is refused", () => {
  const parts = { ...till([1, 12.1, 0, 12.1]), vatGroupList: [{ vatPercentage: 21, exclAmount: 10, vatAmount: 2.1 }] };
  expect(() => order(parts, ctx)).toThrow("the till took 2.10 of VAT at 21 %, but no line of the order has that rate");
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
