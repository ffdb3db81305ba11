package host

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kopru-io/kopru/plugins/protocol"
)

// Connection is one configuration of a connector. Its methods may be called from several goroutines.
type Connection struct {
	connector *connector
	name      string
	config    []byte

	turn   chan struct{} // held by who opens or closes
	on     *process      // where it is open
	handle string
	closed bool
}

// ready returns the process and the handle of the connection in it, after starting and opening what is needed.
func (c *Connection) ready(ctx context.Context) (*process, string, error) {
	p, err := c.connector.acquire(ctx)
	if err != nil {
		return nil, "", err
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	}
	if c.closed {
		return nil, "", fail(fatal, "connector.closed", "the connection %s is closed", c.name)
	}
	if c.on == p {
		return p, c.handle, nil
	}
	handle := fmt.Sprintf("%s#%d", c.name, c.connector.host.handles.Add(1))
	err = p.control(ctx, "Open", func(ctx context.Context) error {
		r, err := p.rpc.Open(ctx, &protocol.OpenRequest{Handle: handle, Name: c.name, Config: c.config})
		if err != nil {
			return err
		}
		return c.connector.asError(r.GetFailure())
	})
	if err != nil {
		return nil, "", err
	}
	c.on, c.handle = p, handle
	return p, handle, nil
}

// Check tries the connection live. It returns facts worth showing and what is wrong.
func (c *Connection) Check(ctx context.Context) (facts []string, problems []*protocol.Problem, err error) {
	p, handle, err := c.ready(ctx)
	if err != nil {
		return nil, nil, err
	}
	var r *protocol.CheckResponse
	err = p.patiently(ctx, "check", func(ctx context.Context) (err error) {
		r, err = p.rpc.Check(ctx, &protocol.CheckRequest{Handle: handle})
		return err
	})
	for _, problem := range r.GetProblems() {
		problem.Summary = c.connector.refused(problem.GetSummary())
	}
	facts = r.GetFacts()
	if len(c.connector.host.options.Launcher) > 0 && err == nil {
		facts = append(facts, c.connector.confinedTo())
	}
	return facts, r.GetProblems(), err
}

// Close releases the connection; streams on it end. The process stays for others.
func (c *Connection) Close() error {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	p := c.on
	if c.closed || p == nil {
		c.closed = true
		return nil
	}
	c.closed, c.on = true, nil
	if !p.up() {
		return nil
	}
	return p.control(c.connector.host.ctx, "Close", func(ctx context.Context) error {
		_, err := p.rpc.Close(ctx, &protocol.CloseRequest{Handle: c.handle})
		return err
	})
}

// Lookup answers queries, one Hits for each, in order. A query's own failure is in its Hits.
func (c *Connection) Lookup(ctx context.Context, entity string, queries []*protocol.Query) ([]*protocol.Hits, error) {
	p, handle, err := c.ready(ctx)
	if err != nil {
		return nil, err
	}
	request := &protocol.LookupRequest{Handle: handle, Entity: entity, Queries: queries}
	if err := fits(request); err != nil {
		return nil, err
	}
	var r *protocol.LookupResponse
	err = p.patiently(ctx, "look-up", func(ctx context.Context) (err error) {
		r, err = p.rpc.Lookup(ctx, request)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(r.GetResults()) != len(queries) {
		return nil, fail(fatal, "connector.protocol", "the connector %s gave %d answers to %d queries",
			c.connector.name, len(r.GetResults()), len(queries))
	}
	for _, hits := range r.GetResults() {
		c.connector.explain(hits.GetFailure())
	}
	return r.GetResults(), nil
}

// fits refuses what the other side could not receive.
func fits(m proto.Message) error {
	if n := proto.Size(m); n > protocol.MaxMessage {
		return fail(invalid, "connector.too_large", "%d bytes are too much for one message; %d are the most", n, protocol.MaxMessage)
	}
	return nil
}
