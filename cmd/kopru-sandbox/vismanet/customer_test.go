package vismanet

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const aCustomer = `{"name":{"value":"Kari Nordmann"},"overrideWithClassValues":true,"customerClassId":{"value":"PRIVAT"},
	"mainAddress":{"value":{"addressLine1":{"value":"Storgata 1"},"postalCode":{"value":"0155"},"city":{"value":"Oslo"},"countryId":{"value":"NO"}}},
	"mainContact":{"value":{"name":{"value":"Kari Nordmann"},"email":{"value":"Kari@example.no"}}},
	"attributeLines":[{"attributeId":{"value":"WEBID"},"attributeValue":{"value":"C-1001"}}]}`

func TestCustomerLife(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	a := r.want(201, "POST", "/v1/customer", aCustomer)
	if len(a.body) != 0 {
		t.Errorf("the body of a create is %s", a.body)
	}
	equal(t, "Location", a.header.Get("Location"), r.url+"/v1/customer/10007") // numbering goes on after the last one
	a = r.want(200, "GET", "/v1/customer/10007", "")
	c := a.json(t)
	for path, want := range map[string]string{
		"name": "Kari Nordmann", "status": "Active", "number": "10007", "currencyId": "EUR", "mainAddress.country.id": "NO",
		"mainContact.email": "Kari@example.no", "customerClass.id": "PRIVAT", "creditTerms.id": "14", "vatZone.id": "01",
		"metadata.totalCount": "0",
	} {
		equal(t, path, at(t, c, anySlice(strings.Split(path, "."))...), want)
	}
	equal(t, "attribute", at(t, c, "attributes", 0, "value"), "C-1001")
	equal(t, "ETag", a.header.Get("ETag"), `"`+at(t, c, "timeStamp").(string)+`"`)
	equal(t, "mirrored id", at(t, c, "deliveryAddress", "addressId"), at(t, c, "mainAddress", "addressId").(fmt.Stringer).String())

	// A PUT changes what was sent and nothing else; null inside the wrapper clears, null instead of it does nothing.
	r.want(204, "PUT", "/v1/customer/10007", `{"vatRegistrationId":{"value":"NL1"},"name":null,"mainContact":{"value":{"phone1":{"value":"06"}}}}`)
	c = r.get("/v1/customer/10007")
	equal(t, "name", at(t, c, "name"), "Kari Nordmann")
	equal(t, "e-mail", at(t, c, "mainContact", "email"), "Kari@example.no")
	equal(t, "VAT number", at(t, c, "vatRegistrationId"), "NL1")
	r.want(204, "PUT", "/v1/customer/10007", `{"vatRegistrationId":{"value":null}}`)
	equal(t, "VAT number", at(t, r.get("/v1/customer/10007"), "vatRegistrationId"), nil)
}

func anySlice(texts []string) []any {
	out := make([]any, 0, len(texts))
	for _, s := range texts {
		out = append(out, s)
	}
	return out
}

func TestCustomerIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	for body, want := range map[string]string{
		`{"name":"Bare"}`:            "must be an object with the member 'value'",
		`{"name":{"val":"x"}}`:       "must be an object with the member 'value'",
		`{"name":{"value":5}}`:       "could not be converted to string",
		`{"mainAddress":{"city":1}}`: "must be an object with the member 'value'",
		`{}`:                         "'Customer Name' cannot be empty",
		`{"name":{"value":"x"}}`:     "'Customer Class' cannot be empty",
		`{"name":{"value":"x"},"customerClassId":{"value":"PRIVAT"}}`:                                                      "'Country' cannot be empty",
		`{"name":{"value":"x"},"customerClassId":{"value":"NIET"},"mainAddress":{"value":{"countryId":{"value":"NL"}}}}`:   "'NIET' cannot be found",
		`{"name":{"value":"x"},"customerClassId":{"value":"PRIVAT"},"mainAddress":{"value":{"countryId":{"value":"QQ"}}}}`: "'QQ' cannot be found",
		`{"name":{"value":"x"},"status":{"value":"Dood"}}`:                                                                 "must be one of",
		`{"overrideWithClassValues":{"value":true}}`:                                                                       "could not be converted to boolean",
		`[]`:                       "not valid JSON",
		`{"name":{"value":"x"}} x`: "not valid JSON",
		`{"name":{"value":"x"},"customerClassId":{"value":"KASSA"},"mainAddress":{"value":{"countryId":{"value":"NL"}}},"attributeLines":[{"attributeId":{"value":"WEBID"},"attributeValue":{"value":"1"}}]}`: "does not belong to the class",
		`{"number":{"value":"10002"},"overrideNumberSeries":{"value":true},"name":{"value":"x"}}`:                                                                                                             "already exists",
	} {
		a := r.want(400, "POST", "/v1/customer", body)
		if m, _ := at(t, a.json(t), "message").(string); !strings.Contains(m, want) || !strings.HasPrefix(m, "VismaId: ") {
			t.Errorf("%s: the message is %q, want %q in it", body, m, want)
		}
	}
	equal(t, "customers", at(t, r.control("GET", "/stats", "").json(t), "customers"), "6")
}

func TestCustomerNumbering(t *testing.T) {
	t.Parallel()
	const own = `{"number":{"value":"77"},"overrideNumberSeries":{"value":%v},"name":{"value":"x"},"customerClassId":{"value":"PRIVAT"},` +
		`"mainAddress":{"value":{"countryId":{"value":"NL"}}}}`
	r := newRig(t, Options{LocationHost: "other"})
	a := r.want(201, "POST", "/v1/customer", fmt.Sprintf(own, true))
	equal(t, "Location", a.header.Get("Location"), "https://integration.visma.net/API/controller/api/v1/customer/77")
	a = r.want(201, "POST", "/v1/customer", fmt.Sprintf(own, false))
	equal(t, "Location", a.header.Get("Location"), "https://integration.visma.net/API/controller/api/v1/customer/10007")
	r = newRig(t, Options{NumberWithoutOverride: "refused", BusinessErrorStatus: 500})
	r.want(500, "POST", "/v1/customer", fmt.Sprintf(own, false))
}

func TestIfMatchIsOptionalOnV1(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{})
	etag := r.want(200, "GET", "/v1/customer/10002", "").header.Get("ETag")
	a := r.want(204, "PUT", "/v1/customer/10002", `{"name":{"value":"Een"}}`, "If-Match", etag)
	newer := a.header.Get("ETag")
	r.want(412, "PUT", "/v1/customer/10002", `{"name":{"value":"Twee"}}`, "If-Match", etag)
	r.want(204, "PUT", "/v1/customer/10002", `{"name":{"value":"Drie"}}`)
	r.want(412, "PUT", "/v1/customer/10002", `{"name":{"value":"Vier"}}`, "If-Match", newer)
	equal(t, "name", at(t, r.get("/v1/customer/10002"), "name"), "Drie")
	// Items have a version but nobody looks at it.
	r.want(204, "PUT", "/v1/inventory/KAAS", `{"body":{"value":"Romig"}}`, "If-Match", `"AAAAAAAAAAA="`)
}

func TestCustomerByEmail(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]int{"exact": 2, "contains": 2, "ignored": 6} {
		r := newRig(t, Options{EmailFilter: mode})
		equal(t, mode, len(r.list("/v1/customer?email=INFO@dubbel.example")), want)
	}
	r := newRig(t, Options{})
	equal(t, "part", len(r.list("/v1/customer?email=dubbel")), 0)
	r.want(204, "PUT", "/v1/customer/10004", `{"mainContact":{"value":{"email":{"value":"nieuw@dubbel.example"}}}}`)
	equal(t, "old address", len(r.list("/v1/customer?email=info@dubbel.example")), 1)
	equal(t, "new address", at(t, r.list("/v1/customer?email=nieuw@dubbel.example"), 0, "number"), "10004")
	r.want(204, "PUT", "/v1/customer/10004", `{"invoiceContact":{"value":{"email":{"value":"factuur@dubbel.example"}}}}`)
	equal(t, "invoice address", at(t, r.list("/v1/customer?email=factuur@dubbel.example"), 0, "number"), "10004")
}

func TestPagingIsCappedInSilence(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{MaxPageSize: 4, DefaultPageSize: 2})
	page := r.list("/v1/customer?pageSize=500&pageNumber=1")
	equal(t, "capped page", len(page), 4)
	equal(t, "totalCount", at(t, page, 0, "metadata", "totalCount"), "6")
	equal(t, "maxPageSize", at(t, page, 3, "metadata", "maxPageSize"), "4")
	equal(t, "second page", at(t, r.list("/v1/customer?pageSize=500&pageNumber=2"), 0, "number"), "10005")
	equal(t, "default page", len(r.list("/v1/customer")), 2)
	equal(t, "page beyond the end", len(r.list("/v1/customer?pageNumber=9&pageSize=4")), 0)
	equal(t, "old parameters do nothing", len(r.list("/v1/customer?numberToRead=1&skipRecords=5")), 2)
	equal(t, "key", at(t, r.list("/v1/customer?greaterThanValue=10004"), 0, "number"), "10005")
	equal(t, "items", at(t, r.list("/v1/inventory?pageSize=4"), 0, "metadata", "maxPageSize"), "20")
	terms := r.get("/v1/creditTerm?pageSize=2")
	equal(t, "envelope", at(t, terms, "totalCount"), "3")
	equal(t, "records", len(at(t, terms, "records").([]any)), 2)
}

func TestDateFilters(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRig(t, Options{Now: c.Now})
	c.now = c.now.Add(10 * time.Minute)
	r.want(204, "PUT", "/v1/customer/10003", `{"name":{"value":"Anders"}}`)
	for query, want := range map[string]int{
		"lastModifiedDateTime=2026-02-03%2009:20:00&lastModifiedDateTimeCondition=%3E":  1,
		"lastModifiedDateTime=2026-02-03T09:20:00.5&lastModifiedDateTimeCondition=%3E=": 1,
		"lastModifiedDateTime=2026-02-03%2009:20:00&lastModifiedDateTimeCondition=%3C":  5,
		"lastModifiedDateTime=2026-02-03%2009:20:00":                                    6, // the condition is missing
		"lastModifiedDateTimeCondition=%3E":                                             6,
		"lastModifiedDateTim=2026-02-03%2009:20:00&lastModifiedDateTimeCondition=%3E":   6, // misspelled
		"createdDateTime=2026-02-03&createdDateTimeCondition=%3E":                       6,
		"LASTMODIFIEDDATETIME=2026-02-04&lastmodifieddatetimecondition=%3E":             0,
		"status=Inactive":                      1,
		"name=dubbel":                          2 - 1, // 10003 has another name by now
		"attributes=%7B%22WEBID%22:%221%22%7D": 0,
	} {
		equal(t, query, len(r.list("/v1/customer?"+query)), want)
	}
	for _, query := range []string{
		"lastModifiedDateTime=2026-02-03T09:20:00Z&lastModifiedDateTimeCondition=%3E",
		"lastModifiedDateTime=2026-02-03T09:20:00%2B02:00&lastModifiedDateTimeCondition=%3E",
		"lastModifiedDateTime=2026-02-03&lastModifiedDateTimeCondition=gt", "pageSize=ten", "attributes=x",
	} {
		r.want(400, "GET", "/v1/customer?"+query, "")
	}
}

func TestThreeDateShapes(t *testing.T) {
	t.Parallel()
	c := newClock()
	r := newRig(t, Options{Now: c.Now})
	seen := map[string]bool{}
	for i := range 3 {
		c.now = c.now.Add(time.Duration(i) * time.Millisecond)
		r.want(204, "PUT", "/v1/customer/10002", `{"name":{"value":"x"}}`)
		m := at(t, r.get("/v1/customer/10002"), "lastModifiedDateTime").(string)
		switch {
		case strings.HasSuffix(m, "Z"):
			seen["zulu"] = true
		case strings.HasSuffix(m, "+01:00"):
			seen["offset"] = true
		default:
			seen["local"] = true
		}
	}
	c.now = c.now.Add(time.Millisecond)
	r.want(204, "PUT", "/v1/customer/10002", `{"name":{"value":"x"}}`)
	if len(seen) < 2 {
		t.Errorf("only %v were seen", seen)
	}
}

func TestContacts(t *testing.T) {
	t.Parallel()
	r := newRig(t, Options{MaxPageSize: 1})
	post := func(body string) string {
		location := r.want(201, "POST", "/v1/contact", body).header.Get("Location")
		return strings.TrimPrefix(location, r.url)
	}
	first := post(`{"firstName":{"value":"Anna"},"lastName":{"value":"Bakker"},"businessAccount":{"value":"10003"},"email":{"value":"anna@dubbel.example"}}`)
	post(`{"lastName":{"value":"Visser"},"businessAccount":{"value":"10004"},"active":{"value":false}}`)
	equal(t, "all, without pages", len(r.list("/v1/contact")), 2)
	equal(t, "of a customer", at(t, r.list("/v1/customer/10003/contact"), 0, "displayName"), "Anna Bakker")
	equal(t, "by account", len(r.list("/v1/contact?businessAccount=10004")), 1)
	equal(t, "by e-mail", len(r.list("/v1/contact?email=ANNA@dubbel.example")), 1)
	equal(t, "by activity", len(r.list("/v1/contact?active=true")), 1)
	etag := r.want(200, "GET", first, "").header.Get("ETag")
	r.want(204, "PUT", first, `{"phone1":{"value":"06"}}`, "If-Match", etag)
	r.want(412, "PUT", first, `{"phone1":{"value":"07"}}`, "If-Match", etag)
	equal(t, "phone", at(t, r.get(first), "phone1"), "06")
	r.want(400, "POST", "/v1/contact", `{"firstName":{"value":"Anna"}}`)
	r.want(400, "POST", "/v1/contact", `{"lastName":{"value":"X"},"businessAccount":{"value":"99"}}`)
	r.want(404, "GET", "/v1/contact/1", "")
	r.want(404, "GET", "/v1/customer/99/contact", "")
}
