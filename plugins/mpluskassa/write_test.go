package mpluskassa

import (
	"strings"
	"testing"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

func TestOrdersAreCreatedOnce(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("createOrderV3", "CreateOrderV3Response",
		el("idempotencyResult", "IDEMPOTENCY-RESULT-REPLAY-RESPONSE")+el("result", "CREATE-ORDER-RESULT-OK")+el("info", el("orderId", "o-9")))
	c := till.open(t, nil)
	options := sdk.Config{"employee": "999999", "vat_method": "VAT-METHOD-INCLUSIVE"}
	result := writeOne(t, c, "order", options, sdk.Op{
		Operation: opCreate, IdempotencyKey: "key-1",
		Payload: []byte(newOrder),
	})
	if result.Err != nil || result.ID != "o-9" || len(result.Exchanges) != 1 {
		t.Fatalf("%+v", result)
	}
	request := till.last("createOrderV3").child("request")
	order := request.child("order")
	data := order.child("lineList").child("line").child("data")
	if request.value("idempotencyKey") != "key-1" || order.child("orderId") == nil || order.value("employeeNumber") != "999999" ||
		order.value("vatMethod") != "VAT-METHOD-INCLUSIVE" || data.value("quantity") != "15" || data.value("decimalPlaces") != "1" ||
		data.value("price") != "1995" {
		t.Errorf("sent %s", result.Exchanges[0].GetRequest())
	}
	till.answer("createOrderV3", "CreateOrderV3Response", el("result", "CREATE-ORDER-RESULT-OK"))
	result = writeOne(t, c, "order", options, sdk.Op{
		Operation: opCreate, IdempotencyKey: "key-2",
		Payload: []byte(newOrder),
	})
	if f := failureOf(t, result.Err); f.Class != ambiguous {
		t.Errorf("a success without an id is %s", f.Class)
	}
}

func TestOrdersCanOnlyBeCancelled(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("cancelOrder", "CancelOrderResponse", el("result", "CANCEL-ORDER-RESULT-PENDING")+el("message"))
	c := till.open(t, nil)
	result := writeOne(t, c, "order", nil, sdk.Op{
		Operation: opUpdate, ID: "o-1",
		Payload: []byte(`{"cancelState":"` + stateCancelled + `"}`),
	})
	if result.Err != nil || result.ID != "o-1" || till.last("cancelOrder").value("orderId") != "o-1" {
		t.Errorf("%+v", result)
	}
	for payload, operation := range map[string]protocol.Operation{
		`{"cancelState":"ORDER-CANCEL-STATE-NOTHING"}`: opUpdate,
		`{"reference":"x"}`:                            opUpdate,
		`{"totalInclAmount":1}`:                        opCreate,
		`{"colour":"red"}`:                             opCreate,
		`{"lineList":[{"articleNumber":1,"sku":"A"}]}`: opCreate,
		`{"lineList":[{"articleNumber":1,"data":{"quantity":1,"totalInclAmount":5}}]}`: opCreate,
		`{"lineList":[{"articleNumber":1,"data":{"quantity":1,"price":1.234}}]}`:       opCreate,
		`{}`: protocol.Operation_OPERATION_DELETE,
	} {
		result := writeOne(t, c, "order", nil, sdk.Op{
			Operation: operation, ID: "o-1",
			Payload: []byte(payload),
		})
		if classOf(result.Err) != invalid {
			t.Errorf("%s: %v", payload, result.Err)
		}
	}
	if n := len(till.calls); n != 1 {
		t.Errorf("%d calls; what can't be sent must not be sent", n)
	}
	result = writeOne(t, c, "order", nil, sdk.Op{
		Operation: opCreate,
		Payload:   []byte(`{"lineList":[{"articleNumber":1,"data":{"quantity":1,"price":1.234}}]}`),
	})
	if f := failureOf(t, result.Err); f.Field != "lineList.0.data.price" {
		t.Errorf("%+v", f)
	}
}

func TestRelationsAreWritten(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("createRelation", "CreateRelationResponse",
		el("result", "CREATE-RELATION-RESULT-OK")+el("relationNumber", 681)+el("errorMessage"))
	till.answer("updateRelation", "UpdateRelationResponse", el("result", "UPDATE-RELATION-RESULT-OK")+el("errorMessage"))
	c := till.open(t, nil)
	result := writeOne(t, c, "relation", nil, sdk.Op{
		Operation: opCreate,
		Payload:   []byte(`{"name":"A & B","email":"a@example.org","mobile":null}`),
	})
	r := till.last("createRelation").child("relation")
	if result.Err != nil || result.ID != "681" || r.value("name") != "A & B" || r.child("mobile") != nil {
		t.Errorf("%+v", result)
	}
	result = writeOne(t, c, "relation", nil, sdk.Op{
		Operation: opUpdate, ID: "681",
		Payload: []byte(`{"mobile":null,"city":"Sneek"}`),
	})
	if r := till.last("updateRelation").child("relation"); result.Err != nil || result.ID != "681" || r.value("relationNumber") != "681" ||
		r.child("mobile") == nil || r.value("city") != "Sneek" || r.child("name") != nil {
		t.Errorf("%+v", result)
	}
	result = writeOne(t, c, "relation", nil, sdk.Op{
		Operation: opUpdate, ID: "681",
		Payload: []byte(`{"relationNumber":7}`),
	})
	if f := failureOf(t, result.Err); f.Code != "mpluskassa.read_only_field" || f.Field != "relationNumber" {
		t.Errorf("%+v", f)
	}
}

func TestArticlesAreWrittenByWayOfTheirProduct(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	withJoins(till)
	till.answer("createProduct", "CreateProductResponse",
		el("result", "CREATE-PRODUCT-RESULT-OK")+el("productNumber", 311)+el("articleNumbers", 4601))
	till.answer("updateProduct", "UpdateProductResponse", el("result", "UPDATE-PRODUCT-RESULT-OK")+el("newArticleNumbers", 4602))
	c := till.open(t, nil)
	result := writeOne(t, c, "article", nil, sdk.Op{
		Operation: opCreate,
		Payload:   []byte(`{"description":"Gehakt","priceIncl":8.99,"pluNumber":"G-1"}`),
	})
	p := till.last("createProduct").child("product")
	if result.Err != nil || result.ID != "4601" || p.value("description") != "Gehakt" ||
		p.child("articleList").child("article").value("priceIncl") != "899" {
		t.Errorf("%+v", result)
	}
	result = writeOne(t, c, "article", nil, sdk.Op{
		Operation: opCreate,
		Payload:   []byte(`{"description":"Groot","productNumber":311}`),
	})
	if result.Err != nil || result.ID != "4602" || till.last("updateProduct").child("product").value("productNumber") != "311" {
		t.Errorf("%+v", result)
	}
	result = writeOne(t, c, "article", nil, sdk.Op{
		Operation: opUpdate, ID: "100",
		Payload: []byte(`{"active":false}`),
	})
	p = till.last("updateProduct").child("product")
	if a := p.child("articleList").child("article"); result.Err != nil || result.ID != "100" || p.value("productNumber") != "9" ||
		a.value("articleNumber") != "100" || a.value("active") != "false" {
		t.Errorf("%+v", result)
	}
	result = writeOne(t, c, "article", nil, sdk.Op{
		Operation: opUpdate, ID: "104",
		Payload: []byte(`{"active":false}`),
	})
	if classOf(result.Err) != missing {
		t.Errorf("%+v", result)
	}
}

func TestStockIsSet(t *testing.T) {
	t.Parallel()
	till := newTill(t)
	till.answer("setStock", "SetStockResponse", el("result", "SET-STOCK-RESULT-OK")+el("stockId", 5))
	c := till.open(t, nil)
	result := writeOne(t, c, "stock", sdk.Config{"employee": "7"}, sdk.Op{
		Operation: opUpdate, ID: "1/4601",
		Payload: []byte(`{"amount":5.250}`),
	})
	r := till.last("setStock").child("request")
	if result.Err != nil || result.ID != "1/4601" || r.value("branchNumber") != "1" || r.value("articleNumber") != "4601" ||
		r.value("amount") != "525" || r.value("decimalPlaces") != "2" || r.value("employeeNumber") != "7" {
		t.Errorf("%+v", result)
	}
	result = writeOne(t, c, "stock", nil, sdk.Op{
		Operation: opCreate,
		Payload:   []byte(`{"branchNumber":1,"articleNumber":2}`),
	})
	if f := failureOf(t, result.Err); f.Class != invalid || f.Field != "amount" || !strings.Contains(f.Message, "set the stock to 0") {
		t.Errorf("%+v", f)
	}
	if _, err := c.Writer(t.Context(), sdk.WriteRequest{Entity: "branch"}); classOf(err) != fatal {
		t.Error(err)
	}
}
