package vismanet

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
	"github.com/kopru-io/kopru/plugins/sdk"
)

const mostWords = 2000 // bytes of the remote system's own words

const (
	classAuth      = protocol.FailureClass_FAILURE_CLASS_AUTH
	classInvalid   = protocol.FailureClass_FAILURE_CLASS_INVALID
	classNotFound  = protocol.FailureClass_FAILURE_CLASS_NOT_FOUND
	classAmbiguous = protocol.FailureClass_FAILURE_CLASS_AMBIGUOUS
)

// asFailure is err, which came from sdk.HTTP, as the Failure that it is.
func asFailure(err error) *sdk.Failure {
	var f *sdk.Failure
	if errors.As(err, &f) {
		return f
	}
	return sdk.Transient("vismanet.error", "%v", err)
}

func isMissing(err error) bool { return sdk.IsClass(err, classNotFound) }

func hasStatus(err error, status int) bool {
	var f *sdk.Failure
	return errors.As(err, &f) && f.RemoteStatus == status
}

// refine adds to a failure what Visma's status and body say.
func refine(f *sdk.Failure, r call, answer *sdk.HTTPResponse) {
	told := explain(answer.Body)
	if told.words != "" {
		f.RemoteMessage = sdk.Brief(told.words, mostWords)
	}
	f.Field = told.field
	byStatus(f, r)
	byWords(f, told)
	byCode(f, told)
}

func byStatus(f *sdk.Failure, r call) {
	set := func(code, message string) { f.Code, f.Message = "vismanet."+code, message }
	switch f.RemoteStatus {
	case http.StatusUnauthorized:
		set("unauthorized", r.service.title+" refuses a fresh token: is tenant_id the Company tenant id "+
			"(Visma Admin > Company > Configuration), not the Customer tenant id?")
	case http.StatusForbidden:
		set("forbidden", "the token lacks a scope for this call on "+r.service.title+
			", or the company has not approved it; compare "+r.service.tokens.setting+" with the Visma App Store")
	case http.StatusNotFound, http.StatusGone:
		set("not_found", "Visma.net does not have it")
	case http.StatusMethodNotAllowed:
		set("status_forbids", "the order's status does not allow the change")
	case http.StatusConflict:
		set("conflict", "it conflicts with what Visma.net has")
	case http.StatusPreconditionFailed:
		set("changed", "somebody else changed it in Visma.net after it was read")
	case http.StatusPreconditionRequired:
		set("version_required", "Visma.net wants to know which version is to be changed; replay the record")
	case http.StatusTooManyRequests:
		set("rate_limited", r.service.title+" wants fewer calls")
	default:
		if f.RemoteStatus < http.StatusInternalServerError && f.RemoteStatus >= http.StatusBadRequest {
			f.Message = "Visma.net rejects it"
		}
	}
}

// byWords recognises v1's business errors, whose status Visma does not document: the database refused the row, so
// nothing was stored even when the status is a 500.
func byWords(f *sdk.Failure, t told) {
	low := strings.ToLower(t.words)
	refused := strings.Contains(low, "raised at least one error")
	if !refused && (f.Class != classInvalid || !strings.Contains(low, "cannot be empty")) {
		return
	}
	f.Class = classInvalid
	f.Code, f.Message = "vismanet.rejected", "Visma.net rejects it"
	if status := saidOf(customerStatus, t.words); status != "" {
		f.Code, f.Field = "vismanet.customer_on_hold", cmp.Or(f.Field, "customerNumber")
		f.Message = "the customer's status is " + status + "; set it to Active in Visma.net, or book on another, then replay"
	}
	if status := saidOf(itemStatus, t.words); status != "" {
		f.Code, f.Field = "vismanet.item_inactive", cmp.Or(f.Field, "inventoryNumber")
		f.Message = "the item of a line is " + status + "; activate it in Visma.net, or use another, then replay"
	}
	if label, ok := quotedBefore(t.words, " cannot be empty"); ok {
		f.Code, f.Message = "vismanet.field_missing", "Visma.net needs "+label
		if label == "Customer ID" {
			f.Field = "number"
			f.Message = "Visma.net does not number customers by itself here: the record must bring a number"
		}
	}
}

// What v1 says of a customer or an item that takes no documents has no code.
var (
	customerStatus = regexp.MustCompile(`(?i)\bcustomer'? status is '?(\w+)`)
	itemStatus     = regexp.MustCompile(`(?i)\binventory item is '?(\w+)`)
)

func saidOf(pattern *regexp.Regexp, words string) string {
	if m := pattern.FindStringSubmatch(words); m != nil {
		return m[1]
	}
	return ""
}

// quotedBefore is the 'name' in quotes in front of a phrase.
func quotedBefore(text, phrase string) (string, bool) {
	before, _, ok := strings.Cut(text, "'"+phrase)
	if !ok {
		return "", false
	}
	return before[strings.LastIndex(before, "'")+1:], true
}

// told is what a refusal's body says.
type told struct {
	code  string // the vendor's
	words string
	field string
}

// explain reads any of the bodies Visma sends with a refusal; names are matched in any case.
func explain(data []byte) told {
	body, err := record.DecodeObject(data)
	if err != nil {
		return told{} // nothing, text or a page: sdk.HTTP has put it into words
	}
	low := make(map[string]any, len(body))
	for _, k := range slices.Sorted(maps.Keys(body)) {
		low[strings.ToLower(k)] = body[k]
	}
	if code := textOf(low["exceptionfaultcode"]); code != "" || low["exceptiontype"] != nil {
		words := textOf(low["exceptionmessage"])
		if words == "" {
			words = textOf(low["exceptiondetails"])
		}
		return told{code: code, words: strings.TrimSpace(code + " " + words)}
	}
	if words := textOf(low["message"]); words != "" {
		return told{words: strings.ReplaceAll(words, "\r\n", "\n")}
	}
	return problemDetails(low)
}

// problemDetails reads RFC 7807 with Visma's details, a list or a single object, and ASP.NET's errors.
func problemDetails(low map[string]any) told {
	var out told
	var words []string
	details, ok := low["details"].([]any)
	if !ok {
		details = []any{low["details"]}
	}
	for _, d := range details {
		detail, _ := d.(map[string]any)
		code := textOf(detail["code"])
		if out.code == "" {
			out.code = code
		}
		parameters, _ := detail["parameters"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			if strings.EqualFold(name, "property") && out.field == "" {
				out.field = fieldPath(textOf(parameters[name]))
			}
		}
		if line := join(": ", code, textOf(detail["message"])); line != "" {
			words = append(words, line)
		}
	}
	if fields, ok := low["errors"].(map[string]any); ok {
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if out.field == "" {
				out.field = fieldPath(name)
			}
			words = append(words, join(": ", name, textOf(fields[name])))
		}
	}
	if len(words) == 0 {
		words = append(words, join(": ",
			textOf(low["title"]), textOf(low["detail"]), textOf(low["error"]), textOf(low["errorinfo"])))
	}
	out.words = strings.Join(words, "\n")
	return out
}

// fieldPath is Visma's "$.OrderLines[0].InventoryId" as a record spells it.
func fieldPath(path string) string {
	parts := strings.Split(strings.TrimPrefix(path, "$."), ".")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToLower(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, ".")
}

func textOf(v any) string {
	list, ok := v.([]any)
	if !ok {
		return strings.TrimSpace(record.Text(v))
	}
	parts := make([]string, len(list))
	for i, item := range list {
		parts[i] = textOf(item)
	}
	return join(" ", parts...)
}

func join(separator string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), separator)
}
