package transforms_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/transforms"
)

// shopVars are the bridge's settings as orders.hcl passes them, with a shop in the Netherlands.
const shopVars = `{"country":"NL","vat_categories":{"21":"03","9":"02","0":"00"},"vat_categories_by_country":{"NO":{"25":"N3"}},
	"vat_category_outside_eu":"EX","vat_category_reverse_charge":"RC","vat_zone":"01","vat_zones":{"eu_company":"02","outside":"04","NO":"NO"},
	"revenue_accounts":{"NO":"8030","eu_company":"8040","eu":"8050"},"special_lines":{"group:6":{"item":"BON","account":"1510"},"TIP":{"item":"FOOI"}},
	"price_decimals":6,"rounding_item":"AFR","cash_rounding_item":"KAS","default_debtor":"","customer_class_person":"P","customer_class_company":"B",
	"customer_classes":{"NO":"NORGE"},"credit_terms":"","credit_terms_for":{"company":"30"},"return_order_type":"CR","exchange_order_type":"RM","changed_orders":"update",
	"update_orders":["lines","addresses","customer"],"fallback_item":""}`

// tillOrder makes an order of lines, each "sku quantity price rate", with more fields laid over it.
func tillOrder(t *testing.T, more string, lines ...string) map[string]any {
	t.Helper()
	var list []string
	for _, l := range lines {
		f := strings.Fields(l)
		list = append(list, `{"articleNumber":1,"sku":"`+f[0]+`","text":"`+f[0]+`","data":{"quantity":`+f[1]+`,"price":`+f[2]+`,"vatPercentage":`+f[3]+`}}`)
	}
	out := object(t, `{"orderId":"id","reference":"R-1","form":"sales_order","orderType":"SO","isCancelled":false,"isCredit":false,"existing":null,
		"financialDate":"2025-12-31","entryTimestamp":"2026-01-01T00:10:00+01:00","vatMethod":"VAT-METHOD-INCLUSIVE",
		"relation":{"name":"Jan Bakker","email":" JAN@X.NL ","address":"Kerkstraat 12a","zipcode":"9712","city":"Groningen","country":"Nederland"},
		"lineList":[`+strings.Join(list, ",")+`]}`)
	maps.Copy(out, object(t, more))
	return out
}

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	m, err := record.DecodeObject([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return m
}

const (
	dutchCompany  = `"name":"Kaas B.V.","companyName":"Kaas B.V.","email":"a@b.nl","city":"Assen"`
	germanCompany = `"relation":{"name":"Wurst GmbH","companyName":"Wurst GmbH","email":"a@b.de","city":"Köln","country":"DE","vatNumber":"DE 123.456.789"}`
	norwegian     = `"relation":{"name":"Kari","email":"k@x.no","address":"Storgata 1 B","city":"Oslo","country":"Norge"}`
)

// TestOrderRules holds what order.ts makes of orders against the rules of the trade.
func TestOrderRules(t *testing.T) {
	t.Parallel()
	program, diags := transforms.Load("../pipelines/mpluskassa-vismanet", "order.ts", transforms.Budget{})
	if len(diags) > 0 {
		t.Fatalf("%+v", diags)
	}
	for name, c := range map[string]struct {
		vars, more string
		lines      []string
		want       string // part of what comes of it; or else
		fails      string // what it is refused with
	}{
		"the total stays": {
			lines: []string{"A 3 4.99 21"},
			want:  `{"isReturn":false,"action":"place","date":"2025-12-31","lines":[{"sku":"A","quantity":3,"unitPrice":4.123,"taxCategory":"03"}],"vatZone":"01"}`,
		},
		"several rates": {
			lines: []string{"A 1 1.21 21", "B 1 1.09 9", "C 1 1 0"},
			want:  `{"lines":[{"taxCategory":"03","unitPrice":1},{"taxCategory":"02","unitPrice":1},{"taxCategory":"00","unitPrice":1}],"total":3.30}`,
		},
		"a rate without a category": {lines: []string{"A 1 1 6"}, fails: "no tax category is set for a VAT rate of 6 %"},
		"decimal quantities": {
			lines: []string{"KAAS 0.530 12.95 9"},
			want:  `{"lines":[{"quantity":0.53,"unitPrice":11.87}],"total":6.86}`,
		},
		"a discount on the order is spread": {
			more:  `{"totalInclAmount":2.70}`,
			lines: []string{"A 1 1.00 0", "B 1 1.00 0", "C 1 1.00 0"},
			want:  `{"lines":[{"discountAmount":0.10},{"discountAmount":0.10},{"discountAmount":0.10}],"total":2.70}`,
		},
		"a cent that net prices can't express": {
			more: `{"vatGroupList":[{"vatPercentage":21,"exclAmount":0.03,"vatAmount":0.00}]}`, lines: []string{"A 1 0.03 21"},
			want: `{"lines":[{"unitPrice":0.03}],"rounding":[{"sku":"AFR","unitPrice":-0.01,"taxCategory":"00"}]}`,
		},
		"no rounding item": {
			vars: `{"rounding_item":""}`, more: `{"vatGroupList":[{"vatPercentage":21,"exclAmount":0.03,"vatAmount":0.00}]}`,
			lines: []string{"A 1 0.03 21"}, fails: "the till's total is 0.03, Visma.net would book 0.04: off by -0.01",
		},
		"VAT, zone, account and class of a country": {
			more: `{` + norwegian + `}`, lines: []string{"A 1 1.25 25"},
			want: `{"vatZone":"NO","lines":[{"taxCategory":"N3","account":"8030","unitPrice":1}],"customer":{"class":"NORGE","company":false},"delivery":{"address":{"addressLine1":"Storgata 1 B","countryId":"NO"}}}`,
		},
		"goods leave the EU without VAT": {
			more:  `{"relation":{"name":"Ali","email":"a@b.tr","city":"Ankara","country":"Türkiye"},"vatMethod":"VAT-METHOD-NONE"}`,
			lines: []string{"A 1 1.00 21"}, want: `{"vatZone":"04","lines":[{"taxCategory":"EX","account":null,"unitPrice":1}]}`,
		},
		"reverse charge": {
			more: `{` + germanCompany + `,"vatMethod":"VAT-METHOD-SHIFTED"}`, lines: []string{"A 1 1.00 21"},
			want: `{"vatZone":"02","lines":[{"taxCategory":"RC","account":"8040","unitPrice":1}],"customer":{"class":"B","terms":"30"}}`,
		},
		"no reverse charge where VAT was paid": {
			more: `{` + germanCompany + `}`, lines: []string{"A 1 1.21 21"}, want: `{"lines":[{"taxCategory":"03"}]}`,
		},
		"no reverse charge at home": {
			more: `{"relation":{` + dutchCompany + `,"vatNumber":"NL1234"},"vatMethod":"VAT-METHOD-NONE"}`, lines: []string{"A 1 1.00 21"},
			want: `{"vatZone":null,"lines":[{"taxCategory":"00"}]}`,
		},
		"no reverse charge without a number": {
			more:  `{"relation":{` + dutchCompany + `,"country":"BE","vatNumber":"none"},"vatMethod":"VAT-METHOD-NONE"}`,
			lines: []string{"A 1 1.00 21"}, want: `{"lines":[{"taxCategory":"00","account":"8040"}]}`,
		},
		"an unknown country": {
			more: `{"relation":{"email":"a@b.nl","city":"X","country":"Atlantis"}}`, lines: []string{"A 1 1 0"}, fails: `unknown country "Atlantis"`,
		},
		"no country is the shop's": {
			more: `{"relation":{"email":"a@b.nl","city":"X"}}`, lines: []string{"A 1 1 0"}, want: `{"customer":{"country":"NL"}}`,
		},
		"e-mail addresses are plain": {lines: []string{"A 1 1 0"}, want: `{"customer":{"email":"jan@x.nl","company":false,"lastName":"Bakker"}}`},
		"guest without a default debtor": {
			more: `{"relation":{"name":"Contant"}}`, lines: []string{"A 1 1 0"}, fails: "no default_debtor is set",
		},
		"guest": {vars: `{"default_debtor":"9"}`, more: `{"relation":{"name":"Contant"}}`, lines: []string{"A 1 1 0"}, want: `{"customer":null}`},
		"company with its person": {
			more:  `{"relation":{"name":"Kaas B.V.","companyName":"Kaas B.V.","contact":"Ans de Wit","email":"a@b.nl","city":"A"}}`,
			lines: []string{"A 1 1 0"}, want: `{"customer":{"company":true,"name":"Kaas B.V.","firstName":"Ans","lastName":"de Wit"}}`,
		},
		"a return": {
			lines: []string{"A -2 1.21 21"}, want: `{"isReturn":true,"orderType":"CR","lines":[{"quantity":2,"unitPrice":1,"operation":null}]}`,
		},
		"an exchange": {
			lines: []string{"A -1 2.42 21", "B 2 1.21 21"},
			want:  `{"isReturn":true,"orderType":"RM","lines":[{"sku":"A","quantity":1,"unitPrice":2,"operation":"Receipt"},{"sku":"B","quantity":2,"unitPrice":1,"operation":"Issue"}]}`,
		},
		"an exchange on an invoice": {
			more: `{"form":"invoice"}`, lines: []string{"A -1 1.21 21", "B 2 1.21 21"},
			want: `{"isReturn":false,"lines":[{"quantity":-1,"unitPrice":1,"operation":null},{"quantity":2,"unitPrice":1}]}`,
		},
		"gift cards and tips": {
			more: `{"lineList":[{"articleNumber":1,"sku":"X","data":{"quantity":1,"price":25,"vatPercentage":0,"turnoverGroup":6}},
				{"articleNumber":2,"sku":"TIP","data":{"quantity":1,"price":2,"vatPercentage":0}}]}`,
			want: `{"lines":[{"sku":"BON","account":"1510"},{"sku":"FOOI","account":null}]}`,
		},
		"cash rounding": {
			more: `{"fullyPaid":true,"paymentList":[{"method":"CASH","amount":1.00}]}`, lines: []string{"A 1 1.01 0"},
			want: `{"lines":[{"sku":"A"}],"rounding":[{"sku":"KAS","unitPrice":-0.01,"taxCategory":"00"}],"payments":[{"id":"R-1/1","method":"CASH","amount":1}]}`,
		},
		"text is cut, keys are not": {
			more:  `{"relation":{"name":"` + strings.Repeat("Zeer lange naam ", 6) + `","email":"a@b.nl","city":"A"}}`,
			lines: []string{strings.Repeat("K", 30) + " 1 1 0"},
			want:  `{"customer":{"name":"Zeer lange naam Zeer lange naam Zeer lange naam Zeer lange…"},"lines":[{"sku":"` + strings.Repeat("K", 30) + `"}]}`,
		},
		"a partly cancelled order": {
			more: `{"lineList":[{"articleNumber":1,"sku":"A","data":{"quantity":3,"cancelledQuantity":1,"price":1,"totalInclAmount":3,"vatPercentage":0}}]}`,
			want: `{"lines":[{"quantity":2,"unitPrice":1}],"total":2}`,
		},
		"sent and unchanged": {
			more:  `{"existing":{"id":"SO/1","status":"Completed","lines":[{"sku":"A","quantity":2.0,"unitPrice":1.0,"discountAmount":0}]}}`,
			lines: []string{"A 2 1.21 21"}, want: `{"action":"none"}`,
		},
		"changed while it is open": {
			more:  `{"existing":{"id":"SO/1","status":"Open","lines":[{"sku":"A","quantity":1.0,"unitPrice":1.0,"discountAmount":0}]}}`,
			lines: []string{"A 2 1.21 21"}, want: `{"action":"update"}`,
		},
		"changed too late": {
			more:  `{"existing":{"id":"SO/1","status":"Completed","lines":[{"sku":"A","quantity":1.0,"unitPrice":1.0,"discountAmount":0}]}}`,
			lines: []string{"A 2 1.21 21", "B 1 1 0"}, fails: "SO/1 in Visma.net is Completed and stays as it is: A: 1 → 2; 1 × B is new",
		},
		"changed, and nobody may change it": {
			vars: `{"changed_orders":"alert"}`, more: `{"existing":{"id":"SO/1","status":"Open","lines":[]}}`,
			lines: []string{"A 2 1.21 21"}, fails: "2 × A is new",
		},
		"cancelled while it is open": {
			more: `{"isCancelled":true,"existing":{"id":"SO/1","status":"Open","lines":[]}}`, lines: []string{"A 2 1.21 21"}, want: `{"action":"cancel"}`,
		},
		"cancelled too late": {
			more: `{"isCancelled":true,"existing":{"id":"SO/1","status":"Completed","lines":[]}}`, lines: []string{"A 2 1.21 21"},
			fails: `SO/1 in Visma.net is Completed; credit it there, or set cancelled_orders = "credit"`,
		},
		"cancelled too late, and not what was sent": {
			more: `{"isCancelled":true,"isCredit":true,"existing":{"id":"SO/1","status":"Completed","lines":[{"sku":"A","quantity":1,"unitPrice":1}]},"lineList":[
				{"articleNumber":1,"sku":"A","data":{"quantity":2,"cancelledQuantity":2,"price":1.21,"totalInclAmount":2.42,"vatPercentage":21}}]}`,
			fails: "A: 1 → 2; credit it there",
		},
		"cancelled too late, and credited": {
			more: `{"isCancelled":true,"isCredit":true,"existing":{"id":"SO/1","status":"Completed","lines":[
				{"sku":"A","quantity":2.0,"unitPrice":1.0,"discountAmount":0}]},"totalInclAmount":2.42,"lineList":[
				{"articleNumber":1,"sku":"A","data":{"quantity":2,"cancelledQuantity":2,"price":1.21,"totalInclAmount":2.42,"vatPercentage":21}}]}`,
			want: `{"action":"credit","isReturn":true,"orderId":"id-C","orderType":"CR","lines":[{"quantity":2,"unitPrice":1}],"payments":[]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vars := object(t, shopVars)
			if c.vars != "" {
				maps.Copy(vars, object(t, c.vars))
			}
			if c.more == "" {
				c.more = "{}"
			}
			in := tillOrder(t, c.more, c.lines...)
			got, err := program.Runtime(transforms.Env{Now: now, Pipeline: "orders", Vars: vars}).Call(context.Background(), in, nil)
			if c.fails != "" {
				var thrown *transforms.Error
				if !errors.As(err, &thrown) || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("got %v, want a refusal with %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := record.Diff(got, object(t, c.want)); len(diff) > 0 {
				t.Errorf("%+v", diff)
			}
		})
	}
}
