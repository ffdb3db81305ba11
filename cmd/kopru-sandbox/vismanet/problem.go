package vismanet

import (
	"crypto/rand"
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// refuse is a business error of the ERP API.
func (s *Server) refuse(message string) response {
	return s.refuseWith(s.opts.BusinessErrorStatus, message)
}

func (s *Server) refuseWith(status int, message string) response {
	return response{status: status, body: object{"message": "VismaId: " + newUUID() + ". " + message}}
}

func (s *Server) missing(what, key string) response {
	return s.refuseWith(http.StatusNotFound, fmt.Sprintf("%s '%s' cannot be found in the system.", what, key))
}

func newUUID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// apiProblem is what the ERP API answers to a body with flaws: all of them in one text.
func (s *Server) apiProblem(flaws []flaw) response {
	lines := make([]string, 0, len(flaws))
	for _, f := range flaws {
		if f.path == "" {
			lines = append(lines, f.message)
			continue
		}
		lines = append(lines, fmt.Sprintf("Error: '%s': %s", f.path, f.message))
	}
	return s.refuse(strings.Join(lines, "\r\n") + "\r\n")
}

// salesOrderProblem is the SalesOrderValidationProblemDetails of the Sales Order Service.
func (s *Server) salesOrderProblem(flaws []flaw) response {
	fields := make(map[string][]string)
	details := []object{}
	for _, f := range flaws {
		path := f.path
		if f.code == "" {
			path = "$." + path
		} else {
			params := f.params
			if params == nil {
				params = object{}
			}
			details = append(details, object{"code": f.code, "message": f.message, "parameters": params})
		}
		fields[path] = append(fields[path], f.message)
	}
	return response{status: http.StatusBadRequest, body: object{
		"type": "https://tools.ietf.org/html/rfc9110#section-15.5.1", "title": "One or more validation errors occurred.",
		"status": http.StatusBadRequest, "errors": fields, "details": details,
	}}
}

// problem is a plain ProblemDetails of the Sales Order Service.
func problem(status int, detail string) response {
	return response{status: status, body: object{
		"type": "https://tools.ietf.org/html/rfc9110", "title": http.StatusText(status), "status": status, "detail": detail,
	}}
}

// read checks the body of a request against a schema; a response is the answer to give instead. That one is 400 whatever
// the status of business errors, as the reader of the body refuses it before the ERP sees it.
func (s *Server) read(svc *service, r *request, sc *schema) (values, *response) {
	media, _, _ := mime.ParseMediaType(r.http.Header.Get("Content-Type"))
	if media != "application/json" && media != "text/json" {
		resp := problem(http.StatusUnsupportedMediaType, "The content type of the body is not application/json.")
		return nil, &resp
	}
	body, err := parseBody(r.body)
	flaws := []flaw{{message: fmt.Sprintf("The request body is not valid JSON: %v", err)}}
	if err == nil {
		var v values
		if v, flaws = r.reading.read(sc, body, ""), r.reading.flaws; len(flaws) == 0 {
			return v, nil
		}
	}
	resp := svc.problem(flaws)
	resp.status = http.StatusBadRequest
	return nil, &resp
}
