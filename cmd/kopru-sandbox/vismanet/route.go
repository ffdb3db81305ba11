package vismanet

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// service is one of the hosts.
type service struct {
	name    string
	base    string
	routes  *routes
	scope   func(method string) string
	problem func(flaws []flaw) response
}

// request is what a handler works with. Query names are in lower case: the servers bind them in any case.
type request struct {
	http    *http.Request
	path    map[string]string
	query   url.Values
	body    []byte
	base    string
	reading reading
}

func (r *request) param(name string) string { return r.query.Get(strings.ToLower(name)) }

func (r *request) params(name string) []string { return r.query[strings.ToLower(name)] }

func lowerQuery(r *http.Request) url.Values {
	out := make(url.Values)
	for name, vs := range r.URL.Query() {
		key := strings.ToLower(name)
		out[key] = append(out[key], vs...)
	}
	return out
}

// The query parameters of the operations that the emulator has. Others are ignored, as in the original, and logged.
var knownParameters = strings.Fields(strings.ToLower("active addCostPriceStatistics alternateID attachmentLastModifiedDateTime " +
	"attachmentLastModifiedDateTimeCondition attributeFilter attributes attributeID availabilityLastModifiedDateTime " +
	"availabilityLastModifiedDateTimeCondition branch businessAccount controlType corporateId createdDateTime createdDateTimeCondition " +
	"customerId description displayName email expand expandAccountInformation expandAttachment expandAttribute expandCrossReference " +
	"expandDirectDebit expandInventoryUnits expandNote expandPaymentMethods expandSalesCategories expandSupplierDetails expandWarehouseDetail " +
	"filter firstName greaterThanValue ids inventoryId inventoryNumber inventoryTypes lastModifiedDateTime lastModifiedDateTimeCondition lastName " +
	"location locationId modifiedSince modifiedSinceCondition name numberToRead orderBy pageIndex pageNumber pageSize phone salesCategory " +
	"skipRecords status documentType customer customerNumber externalReference customerRefNumber expandApplications expandDunningInformation " +
	"expandAttachments expandTaxDetails expandInvoiceAddress paymentNbr paymentType termsId vatRegistrationId warehouse warehouseId"))

func unknownParameters(query url.Values) []string {
	var out []string
	for name := range query {
		if !slices.Contains(knownParameters, name) {
			out = append(out, "?"+name)
		}
	}
	slices.Sort(out)
	return out
}

type handlerFunc func(r *request) response

// route is one operation; its name is "METHOD /path/{parameter}".
type route struct {
	name     string
	method   string
	segments []string
	handler  handlerFunc
}

type match struct {
	*route
	path map[string]string
}

type routes struct{ all []*route }

func newRoutes(table map[string]handlerFunc) *routes {
	rs := &routes{}
	for name, h := range table {
		method, path, _ := strings.Cut(name, " ")
		rs.all = append(rs.all, &route{
			name: name, method: method, segments: strings.Split(strings.Trim(path, "/"), "/"),
			handler: h,
		})
	}
	return rs
}

// match finds the operation of a request: paths in any letter case, a literal segment before a parameter. Without one it
// returns the status to answer.
func (rs *routes) match(r *http.Request) (*match, int) {
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	for i, p := range parts {
		u, err := url.PathUnescape(p)
		if err != nil {
			return nil, http.StatusBadRequest
		}
		parts[i] = u
	}
	var best *match
	fewest, known := 0, false
	for _, rt := range rs.all {
		path, ok := rt.bind(parts)
		if !ok {
			continue
		}
		known = true
		if rt.method == r.Method && (best == nil || len(path) < fewest) {
			best, fewest = &match{route: rt, path: path}, len(path)
		}
	}
	switch {
	case best != nil:
		return best, 0
	case known:
		return nil, http.StatusMethodNotAllowed
	}
	return nil, http.StatusNotFound
}

func (rt *route) bind(parts []string) (map[string]string, bool) {
	if len(parts) != len(rt.segments) {
		return nil, false
	}
	var path map[string]string // most routes are looked at in vain
	for i, s := range rt.segments {
		switch {
		case strings.HasPrefix(s, "{"):
			if path == nil {
				path = make(map[string]string)
			}
			path[strings.Trim(s, "{}")] = decodeKey(parts[i])
		case !strings.EqualFold(s, parts[i]):
			return nil, false
		}
	}
	return path, true
}

// decodeKey undoes b64(…), which carries keys with reserved characters.
func decodeKey(segment string) string {
	inner, ok := strings.CutPrefix(segment, "b64(")
	if !ok || !strings.HasSuffix(inner, ")") {
		return segment
	}
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimSuffix(inner, ")"))
	if err != nil {
		return segment
	}
	return string(key)
}
