package dashboard

import (
	"context"
	"net/http"
	"time"
)

// ServeImpatient is Serve with so little time for a request to come in, and so few connections.
func ServeImpatient(ctx context.Context, e Engine, told func(url string), read time.Duration, connections int) error {
	l := usual
	l.header, l.read, l.connections = read, read, connections
	return serveWithin(ctx, e, Listen{Address: "127.0.0.1:0", Insist: true}, told, l)
}

// New is what Serve serves.
func New(e Engine) (http.Handler, error) { return newWithin(e, usual) }

// NewImpatient is New with so little time for a line of news.
func NewImpatient(e Engine, write time.Duration) (http.Handler, error) {
	l := usual
	l.write = write
	return newWithin(e, l)
}
