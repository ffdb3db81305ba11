package mpluskassa

import (
	"fmt"
	"strings"
	"testing"
)

// tree writes the groups as the till shows them: name(inside, inside).
func tree(list *element, name string) string {
	var out []string
	for _, g := range list.get(name).all("articleGroups") {
		text := g.str("name")
		if inner := tree(g, "subGroupList"); inner != "" {
			text += "(" + inner + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func TestGroups(t *testing.T) {
	t.Parallel()
	b := setup(t, 5, Options{})
	now := func(want string) {
		t.Helper()
		b.equal("tree", tree(b.call("getArticleGroups", "<request/>"), "articleGroupList"), want)
	}
	now("Webshop(Kleding & schoenen, Delicatessen, Cadeau), Winkel")
	made := b.call("newArticleGroup", "<request><parentGroupNumber>2</parentGroupNumber><name>Truien</name><text/></request>")
	b.equal("made", made.str("result")+made.str("groupNumber"), "NEW-ARTICLE-GROUP-RESULT-OK6")
	for request, want := range map[string]string{
		"<parentGroupNumber>99</parentGroupNumber><name>x</name><text/>": "PARENT-NOTFOUND", "<parentGroupNumber>0</parentGroupNumber><name/><text/>": "FAILED",
	} {
		b.equal(request, b.call("newArticleGroup", "<request>"+request+"</request>").str("result"), "NEW-ARTICLE-GROUP-RESULT-"+want)
	}
	for request, want := range map[string]string{
		"<groupNumber>99</groupNumber><name>x</name>":                           "NOT-FOUND",
		"<groupNumber>1</groupNumber><parentGroupNumber>6</parentGroupNumber>":  "FAILED", // under itself
		"<groupNumber>6</groupNumber><parentGroupNumber>99</parentGroupNumber>": "FAILED",
		"<groupNumber>6</groupNumber><name/>":                                   "FAILED",
		"<groupNumber>6</groupNumber><parentGroupNumber>4</parentGroupNumber>":  "OK",
	} {
		b.equal(request, b.call("updateArticleGroup", "<request>"+request+"</request>").str("result"), "SAVE-ARTICLE-GROUP-RESULT-"+want)
	}
	now("Webshop(Kleding & schoenen, Delicatessen, Cadeau(Truien)), Winkel")

	members := func(operation, more string) string {
		return b.call(operation, "<request><groupNumber>6</groupNumber>"+more+"</request>").str("result")
	}
	numbers := func(all ...int) string {
		out := ""
		for _, n := range all {
			out += fmt.Sprintf("<number>%d</number>", n)
		}
		return "<productNumbers>" + out + "</productNumbers>"
	}
	b.equal("add", members("addProductsToArticleGroup", numbers(301, 302)), "ADD-PRODUCTS-TO-ARTICLE-GROUP-RESULT-OK")
	b.equal("add nothing", members("addProductsToArticleGroup", numbers(9999)), "ADD-PRODUCTS-TO-ARTICLE-GROUP-RESULT-FAILED")
	b.equal("replace", members("replaceProductsOfArticleGroup", numbers(303)), "REPLACE-PRODUCTS-OF-ARTICLE-GROUP-RESULT-OK")
	b.equal("in it", len(b.server.till.productsIn(6)), 1)
	b.equal("delete", members("deleteProductsFromArticleGroup", "<removeAll>true</removeAll>"), "DELETE-PRODUCTS-FROM-ARTICLE-GROUP-RESULT-OK")
	b.equal("in it", len(b.server.till.productsIn(6)), 0)

	since := b.call("getCurrentSyncMarkers", "").num("articleGroupSyncMarker") + 1
	b.equal("delete", b.call("deleteArticleGroup", "<request><groupNumber>4</groupNumber></request>").str("result"), "DELETE-ARTICLE-GROUP-RESULT-OK")
	changes := b.call("getArticleGroupChanges", fmt.Sprintf("<request><syncMarker>%d</syncMarker></request>", since))
	deleted := 0
	for _, g := range changes.get("changedArticleGroupList").all("changedArticleGroups") {
		if g.flag("isDeleted") {
			deleted++
		}
	}
	b.equal("deleted with what is below", deleted, 2)
	now("Webshop(Kleding & schoenen, Delicatessen), Winkel")
}

func TestCustomFieldsHaveTheirTypes(t *testing.T) {
	t.Parallel()
	b := setup(t, 5, Options{})
	save := func(field string) string {
		return b.call("updateProduct", "<product><productNumber>301</productNumber><articleList><article><articleNumber>4501</articleNumber><customFieldList>"+
			"<customField>"+field+"</customField></customFieldList></article></articleList></product>").str("result")
	}
	b.equal("text", save("<fieldName>Seizoen</fieldName><dataType>DATA-TYPE-UNKNOWN</dataType><strValue>Zomer</strValue>"), "UPDATE-PRODUCT-RESULT-OK")
	b.equal("unknown", save("<fieldName>Kleurcode</fieldName><strValue>x</strValue>"), "UPDATE-PRODUCT-RESULT-FAILED")
	b.equal("not a number", save("<fieldName>Gewicht</fieldName><strValue>1</strValue>"), "UPDATE-PRODUCT-RESULT-FAILED")
	var articles []articleSummary
	b.control("GET", "/articles", "", 200, &articles)
	b.equal("kept", articles[0].Custom["Seizoen"], "Zomer")
	b.control("PATCH", "/articles/4501", `{"description":"Trui van de kassa"}`, 200, nil)
	b.control("PATCH", "/articles/4501", `{"syncMarker":1}`, 400, nil)
	b.control("PATCH", "/articles/1", `{"description":"x"}`, 404, nil)
	b.control("GET", "/articles", "", 200, &articles)
	b.equal("changed", articles[0].Description, "Trui van de kassa")
}
