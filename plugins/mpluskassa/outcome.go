package mpluskassa

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const (
	transient = protocol.FailureClass_FAILURE_CLASS_TRANSIENT
	auth      = protocol.FailureClass_FAILURE_CLASS_AUTH
	invalid   = protocol.FailureClass_FAILURE_CLASS_INVALID
	conflict  = protocol.FailureClass_FAILURE_CLASS_CONFLICT
	missing   = protocol.FailureClass_FAILURE_CLASS_NOT_FOUND
	ambiguous = protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS
	fatal     = protocol.FailureClass_FAILURE_CLASS_FATAL
)

const (
	codeNotImplemented = "mpluskassa.not_implemented"
	codeNumberTaken    = "mpluskassa.article_number_taken"
)

// outcome is what a result means; the zero value is success.
type outcome struct {
	class   protocol.FailureClass
	code    string
	message string
}

// outcomes tells every result of the operations in use apart. Names are no guide: there are failures that end in OK.
func outcomes() map[string]outcome {
	return map[string]outcome{
		"GET-ORDER-RESULT-OK":        {},
		"GET-ORDER-RESULT-NOT-FOUND": {missing, "order_not_found", "there is no such order"},

		"CREATE-ORDER-RESULT-OK": {},
		"CREATE-ORDER-RESULT-EXT-ORDER-ID-ALREADY-EXISTS": {
			conflict, "order_exists", "an order with this extOrderId is there already; an extOrderId can't be used twice",
		},
		"CREATE-ORDER-RESULT-FAILED":         {invalid, "order_refused", "MplusKASSA refuses the order"},
		"CREATE-ORDER-RESULT-PAYMENT-FAILED": {ambiguous, "payment_failed", "the payment failed; the order may have been made"},

		"CANCEL-ORDER-RESULT-OK":                {},
		"CANCEL-ORDER-RESULT-PENDING":           {}, // accepted for another branch
		"CANCEL-ORDER-RESULT-ALREADY-CANCELLED": {}, // what was wanted
		"CANCEL-ORDER-RESULT-FAILED":            {invalid, "cancel_refused", "MplusKASSA refuses to cancel the order"},
		"CANCEL-ORDER-RESULT-NOT-FOUND":         {missing, "order_not_found", "there is no such order"},
		"CANCEL-ORDER-RESULT-UNDO-CANCEL-OK": {
			invalid, "cancel_undone", "the order was cancelled already and this brought it back; cancel it in the till",
		},

		"FIND-RELATION-RESULT-OK":        {},
		"FIND-RELATION-RESULT-NOT-FOUND": {missing, "relation_not_found", "there is no such relation"},

		"DELIVER-ORDER-V2-RESULT-OK":                {},
		"DELIVER-ORDER-V2-RESULT-ALREADY-DELIVERED": {conflict, "already_delivered", "the order is delivered already"},
		"DELIVER-ORDER-V2-RESULT-FAILED":            {invalid, "delivery_refused", "MplusKASSA refuses the delivery"},

		"CREATE-RELATION-RESULT-OK":     {},
		"CREATE-RELATION-RESULT-FAILED": {invalid, "relation_refused", "MplusKASSA refuses the relation"},
		"CREATE-RELATION-RESULT-FAILED-RELATION-NUMBER-ALREADY-TAKEN": {
			conflict, "relation_number_taken", "another relation has this relationNumber",
		},
		"UPDATE-RELATION-RESULT-OK":        {},
		"UPDATE-RELATION-RESULT-NOT-FOUND": {missing, "relation_not_found", "there is no such relation"},
		"UPDATE-RELATION-RESULT-FAILED":    {invalid, "relation_refused", "MplusKASSA refuses the change to the relation"},

		"CREATE-PRODUCT-RESULT-OK":     {},
		"CREATE-PRODUCT-RESULT-FAILED": {invalid, "article_refused", "MplusKASSA refuses the article"},
		"CREATE-PRODUCT-RESULT-FAILED-PRODUCT-NUMBER-ALREADY-TAKEN": {
			conflict, "product_number_taken", "another product has this productNumber",
		},
		"CREATE-PRODUCT-RESULT-FAILED-ARTICLE-NUMBER-ALREADY-TAKEN": {
			conflict, "article_number_taken", "another article has this articleNumber",
		},
		"UPDATE-PRODUCT-RESULT-OK":          {},
		"UPDATE-PRODUCT-RESULT-NOT-FOUND":   {missing, "product_not_found", "there is no such product"},
		"UPDATE-PRODUCT-RESULT-NOT-ALLOWED": {invalid, "article_read_only", "MplusKASSA doesn't allow this article to be changed"},
		"UPDATE-PRODUCT-RESULT-FAILED":      {invalid, "article_refused", "MplusKASSA refuses the change to the article"},
		"UPDATE-PRODUCT-RESULT-FAILED-ARTICLE-NUMBER-ALREADY-TAKEN": {
			conflict, "article_number_taken", "another article has this articleNumber",
		},

		"NEW-ARTICLE-GROUP-RESULT-OK":              {},
		"NEW-ARTICLE-GROUP-RESULT-PARENT-NOTFOUND": {missing, "parent_not_found", "there is no group to put it into"},
		"NEW-ARTICLE-GROUP-RESULT-FAILED":          {invalid, "group_refused", "MplusKASSA refuses the article group"},
		"SAVE-ARTICLE-GROUP-RESULT-OK":             {},
		"SAVE-ARTICLE-GROUP-RESULT-NOT-FOUND":      {missing, "group_not_found", "there is no such article group"},
		"SAVE-ARTICLE-GROUP-RESULT-FAILED":         {invalid, "group_refused", "MplusKASSA refuses the change to the article group"},

		"SET-STOCK-RESULT-OK":                {},
		"SET-STOCK-RESULT-BRANCH-NOT-FOUND":  {missing, "branch_not_found", "there is no such branch"},
		"SET-STOCK-RESULT-ARTICLE-NOT-FOUND": {missing, "article_not_found", "there is no such article"},
		"SET-STOCK-RESULT-NO-STOCK-ARTICLE":  {invalid, "no_stock_article", "no stock is kept of this article"},
		"SET-STOCK-RESULT-FAILED":            {invalid, "stock_refused", "MplusKASSA refuses the stock"},
	}
}

// judge turns an answer's result into a failure, nil when all is well.
func (c *client) judge(op operation, answer *node) *sdk.Failure {
	if !op.result {
		return nil
	}
	result := answer.value("result")
	words := c.http.Hide(answer.value("errorMessage") + answer.value("message"))
	o, known := c.outcomes[result]
	if !known {
		fail := &sdk.Failure{
			Class: fatal, Code: "mpluskassa.unknown_result",
			Message: "MplusKASSA answered " + op.name + " with a result this connector doesn't know: " + strconv.Quote(c.http.Hide(result)),
		}
		return unclear(op, fail).Remote(200, words)
	}
	if o.code == "" {
		return nil
	}
	return (&sdk.Failure{Class: o.class, Code: "mpluskassa." + o.code, Message: o.message}).Remote(200, words)
}

// unclear makes the failure of a write ambiguous: nobody knows whether it was stored.
func unclear(op operation, f *sdk.Failure) *sdk.Failure {
	if op.write {
		f.Class = ambiguous
		f.Message += "; the write may have been stored all the same"
	}
	return f
}

// elementAtFault finds the element in gSOAP's own messages: "invalid value in element 'ns1:articleNumber'".
var elementAtFault = regexp.MustCompile(`element '(?:[^':]+:)?([^']+)'`)

// blame turns a SOAP fault into a failure.
func (c *client) blame(op operation, status int, ft *fault) *sdk.Failure {
	var out *sdk.Failure
	switch {
	case slices.ContainsFunc(c.authFaults, func(code string) bool { return within(ft.code, code) }):
		out = sdk.Auth("mpluskassa.unauthorized",
			"MplusKASSA refuses ident and secret; check both, and that the port is this installation's")
	case within(ft.code, "Client") && strings.Contains(ft.words, "not implemented"):
		out = sdk.Fatal(codeNotImplemented, "this MplusKASSA is too old for %s; update its API service", op.name)
	case within(ft.code, "Client"):
		out = sdk.Invalid("mpluskassa.request_refused", "MplusKASSA can't read the %s request", op.name)
		if m := elementAtFault.FindStringSubmatch(ft.words); m != nil {
			out.Field = m[1]
		}
	default:
		out = unclear(op, sdk.Transient("mpluskassa.server_fault", "MplusKASSA failed at %s", op.name))
	}
	return out.Remote(status, c.http.Hide(ft.words))
}

// within tells whether a fault code is the other or a part of it: Client.Authentication is within Client.
func within(code, of string) bool { return code == of || strings.HasPrefix(code, of+".") }
