package vismanet

import (
	"bytes"
	"net/http"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/fault"
)

// spoiltBefore is the answer of a fault that keeps the request from being processed.
func spoiltBefore(f fault.Fault) (response, bool) {
	switch f.Kind {
	case fault.DropBefore:
		return response{}, true
	case fault.TooMany:
		return response{status: http.StatusTooManyRequests}.with("Retry-After", f.Wait()), true
	case fault.Broken:
		return response{status: http.StatusInternalServerError, body: object{"message": "An error has occurred."}}, true
	case fault.BadGateway:
		return response{status: http.StatusBadGateway}, true
	}
	return response{}, false
}

// sendResponse writes the answer, spoilt as the fault says.
func sendResponse(w http.ResponseWriter, f fault.Fault, r response) {
	for name, vs := range r.header {
		if name != ignoredHeader {
			w.Header()[name] = vs
		}
	}
	var body []byte
	if r.body != nil {
		body = encode(r.body)
		w.Header().Set("Content-Type", contentType(r.body))
	}
	switch f.Kind {
	case fault.BadGateway:
		w.Header().Set("Content-Type", "text/html")
		body = []byte(fault.Page)
	case fault.Malformed:
		body = append(bytes.TrimRight(body, "}]"), ",,"...)
	}
	f.Send(w, r.status, body)
}

func contentType(body any) string {
	if o, is := body.(object); is && o["title"] != nil {
		return "application/problem+json; charset=utf-8"
	}
	return "application/json; charset=utf-8"
}
