package mpluskassa

import (
	"bytes"
	"net/http"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/fault"
)

// reply is a finished answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// spoiltBefore is the answer of a fault that keeps the request from being processed.
func spoiltBefore(f fault.Fault) (reply, bool) {
	switch f.Kind {
	case fault.DropBefore:
		return reply{}, true
	case fault.TooMany:
		return reply{status: http.StatusTooManyRequests, header: http.Header{"Retry-After": {f.Wait()}}}, true
	case fault.Broken:
		var b encoder
		b.fault(&soapFault{"SOAP-ENV:Server", "Internal server error"})
		return reply{status: http.StatusInternalServerError, body: b.Bytes()}, true
	case fault.BadGateway:
		return reply{status: http.StatusBadGateway, header: http.Header{"Content-Type": {"text/html"}}, body: []byte(fault.Page)}, true
	}
	return reply{}, false
}

// sendReply writes the answer, spoilt as the fault says.
func sendReply(w http.ResponseWriter, f fault.Fault, r reply) {
	if f.Kind == fault.Malformed {
		r.body = bytes.Replace(r.body, []byte("</SOAP-ENV:Body>"), []byte("</SOAP-ENV:Bod<"), 1)
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	for name, values := range r.header {
		w.Header()[name] = values
	}
	f.Send(w, r.status, r.body)
}
