package http_test

import (
	"encoding/json"
	"fmt"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// shop is a system with a REST API. Lists stand under a path for each way of paging; what is created is in all of them.
type shop struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	things  []map[string]any
	next    int
	calls   []*nethttp.Request // in the order they came
	refuse  func(w nethttp.ResponseWriter, r *nethttp.Request) bool
	tokens  int      // given so far
	refresh []string // refresh tokens that were given, the last one being good
}

const (
	pageSize = 5
	begin    = 1_790_000_000 // of the changes of the first things, in Unix seconds
)

func newShop(t *testing.T, things int) *shop {
	s := &shop{t: t, refresh: []string{"first-refresh-token"}}
	for range things {
		s.add(map[string]any{"code": fmt.Sprintf("code-%d", s.next), "price": json.Number("12.50")})
	}
	mux := nethttp.NewServeMux()
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("GET /v1/{style}/things", s.list)
	mux.HandleFunc("POST /v1/{style}/things", s.create)
	mux.HandleFunc("GET /v1/{style}/things/{id}", s.one)
	mux.HandleFunc("PATCH /v1/{style}/things/{id}", s.change)
	mux.HandleFunc("PUT /v1/{style}/things/{id}", s.change)
	mux.HandleFunc("DELETE /v1/{style}/things/{id}", s.change)
	s.Server = httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		s.mu.Lock()
		s.calls = append(s.calls, r)
		refuse := s.refuse
		s.mu.Unlock()
		if refuse == nil || !refuse(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) add(thing map[string]any) map[string]any {
	s.next++
	thing["id"] = s.next
	thing["version"] = 1
	thing["changed"] = time.Unix(int64(begin+s.next), 0).UTC().Format(time.RFC3339)
	s.things = append(s.things, thing)
	return thing
}

// token gives access tokens; a refresh token is good for one use.
func (s *shop) token(w nethttp.ResponseWriter, r *nethttp.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, secret, ok := r.BasicAuth() // escaped as RFC 6749 has it
	if !ok || id != "kopru" || secret != "client+s3cret" {
		w.WriteHeader(401)
		fmt.Fprint(w, `{"error": "invalid_client"}`)
		return
	}
	s.tokens++
	answer := map[string]any{"access_token": fmt.Sprintf("access-%d", s.tokens), "token_type": "bearer", "expires_in": 3600}
	if r.FormValue("grant_type") == "refresh_token" {
		if r.FormValue("refresh_token") != s.refresh[len(s.refresh)-1] {
			w.WriteHeader(400)
			fmt.Fprint(w, `{"error": "invalid_grant"}`)
			return
		}
		s.refresh = append(s.refresh, fmt.Sprintf("refresh-%d", s.tokens))
		answer["refresh_token"] = s.refresh[len(s.refresh)-1]
	}
	reply(w, 200, answer)
}

func reply(w nethttp.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// list gives a page of what passes the filters.
func (s *shop) list(w nethttp.ResponseWriter, r *nethttp.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	var all []any
	for _, thing := range s.things {
		if since := q.Get("since"); since != "" && thing["changed"].(string) < since {
			continue
		}
		if code := q.Get("code"); code != "" && !strings.Contains(strings.ToLower(fmt.Sprint(thing["code"])), strings.ToLower(code)) {
			continue // as fuzzy as many are
		}
		all = append(all, thing)
	}
	style := r.PathValue("style")
	from := 0
	switch style {
	case "page":
		n, _ := strconv.Atoi(q.Get("page"))
		from = (n - 1) * pageSize
	default:
		from, _ = strconv.Atoi(q.Get("at"))
	}
	from = min(max(from, 0), len(all))
	to := min(from+pageSize, len(all))
	if style == "one" {
		from, to = 0, len(all)
	}
	page, more := append([]any{}, all[from:to]...), to < len(all)
	meta := map[string]any{"more": more, "next": nil, "address": nil}
	if more {
		q.Set("at", strconv.Itoa(to))
		meta["next"], meta["address"] = to, s.URL+r.URL.Path+"?"+q.Encode()
		w.Header().Add("Link", `<https://elsewhere.example/>; rel="prev", <`+r.URL.Path+"?"+q.Encode()+`>; rel="next"`)
	}
	if style == "link" || style == "one" {
		reply(w, 200, page)
		return
	}
	reply(w, 200, map[string]any{"data": page, "meta": meta})
}

func (s *shop) create(w nethttp.ResponseWriter, r *nethttp.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var thing map[string]any
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if err := d.Decode(&thing); err != nil || fmt.Sprintf("%T", thing["price"]) == "string" {
		reply(w, 422, map[string]any{"error": map[string]any{"message": "price is no number", "field": "price"}})
		return
	}
	thing = s.add(thing)
	w.Header().Set("ETag", fmt.Sprintf(`"%v"`, thing["version"]))
	reply(w, 201, map[string]any{"data": thing})
}

func (s *shop) find(w nethttp.ResponseWriter, r *nethttp.Request) (at int, thing map[string]any) {
	at = slices.IndexFunc(s.things, func(t map[string]any) bool { return fmt.Sprint(t["id"]) == r.PathValue("id") })
	if at < 0 {
		reply(w, 404, map[string]any{"error": map[string]any{"message": "no such thing"}})
		return at, nil
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%v"`, s.things[at]["version"]))
	return at, s.things[at]
}

func (s *shop) one(w nethttp.ResponseWriter, r *nethttp.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, thing := s.find(w, r); thing != nil {
		reply(w, 200, map[string]any{"data": thing})
	}
}

// change replaces, merges or deletes.
func (s *shop) change(w nethttp.ResponseWriter, r *nethttp.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, thing := s.find(w, r)
	if thing == nil {
		return
	}
	if match := r.Header.Get("If-Match"); match != "" && match != w.Header().Get("ETag") {
		reply(w, 412, map[string]any{"error": map[string]any{"message": "somebody was faster"}})
		return
	}
	if r.Method == "DELETE" {
		s.things = slices.Delete(s.things, at, at+1)
		w.WriteHeader(204)
		return
	}
	var changes map[string]any
	d := json.NewDecoder(r.Body)
	d.UseNumber()
	if err := d.Decode(&changes); err != nil {
		reply(w, 400, nil)
		return
	}
	if r.Method == "PUT" {
		s.things[at] = map[string]any{"id": thing["id"], "changed": thing["changed"], "version": thing["version"]}
	}
	for name, value := range changes {
		if name != "id" && name != "version" {
			s.things[at][name] = value
		}
	}
	s.things[at]["version"] = thing["version"].(int) + 1
	w.Header().Set("ETag", fmt.Sprintf(`"%v"`, s.things[at]["version"]))
	w.WriteHeader(204)
}
