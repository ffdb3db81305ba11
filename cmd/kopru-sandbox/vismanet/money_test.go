package vismanet

import (
	"fmt"
	"testing"
)

// moneyCase is a worked example: what an order comes to, to the cent. Rest is what is not taxed.
type moneyCase struct {
	name             string
	order            string
	lines            []string
	opts             Options
	total, tax, rest string
}

func line(item, quantity, rest string) string {
	return fmt.Sprintf(`{"inventoryId":%q,"quantity":%s%s}`, item, quantity, rest)
}

func manual(price string) string { return `,"hasManualPrice":true,"unitPrice":` + price }

const percentOff, amountOff = `,"hasManualDiscount":true,"discountPercent":%s`, `,"hasManualDiscount":true,"discountAmount":%s`

var moneyCases = []moneyCase{
	{name: "3 × 4.99 with VAT", lines: []string{line("TRUI-M", "3", manual("4.123967"))}, total: "14.97", tax: "2.6"},
	{name: "the same at two decimals", lines: []string{line("TRUI-M", "3", manual("4.12"))}, total: "14.96", tax: "2.6"},
	{
		name: "a price that keeps two decimals", lines: []string{line("TRUI-M", "3", manual("4.123967"))},
		opts: Options{PriceDecimals: 2}, total: "14.96", tax: "2.6",
	},
	{
		name: "two rates", lines: []string{line("TRUI-M", "1", manual("89.95")), line("KAAS", "0.735", manual("11.880734"))},
		total: "118.36", tax: "19.68", // 89.95 + 18.89, and 0.735 × 11.880734 = 8.73 + 0.79
	},
	{name: "no price sent", lines: []string{line("TRUI-M", "1", "")}, total: "89.95", tax: "15.61"},
	{name: "a price without its flag", lines: []string{line("TRUI-M", "1", `,"unitPrice":1`)}, total: "89.95", tax: "15.61"},
	{name: "the same where that is enough", lines: []string{line("TRUI-M", "1", `,"unitPrice":1`)}, opts: Options{ImplicitManual: true}, total: "1.21", tax: "0.21"},
	{name: "a price with the flag off", lines: []string{line("TRUI-M", "1", `,"unitPrice":1,"hasManualPrice":false`)}, opts: Options{ImplicitManual: true}, total: "89.95", tax: "15.61"},
	{
		name: "10 % off", lines: []string{line("TRUI-M", "2", manual("799.20")+fmt.Sprintf(percentOff, "10"))},
		total: "1740.66", tax: "302.1",
	},
	{
		name: "1.05 off", lines: []string{line("TRUI-M", "1", manual("10")+fmt.Sprintf(amountOff, "1.05"))}, total: "10.83",
		tax: "1.88",
	},
	{name: "a discount without its flag", lines: []string{line("TRUI-M", "1", manual("10")+`,"discountPercent":50`)}, total: "12.1", tax: "2.1"},
	{
		name: "a voucher", lines: []string{line("TRUI-M", "1", manual("10")), line("KORTING", "-1", manual("2.5"))},
		total: "9.08", tax: "1.58",
	},
	{
		name: "a negative price", lines: []string{line("TRUI-M", "1", manual("10")), line("A/B&C", "1", manual("-0.01"))},
		total: "12.09", tax: "2.1",
	},
	{name: "half a cent", lines: []string{line("TRUI-M", "0.5", manual("0.01"))}, total: "0.01", tax: "0.0"},
	{name: "no quantity", lines: []string{`{"inventoryId":"TRUI-M"}`}, total: "0.0", tax: "0.0"},
	{name: "zero rate", lines: []string{line("A/B&C", "1", manual("10"))}, total: "10", tax: "0.0"},
	{name: "another category", lines: []string{line("TRUI-M", "1", manual("10")+`,"taxCategoryId":"02"`)}, total: "10.9", tax: "0.9"},
	{name: "exempt", lines: []string{line("TRUI-M", "1", manual("10")+`,"taxCategoryId":"05"`)}, total: "10", tax: "0.0", rest: "10"},
	{name: "Norway", order: `,"taxZoneId":"NO"`, lines: []string{line("TRUI-M", "1", manual("10")), line("KAAS", "1", manual("10"))}, total: "24", tax: "4"},
	{name: "reverse charge", order: `,"taxZoneId":"02"`, lines: []string{line("TRUI-M", "1", manual("10"))}, total: "10", tax: "0.0"},
	{name: "export", order: `,"taxZoneId":"04"`, lines: []string{line("TRUI-M", "1", manual("10"))}, total: "10", tax: "0.0", rest: "10"},
	{name: "postage", order: `,"freight":{"premiumAmount":4.13}`, lines: []string{line("TRUI-M", "1", manual("10"))}, total: "17.1", tax: "2.97"},
	{name: "yen", order: `,"currencyId":"JPY"`, lines: []string{line("TRUI-M", "1", manual("10.5"))}, total: "13", tax: "2"},
	{
		name: "tax on the sum", lines: []string{
			line("TRUI-M", "1", manual("0.12")),
			line("TRUI-M", "1", manual("0.12")), line("TRUI-M", "1", manual("0.12")),
		},
		total: "0.44", tax: "0.08",
	},
	{
		name: "tax line by line", lines: []string{
			line("TRUI-M", "1", manual("0.12")),
			line("TRUI-M", "1", manual("0.12")), line("TRUI-M", "1", manual("0.12")),
		},
		opts: Options{TaxPerLine: true}, total: "0.45", tax: "0.09",
	},
}

func TestOrderMoney(t *testing.T) {
	t.Parallel()
	for _, c := range moneyCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.opts)
			body := orderBody("W1", c.lines...)
			path := r.newOrderPath(body[:len(body)-1] + c.order + "}")
			totals := at(t, r.get(path), "totals")
			equal(t, "orderTotal", at(t, totals, "orderTotal"), c.total)
			equal(t, "taxTotal", at(t, totals, "taxTotal"), c.tax)
			if c.rest == "" {
				c.rest = "0.0"
			}
			equal(t, "taxExemptTotal", at(t, totals, "taxExemptTotal"), c.rest)
		})
	}
}

func TestReturnsAndCurrencies(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	path := r.newOrderPath(`{"type":"RM","customer":{"id":"10002"},"orderLines":[
		{"inventoryId":"TRUI-M","quantity":2,"unitPrice":10,"hasManualPrice":true},
		{"inventoryId":"TRUI-M","quantity":1,"unitPrice":10,"hasManualPrice":true,"operation":"issue"}]}`)
	equal(t, "a return with a replacement", at(t, r.get(path), "totals", "orderTotal"), "12.1")
	path = r.newOrderPath(`{"type":"SO","customer":{"id":"10005"},"orderLines":[{"inventoryId":"TRUI-M","quantity":1}]}`)
	o := r.get(path)
	equal(t, "currency", at(t, o, "currencyId"), "NOK")
	equal(t, "in kroner", at(t, o, "totals", "orderTotal"), "1093.24") // 74.34 / 0.085 = 874.588235, and 25 %
	equal(t, "in euros", at(t, o, "totals", "orderTotalInBaseCurrency"), "92.93")
}
