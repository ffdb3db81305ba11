package mpluskassa

import (
	"fmt"
	"testing"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

func TestRelationsAreCapped(t *testing.T) {
	t.Parallel()
	b := setup(t, 3600, Options{})
	if len(b.shop.Relations) <= 1000 {
		t.Fatalf("only %d relations", len(b.shop.Relations))
	}
	seen, from := 0, int64(0)
	for {
		page := b.call("getRelations", fmt.Sprintf("<request><syncMarker>%d</syncMarker><syncMarkerLimit>5000</syncMarkerLimit>"+
			"</request>", from)).get("relationList").all("relation")
		if len(page) == 0 {
			break
		}
		if len(page) > 1000 {
			t.Fatalf("%d relations on a page", len(page))
		}
		for _, r := range page {
			from = max(from, r.num("syncMarker")+1)
		}
		seen += len(page)
	}
	b.equal("relations", seen, len(b.shop.Relations))
}

func TestFindRelation(t *testing.T) {
	t.Parallel()
	b := setup(t, 10, Options{})
	for _, c := range []struct {
		operation, request string
		want               int64
	}{
		{"findRelation", "<relation><email>SANNE.devries</email></relation>", 101},
		{"findRelation", "<relation><email>sanne.devries@voorbeeld.example</email><name>s. de</name></relation>", 102},
		{"findRelation", "<relation><name>dubbel</name><city>amster</city><country></country></relation>", 103},
		{"findRelation", "<relation><name>dubbel</name><city>Utrecht</city></relation>", 0},
		{"findRelation", "<relation/>", 0},
		{"findRelation", "", 0},
		{"findRelationV2", "<request><relation><email>sanne.devries</email></relation><exactMatch>1</exactMatch></request>", 0},
		{"findRelationV2", "<request><relation><email>INFO@dubbel.example</email></relation><exactMatch>true</exactMatch></request>", 103},
	} {
		got := b.call(c.operation, c.request)
		want := "FIND-RELATION-RESULT-OK"
		if c.want == 0 {
			want = "FIND-RELATION-RESULT-NOT-FOUND"
		}
		b.equal(c.request, got.str("result"), want)
		b.equal(c.request, got.get("relation").num("relationNumber"), c.want)
	}
	first := setup(t, 0, Options{EmptyFindsFirst: true})
	first.equal("no criterion", first.call("findRelation", "<relation/>").get("relation").num("relationNumber"), int64(1))
}

func TestCreateAndUpdateRelation(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	made := b.call("createRelation", "<relation><name>Nieuw &amp; Zn.</name><email>n@voorbeeld.example</email><iban>x</iban></relation>")
	b.equal("result", made.str("result"), "CREATE-RELATION-RESULT-OK")
	number := made.str("relationNumber")
	updated := b.call("updateRelation", "<relation><relationNumber>"+number+"</relationNumber><telephone>050-1</telephone>"+
		"<syncMarker>1</syncMarker></relation>")
	b.equal("result", updated.str("result"), "UPDATE-RELATION-RESULT-OK")
	r := b.call("getRelation", "<relationNumber>"+number+"</relationNumber>").get("relation")
	b.equal("relation", r.str("name")+r.str("email")+r.str("telephone"), "Nieuw & Zn.n@voorbeeld.example050-1")
	b.equal("marker", r.num("syncMarker"), updated.num("syncMarker"))
	if updated.num("syncMarker") <= made.num("syncMarker") {
		t.Error("the change has no higher marker")
	}
	b.equal("taken", b.call("createRelation", "<relation><relationNumber>101</relationNumber>"+
		"</relation>").str("result"), "CREATE-RELATION-RESULT-FAILED-RELATION-NUMBER-ALREADY-TAKEN")
	b.equal("unknown", b.call("updateRelation", "<relation><relationNumber>7</relationNumber>"+
		"</relation>").str("result"), "UPDATE-RELATION-RESULT-NOT-FOUND")
	b.equal("number gone", b.call("updateRelation", "").str("result"), "UPDATE-RELATION-RESULT-NOT-FOUND")
	b.equal("nothing sent", b.call("createRelation", "").str("result"), "CREATE-RELATION-RESULT-FAILED")
}

func (b *bundle) products(request string) []*element {
	b.Helper()
	return b.call("getProducts", "<request><pluNumbers/>"+request+"</request>").get("productList").all("product")
}

func TestProductsPageByArticle(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	articles, products, from := 0, 0, int64(0)
	for page := 0; ; page++ {
		got := b.products(fmt.Sprintf("<syncMarker>%d</syncMarker><syncMarkerLimit>5</syncMarkerLimit>", from))
		if len(got) == 0 {
			break
		}
		count := 0
		for _, p := range got {
			count += len(articlesOf(p))
			from = max(from, productMarker(p)+1)
		}
		if page == 0 && (len(got) != 1 || count != 12) || count > 5 && len(got) > 1 {
			t.Errorf("page %d has %d products with %d articles", page, len(got), count)
		}
		articles, products = articles+count, products+len(got)
	}
	b.equal("articles", articles, b.shop.Expect().Articles)
	b.equal("products", products, len(b.shop.Products))
}

func TestProductFilters(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	p := b.call("getProducts", "<request><pluNumbers><text><text>00471</text></text></pluNumbers><articleNumbers>4502</articleNumbers>"+
		"</request>").get("productList").all("product")
	b.equal("products", len(p), 2)
	b.equal("articles of the first", len(articlesOf(p[0])), 1)
	b.equal("with all articles", len(articlesOf(b.products("<articleNumbers>4502</articleNumbers>" +
		"<includeAllArticlesOfSelectedProducts>true</includeAllArticlesOfSelectedProducts>")[0])), 12)
	b.equal("by product number", len(b.products("<productNumbers>301</productNumbers><productNumbers>302</productNumbers>")), 2)
	b.equal("active", len(b.products("<onlyActive>1</onlyActive>")), len(b.shop.Products)-2)
	a := articlesOf(b.products("<articleNumbers>4524</articleNumbers>")[0])[0]
	b.equal("article", a.str("pluNumber")+" "+a.str("priceIncl")+" "+a.str("priceExcl")+" "+a.str("vatCode")+" "+a.str("vatPercentage"), "00471 1295 1188 1 900")
}

func TestCreateAndUpdateProduct(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	made := b.call("createProduct", "<product><description>Nieuw</description><articleList><article><pluNumber>007</pluNumber>"+
		"<vatCode>1</vatCode><priceExcl>1000</priceExcl></article><article/></articleList></product>")
	b.equal("result", made.str("result"), "CREATE-PRODUCT-RESULT-OK")
	b.equal("articles", len(made.all("articleNumbers")), 2)
	number, article := made.str("productNumber"), made.str("articleNumbers")
	update := "<product><productNumber>" + number + "</productNumber><articleList><article><articleNumber>" + article + "</articleNumber>" +
		"<priceIncl>2180</priceIncl></article><article><pluNumber>008</pluNumber></article></articleList></product>"
	changed := b.call("updateProduct", update)
	b.equal("result", changed.str("result"), "UPDATE-PRODUCT-RESULT-OK")
	b.equal("articles", len(changed.all("existingArticleNumbers"))*10+len(changed.all("newArticleNumbers")), 11)
	p := b.products("<productNumbers>" + number + "</productNumbers>")[0]
	a := articlesOf(p)[0]
	b.equal("article", a.str("pluNumber")+" "+a.str("priceIncl")+" "+a.str("priceExcl"), "007 2180 2000")
	b.equal("kept", p.str("description"), "Nieuw")
	taken := b.call("updateProduct", "<product><productNumber>"+number+"</productNumber><articleList><article>"+
		"<articleNumber>4501</articleNumber></article></articleList></product>")
	b.equal("taken", taken.str("result"), "UPDATE-PRODUCT-RESULT-FAILED-ARTICLE-NUMBER-ALREADY-TAKEN")
	b.equal("product taken", b.call("createProduct", "<product><productNumber>301</productNumber>"+
		"</product>").str("result"), "CREATE-PRODUCT-RESULT-FAILED-PRODUCT-NUMBER-ALREADY-TAKEN")
	b.equal("unknown", b.call("updateProduct", "<product/>").str("result"), "UPDATE-PRODUCT-RESULT-NOT-FOUND")
}

func (b *bundle) stock(article int64) *element {
	b.Helper()
	return b.call("getStock", fmt.Sprintf("<request><branchNumber>1</branchNumber><articleNumbers><articleNumbers>%d</articleNumbers>"+
		"</articleNumbers></request>", article)).get("articleStocks")
}

func TestStock(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	set := func(branch, article int64, amount string) *element {
		return b.call("setStock", fmt.Sprintf("<request><branchNumber>%d</branchNumber>"+
			"<articleNumber>%d</articleNumber>%s</request>", branch, article, amount))
	}
	b.equal("all", len(b.call("getStock", "<request><branchNumber>1</branchNumber><articleNumbers/></request>").all("articleStocks")), 39)
	id := set(1, 4524, "<amount>5250</amount><decimalPlaces>3</decimalPlaces>").num("stockId")
	s := b.stock(4524)
	b.equal("free", s.str("amountFree")+"/"+s.str("decimalPlacesFree"), "5250/3")
	b.equal("id", s.num("stockId"), id)
	b.call("updateStock", "<request><branchNumber>1</branchNumber><articleNumber>4524</articleNumber><amountChanged>-6</amountChanged></request>")
	b.equal("free", b.stock(4524).str("amountFree"), "-750")
	history := b.call("getStockHistoryV2", fmt.Sprintf("<request><branchNumbers>1</branchNumbers><sinceStockId>%d</sinceStockId>"+
		"</request>", id)).all("articleStockHistory")
	b.equal("changes", len(history), 2)
	b.equal("changes there", len(b.call("getStockHistory", fmt.Sprintf("<request><branchNumber>2</branchNumber>"+
		"<sinceStockId>%d</sinceStockId></request>", id)).all("articleStockHistory")), 0)
	set(1, 4524, "")
	b.equal("forgotten amount", b.stock(4524).num("amountFree"), int64(0))
	b.equal("branch", set(9, 4524, "").str("result"), "SET-STOCK-RESULT-BRANCH-NOT-FOUND")
	b.equal("article", set(1, 1, "").str("result"), "SET-STOCK-RESULT-ARTICLE-NOT-FOUND")
	b.equal("no stock article", set(1, 4537, "").str("result"), "SET-STOCK-RESULT-NO-STOCK-ARTICLE")
}

func TestOrdersReserveStock(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{})
	before := b.stock(4513).num("amountFree")
	id := b.call("createOrder", newOrder("", "")).get("info").str("orderId")
	s := b.stock(4513)
	b.equal("free and reserved", fmt.Sprint(before-s.num("amountFree"), s.num("amountReserved")), "2 2")
	b.call("setStock", "<request><branchNumber>1</branchNumber><articleNumber>4513</articleNumber><amount>10</amount></request>")
	b.equal("free of 10 there", b.stock(4513).num("amountFree"), int64(8))
	b.call("cancelOrder", "<orderId>"+id+"</orderId>")
	b.equal("free of 10 there", b.stock(4513).num("amountFree"), int64(10))
}

func TestLookups(t *testing.T) {
	t.Parallel()
	b := setup(t, 0, Options{PercentScale: 1, Strict: true})
	b.equal("version", b.call("getApiVersion", "").num("serviceMajorNumber"), int64(67))
	b.equal("database", b.call("getDatabaseVersion", "").num("majorNumber"), int64(67))
	b.equal("terminals", len(b.call("getAvailableTerminalList", "").all("return")), 1)
	b.equal("branches", len(b.call("getBranches", "").get("branches").all("branch")), 2)
	b.equal("VAT", b.call("getVatGroupList", "").all("vatGroup")[2].str("vatPercentage"), "21")
	b.equal("payment methods", len(b.call("getPaymentMethods", "").get("paymentMethodList").all("paymentMethod")), 5)
	b.equal("delivery methods", len(b.call("getDeliveryMethodsV2", "<request><onlyEnabled>true</onlyEnabled>"+
		"</request>").get("deliveryMethodList").all("deliveryMethod")), 3)
	b.equal("turnover groups", len(b.call("getTurnoverGroups", "<request/>").get("turnoverGroupList").all("turnoverGroup")), 6)
	b.equal("employees", len(b.call("getEmployees", "<request><syncMarker>2</syncMarker></request>").get("employeeList").all("employee")), 3)
	b.equal("employee", b.call("getEmployee", "<employeeNumber>999999</employeeNumber>").get("employee").str("name"), "Supervisor")
	b.equal("nobody", b.call("getEmployee", "<employeeNumber>0</employeeNumber>").str("result"), "GET-EMPLOYEE-RESULT-NOT-FOUND")
	groups := b.call("getArticleGroups", "<request><groupNumbers>1</groupNumbers><retrieveArticleNumbers>1</retrieveArticleNumbers>"+
		"</request>").get("articleGroupList").all("articleGroups")
	b.equal("groups", len(groups), 1)
	b.equal("groups below", len(groups[0].get("subGroupList").all("articleGroups")), 3)
}

func TestNewOrdersComeNow(t *testing.T) {
	t.Parallel()
	b := setup(t, 10, Options{Now: func() time.Time { return time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC) }})
	head := b.call("getCurrentSyncMarkers", "").num("orderSyncMarker")
	b.control("POST", "/orders", `{"count": 3, "kind": "`+string(shop.Return)+`"}`, 201, nil)
	got := b.orders(fmt.Sprintf("<syncMarker>%d</syncMarker>", head+1))
	b.equal("new orders", len(got), 3)
	entry := got[0].get("entryTimestamp")
	b.equal("entered", fmt.Sprint(entry.num("hour"), entry.num("min"), entry.str("isdst"), entry.num("timezone")), "2 30false60")
	if got[0].num("totalInclAmount") >= 0 {
		t.Error("a return brings money in")
	}
}
