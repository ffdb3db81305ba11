package vismanet

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The lists of the Sales Order Service: pages from 0, in an envelope, and strict about their parameters.

// page3 answers the asked page of n rows; a page size outside the range is refused, not lowered.
func (s *Server) page3(r *request, n, defaultSize, maxSize int, render func(i int) object) response {
	index, err := intParam(r, "pageIndex", 0)
	if err != nil || index < 0 || index > 1_000_000 {
		return *badQuery("pageIndex", "The field PageIndex is not within the allowed range.")
	}
	size, err := intParam(r, "pageSize", defaultSize)
	if err != nil || size < 1 || size > maxSize {
		return *badQuery("pageSize", "The field PageSize must be between 1 and "+strconv.Itoa(maxSize)+".")
	}
	from := min(index*size, n)
	to := min(from+size, n)
	rows := make([]object, 0, to-from)
	for i := from; i < to; i++ {
		rows = append(rows, render(i))
	}
	var next any
	if to < n {
		u := url.URL{Path: r.http.URL.Path}
		q := r.http.URL.Query()
		for name := range q {
			if same(name, "pageIndex") || same(name, "pageSize") {
				q.Del(name)
			}
		}
		q.Set("pageIndex", strconv.Itoa(index+1))
		q.Set("pageSize", strconv.Itoa(size))
		u.RawQuery = q.Encode()
		next = r.base + u.String()
	}
	return ok(object{"value": rows, "nextPage": next, "totalCount": n})
}

func badQuery(name, message string) *response {
	return &response{status: http.StatusBadRequest, body: object{
		"type": "https://tools.ietf.org/html/rfc9110#section-15.5.1", "title": "One or more validation errors occurred.",
		"status": http.StatusBadRequest, "errors": object{name: []string{message}},
	}}
}

// expandOf reads the expand parameter: repeated, or with commas.
func expandOf(r *request, allowed string) ([]string, *response) {
	var out []string
	for _, one := range strings.Split(strings.Join(r.params("expand"), ","), ",") {
		one = strings.TrimSpace(one)
		if one == "" {
			continue
		}
		if !containsText(strings.Fields(allowed), one) {
			return nil, badQuery("expand", "The value '"+one+"' is not valid for expand.")
		}
		out = append(out, one)
	}
	return out, nil
}

func expands(expand []string, part string) bool {
	return containsText(expand, part) || containsText(expand, "All")
}

func modifiedSince(r *request) (*time.Time, *response) {
	v := r.param("modifiedSince")
	if v == "" {
		return nil, nil
	}
	// A plus sign that was not escaped arrives as a space; .NET refuses that as a date.
	t, good := parseMoment(v)
	if !good {
		return nil, badQuery("modifiedSince", "The value '"+v+"' is not valid for ModifiedSince.")
	}
	return &t, nil
}

// listCustomers3 is the Sales Order Service's view of the customers.
func (s *Server) listCustomers3(r *request) response {
	filter := r.param("filter")
	var rows []*customer
	for _, c := range s.books.customers.all {
		if containsFold(c.number, filter) || containsFold(c.name, filter) || containsFold(c.plain.text("gln"), filter) ||
			containsFold(c.plain.text("vatRegistrationId"), filter) {
			rows = append(rows, c)
		}
	}
	return s.page3(r, len(rows), 100, s.opts.MaxPageSize, func(i int) object {
		c := rows[i]
		return object{
			"internalId": c.internalID, "id": c.number, "name": c.name, "currencyId": c.currency,
			"customerClassId": c.class, "status": c.status,
			"defaultLocation": c.mainLocation(), "addressLine1": orNull(c.main.line1), "addressLine2": orNull(c.main.line2),
			"postalCode": orNull(c.main.postalCode), "country": orNull(c.main.country), "salutation": orNull(c.contact.attention),
		}
	})
}

// mainLocation is the place where the customer wants deliveries.
func (c *customer) mainLocation() object {
	return object{
		"id": mainLocation, "name": "Primary Location", "internalId": c.internalID,
		"countryId": orNull(orMain(c.delivery, c.main).country),
		"gln":       orNull(c.plain.text("gln")), "taxRegistrationId": orNull(c.plain.text("vatRegistrationId")),
		"corporateId": orNull(c.plain.text("corporateId")), "warehouseId": nil,
	}
}

const mainLocation = "Main"

func orNull(t string) any {
	if t == "" {
		return nil
	}
	return t
}

// sortBy reads orderBy: a field, and optionally a direction.
func sortBy(r *request, fields ...string) (field string, descending bool, bad *response) {
	parts := strings.Fields(r.param("orderBy"))
	if len(parts) == 0 {
		return "", false, nil
	}
	at := slices.IndexFunc(fields, func(f string) bool { return same(f, parts[0]) })
	if at < 0 || len(parts) > 2 || len(parts) == 2 && !containsText([]string{"asc", "desc"}, parts[1]) {
		return "", false, badQuery("orderBy", "The value '"+r.param("orderBy")+"' is not valid for orderBy.")
	}
	return fields[at], len(parts) == 2 && same(parts[1], "desc"), nil
}
