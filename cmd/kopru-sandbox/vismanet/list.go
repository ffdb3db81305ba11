package vismanet

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// listing is one v1 list: its records in order, which of them are wanted, and how it pages. DTOs without metadata set bare.
type listing[T record] struct {
	rows    []T
	keep    func(T) bool
	render  func(T) object
	paged   bool
	maxSize int
	bare    bool
}

// answerList answers a v1 list: date filters, greaterThanValue, page, metadata in every element of a bare array.
func answerList[T record](s *Server, r *request, l listing[T]) response {
	rows, total, err := page(s, r, l)
	if err != nil {
		return s.refuseWith(400, err.Error())
	}
	out := make([]object, 0, len(rows))
	for _, row := range rows {
		o := l.render(row)
		if !l.bare {
			o["metadata"] = s.metadata(total, l.maxSize)
		}
		out = append(out, o)
	}
	return ok(out)
}

// envelope answers the few v1 lists that wrap their page in an object.
func envelope[T record](s *Server, r *request, l listing[T]) response {
	l.paged = true
	rows, total, err := page(s, r, l)
	if err != nil {
		return s.refuseWith(400, err.Error())
	}
	records := make([]object, 0, len(rows))
	for _, row := range rows {
		records = append(records, l.render(row))
	}
	number, size, _ := s.pageOf(r, l.maxSize)
	return ok(object{"pageNumber": number, "pageSize": size, "totalCount": total, "records": records})
}

func (s *Server) metadata(total, maxSize int) object {
	if maxSize == 0 {
		maxSize = s.opts.MaxPageSize
	}
	return object{"totalCount": total, "maxPageSize": maxSize}
}

func page[T record](s *Server, r *request, l listing[T]) (rows []T, total int, err error) {
	shared, err := readSharedFilter(r)
	if err != nil {
		return nil, 0, err
	}
	for _, row := range l.rows {
		if shared.keeps(row.key(), row.base()) && (l.keep == nil || l.keep(row)) {
			rows = append(rows, row)
		}
	}
	total = len(rows)
	if !l.paged {
		return rows, total, nil
	}
	number, size, err := s.pageOf(r, l.maxSize)
	if err != nil {
		return nil, 0, err
	}
	from := min((number-1)*size, total)
	return rows[from:min(from+size, total)], total, nil
}

// pageOf reads pageNumber and pageSize; too large a page is silently lowered.
func (s *Server) pageOf(r *request, maxSize int) (pageNumber, pageSize int, err error) {
	if maxSize == 0 {
		maxSize = s.opts.MaxPageSize
	}
	if pageNumber, err = intParam(r, "pageNumber", 1); err != nil {
		return 0, 0, err
	}
	if pageSize, err = intParam(r, "pageSize", s.opts.DefaultPageSize); err != nil {
		return 0, 0, err
	}
	if pageNumber < 1 || pageNumber > 1_000_000 {
		pageNumber = 1
	}
	if pageSize < 1 {
		pageSize = s.opts.DefaultPageSize
	}
	return pageNumber, min(pageSize, maxSize), nil
}

func intParam(r *request, name string, missing int) (int, error) {
	v := r.param(name)
	if v == "" {
		return missing, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, fmt.Errorf("the value '%s' is not valid for %s", v, name)
	}
	return n, nil
}

// sharedFilter are the filters that all lists have; it is read once for each request, as lists are long.
type sharedFilter struct {
	over              string
	modified, created dateFilter
}

func readSharedFilter(r *request) (f sharedFilter, err error) {
	f.over = strings.ToLower(r.param("greaterThanValue"))
	if f.modified, err = readDateFilter(r, "lastModifiedDateTime"); err != nil {
		return f, err
	}
	f.created, err = readDateFilter(r, "createdDateTime")
	return f, err
}

func (f sharedFilter) keeps(key string, st *stamp) bool {
	return (f.over == "" || strings.ToLower(key) > f.over) && f.modified.keeps(st.modified) && f.created.keeps(st.created)
}

// dateFilter is a date parameter with its condition. Without the condition the date does nothing, as in the original.
type dateFilter struct {
	condition string // empty keeps everything
	to        time.Time
}

func readDateFilter(r *request, name string) (dateFilter, error) {
	value, condition := r.param(name), r.param(name+"Condition")
	if value == "" || condition == "" {
		return dateFilter{}, nil
	}
	to, err := parseFilterMoment(value)
	if err != nil {
		return dateFilter{}, err
	}
	return dateFilter{condition: condition, to: to}, checkCondition(condition)
}

func (f dateFilter) keeps(t time.Time) bool {
	return f.condition == "" || compareMoment(t, f.condition, f.to)
}

// attributeFilter reads ?attributes={"COLOR":"RED"}.
func attributeFilter(r *request) (map[string]string, error) {
	v := r.param("attributes")
	if v == "" {
		return nil, nil
	}
	var want map[string]string
	if err := json.Unmarshal([]byte(v), &want); err != nil {
		return nil, fmt.Errorf("attributes is not a JSON object of texts: %w", err)
	}
	return want, nil
}

func hasAttributes(have, want map[string]string) bool {
	for id, value := range want {
		found := false
		for k, v := range have {
			found = found || same(k, id) && v == value
		}
		if !found {
			return false
		}
	}
	return true
}

// single answers one v1 record; the ones with optimistic concurrency carry their version.
func (s *Server) single(body object, etag string) response {
	body["metadata"] = s.metadata(0, 0)
	resp := ok(body)
	if etag != "" {
		return resp.with("ETag", etag)
	}
	return resp
}

// created answers a v1 POST: no body, the new key in the last segment of Location.
func (s *Server) created(r *request, path string) response {
	base := r.base
	if s.opts.LocationHost == "other" {
		base = "https://integration.visma.net/API/controller/api"
	}
	return response{status: 201}.with("Location", base+path)
}

// stale answers 412 when If-Match names another version than the stored one.
func stale(r *request, st *stamp) *response {
	want := r.http.Header.Get("If-Match")
	if want == "" || st.matches(want) {
		return nil
	}
	return &response{status: 412}
}
