package mpluskassa

import (
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/fault"
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/limit"
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
)

// Server is one installation of MplusKASSA. It may be used by many clients at the same time.
type Server struct {
	opts     Options
	contract *contract
	handlers map[string]handler
	faults   *fault.Orders
	log      *requestLog
	workers  *limit.AtOnce
	second   *limit.Window

	mu   sync.Mutex // guards till
	till *till
}

// handler answers an operation. Its request is the Body child, with what the contract knows of it.
type handler func(req *element) (*element, error)

// New makes an installation that has the shop's data; the shop is its own from then on.
func New(s *shop.Shop, opts Options) *Server {
	opts = opts.withDefaults()
	srv := &Server{
		opts: opts, contract: readContract(contractText), faults: &fault.Orders{}, log: newRequestLog(), till: newTill(s, opts),
		workers: limit.NewAtOnce(opts.Workers),
		second:  &limit.Window{Calls: opts.CallsPerSecond, Long: time.Second, Now: opts.Now},
	}
	srv.handlers = srv.till.handlers()
	return srv
}

const maxBody = 32 << 20

// ServeHTTP is the SOAP endpoint.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := s.opts.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the request could not be read", http.StatusBadRequest)
		return
	}
	if !s.workers.Enter(r.Context(), true) {
		return
	}
	defer s.workers.Leave()
	if !fault.Pause(r, s.opts.Latency) {
		return
	}
	op, n, refused := s.open(r, body)
	e := entry{Time: start.UTC(), Method: r.Method}
	if op != nil {
		e.Operation = op.name
	}
	f := s.faults.Take(e.Operation)
	if after := s.second.Exceeded(); after > 0 {
		f = fault.Fault{Kind: fault.TooMany, RetryAfter: after}
	}
	if !fault.Pause(r, f.Delay()) {
		return
	}
	answer, spoilt := spoiltBefore(f)
	switch {
	case spoilt:
	case refused != nil:
		answer = s.refuse(refused)
	default:
		answer, e.Result = s.call(op, n)
		e.Written = isWrite(op.name) && strings.HasSuffix(e.Result, "-OK")
	}
	if answer.header == nil {
		answer.header = make(http.Header)
	}
	answer.header.Set("Mplus-Service-Version", "67.1.3")
	answer.header.Set("Server-Timing", "total;dur=1")
	answer.header.Set("Date", s.opts.Now().Add(s.opts.ClockOff).UTC().Format(http.TimeFormat))
	e.Status, e.Fault, e.Bytes = answer.status, f.Kind, len(answer.body)
	s.log.add(e)
	sendReply(w, f, answer)
}

// open finds out what is asked for, and whether by somebody who may.
func (s *Server) open(r *http.Request, body []byte) (*operation, *node, error) {
	if r.Method != http.MethodPost {
		return nil, nil, errMethod
	}
	if !s.authentic(r) {
		return nil, nil, errAuthentication
	}
	n, err := bodyChild(body)
	if err != nil {
		return nil, nil, err
	}
	op := s.contract.operations[n.local]
	if op == nil || n.space != apiSpace || slices.Contains(s.opts.Missing, n.local) {
		return nil, nil, unknownOperation(n.tag())
	}
	return op, n, nil
}

var (
	errMethod         = &soapFault{"SOAP-ENV:Client", "HTTP GET method not implemented"}
	errAuthentication = &soapFault{"SOAP-ENV:Client.Authentication", "Authentication failed"}
)

func (s *Server) authentic(r *http.Request) bool {
	q := r.URL.Query()
	ident := subtle.ConstantTimeCompare([]byte(q.Get("ident")), []byte(s.opts.Ident))
	return ident&subtle.ConstantTimeCompare([]byte(q.Get("secret")), []byte(s.opts.Secret)) == 1
}

// call runs an operation alone on the till.
func (s *Server) call(op *operation, n *node) (reply, string) {
	req, err := bind(n, op.request, s.opts.Strict)
	if err != nil {
		return s.refuse(err), ""
	}
	s.mu.Lock()
	defer s.mu.Unlock() // the answer holds parts of the till until it is written
	resp, err := s.handlers[op.name](req)
	if err != nil {
		return s.refuse(err), ""
	}
	b := encoder{controls: s.opts.Controls}
	if err := b.answer(op.response, resp, op.answer); err != nil {
		return s.refuse(err), ""
	}
	return reply{status: http.StatusOK, body: b.Bytes()}, resp.str("result")
}

func (s *Server) refuse(err error) reply {
	fault := &soapFault{"SOAP-ENV:Server", "Internal server error"}
	errors.As(err, &fault)
	var b encoder
	b.fault(fault)
	r := reply{status: http.StatusInternalServerError, body: b.Bytes()}
	switch fault {
	case errMethod:
		r.status, r.header = http.StatusMethodNotAllowed, http.Header{"Allow": {"POST"}}
	case errAuthentication:
		r.status = s.opts.AuthStatus
	}
	return r
}

// isWrite tells operations that change the till.
func isWrite(operation string) bool {
	for _, verb := range []string{"create", "update", "cancel", "set", "new", "delete", "add", "replace"} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}
