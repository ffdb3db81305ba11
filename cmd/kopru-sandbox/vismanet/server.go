// Package vismanet emulates Visma.net ERP for demos and tests: the ERP API, the Sales Order Service and Visma Connect's
// token endpoint, as their public contract describes them. It keeps everything in memory and can misbehave on request.
package vismanet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/fault"
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/limit"
)

// Server is one company in Visma.net with its three services. Its handlers may be used at the same time.
type Server struct {
	opts   Options
	zone   *time.Location
	tokens *tokens
	faults *fault.Orders
	log    *requestLog
	window *limit.Window
	atOnce *limit.AtOnce

	api        *service
	salesOrder *service

	mu    sync.Mutex // guards books
	books *books
}

// response is a finished answer. A nil body is sent as no body at all.
type response struct {
	status int
	header http.Header
	body   any
}

func ok(body any) response { return response{status: http.StatusOK, body: body} }

func (r response) with(name, value string) response {
	if r.header == nil {
		r.header = make(http.Header)
	}
	r.header.Set(name, value)
	return r
}

// newServer sets up the services around the given books; opts have their defaults.
func newServer(b *books, opts Options) *Server {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil { // a machine without a zone database; the shapes stay the same
		zone = time.FixedZone("CET", 3600)
	}
	s := &Server{
		opts: opts, zone: zone, books: b,
		tokens: newTokens(opts), faults: &fault.Orders{}, log: newRequestLog(opts.Now),
		window: &limit.Window{Calls: opts.RateLimit, Long: opts.RateWindow, Now: opts.Now},
		atOnce: limit.NewAtOnce(opts.CallsAtOnce),
	}
	s.api = &service{
		name: "api", base: opts.BaseAPI, routes: newRoutes(s.apiRoutes()), scope: apiScope,
		problem: s.apiProblem,
	}
	s.salesOrder = &service{
		name: "salesorder", base: opts.BaseSalesOrder, routes: newRoutes(s.salesOrderRoutes()), scope: salesOrderScope,
		problem: s.salesOrderProblem,
	}
	return s
}

// API is the ERP API, /v1 and /v2.
func (s *Server) API() http.Handler { return s.handle(s.api) }

// SalesOrder is the Sales Order Service, /api/v3.
func (s *Server) SalesOrder() http.Handler { return s.handle(s.salesOrder) }

// Token is Visma Connect, /connect/token.
func (s *Server) Token() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, r.Method+" "+tokenPath, func(body []byte) response { return s.tokens.answer(r, body) })
	})
}

func (s *Server) handle(svc *service) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, status := svc.routes.match(r)
		if status != 0 {
			s.serve(w, r, r.Method+" (unknown)", func([]byte) response {
				return response{status: status, body: object{"statusCode": status, "message": http.StatusText(status)}}
			})
			return
		}
		s.serve(w, r, m.name, func(body []byte) response { return s.call(svc, m, r, body) })
	})
}

// call authorises one request and runs it alone on the books.
func (s *Server) call(svc *service, m *match, r *http.Request, body []byte) response {
	if status := s.tokens.authorise(r, svc.scope(r.Method)); status != 0 {
		resp := response{status: status}
		if status == http.StatusUnauthorized {
			resp = resp.with("WWW-Authenticate", "Bearer")
		}
		return resp
	}
	if v := r.Header.Get("erp-api-background"); v != "" && v != "none" && svc == s.api {
		return s.refuse("The background API is not part of this emulator.")
	}
	req := &request{http: r, path: m.path, query: lowerQuery(r), body: body, base: baseOf(svc, r)}
	resp := s.locked(func() response { return m.handler(req) })
	if ignored := append(req.reading.ignored, unknownParameters(req.query)...); len(ignored) > 0 {
		resp = resp.with(ignoredHeader, strings.Join(ignored, " "))
	}
	return resp
}

func (s *Server) locked(f func() response) response {
	s.mu.Lock()
	defer s.mu.Unlock() // also when f panics: the other requests must go on
	return f()
}

func baseOf(svc *service, r *http.Request) string {
	if svc.base != "" {
		return svc.base
	}
	return "http://" + r.Host
}

// ignoredHeader carries the members of a body and query that the contract doesn't know into the request log; it is not sent.
const ignoredHeader = "Sandbox-Ignored"

const maxBody = 16 << 20

// serve wraps a handler with everything that can go wrong around it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, route string, handler func(body []byte) response) {
	start := s.opts.Now()
	placed := s.atOnce.Enter(r.Context(), false)
	if placed {
		defer s.atOnce.Leave()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body could not be read", http.StatusBadRequest)
		return
	}
	if !fault.Pause(r, s.opts.Latency) {
		return
	}
	f := s.faults.Take(route)
	if !fault.Pause(r, f.Delay()) {
		return
	}
	var resp response
	if before, hit := spoiltBefore(f); hit {
		resp = before
	} else if retry := s.refused(placed); retry > 0 && route != "POST "+tokenPath {
		resp = response{status: http.StatusTooManyRequests, body: object{
			"statusCode": http.StatusTooManyRequests,
			"message":    fmt.Sprintf("Rate limit is exceeded. Try again in %d seconds.", retry),
		}}.with("Retry-After", strconv.Itoa(retry))
	} else {
		resp = handler(body)
	}
	s.log.add(entry{
		Time: start.UTC(), Method: r.Method, Route: route, Path: r.URL.Path, Status: resp.status,
		Written: written(r.Method, resp.status) && route != "POST "+tokenPath, Fault: f.Kind,
		Ignored: resp.header.Get(ignoredHeader),
	})
	s.describeLimit(w.Header(), route)
	sendResponse(w, f, resp)
}

// refused counts a request; it returns the seconds to wait when there are too many, else 0.
func (s *Server) refused(placed bool) int {
	retry := s.window.Exceeded()
	if !placed {
		return max(1, retry)
	}
	return retry
}

func written(method string, status int) bool {
	return method != http.MethodGet && status >= 200 && status < 300
}

// encode writes JSON as the services do: no HTML escapes.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // only values of this package come here
		panic(fmt.Errorf("encode an answer: %w", err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
