package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/sdk"
)

// atOnce is how many requests the endpoint takes at once, from Kopru and from the loop alike.
const atOnce = 32

// endpoint is an HTTP server that takes a while for each answer and counts what arrives.
type endpoint struct {
	*http.Server
	url     string
	takes   time.Duration
	arrived atomic.Int64
}

func newEndpoint(takes time.Duration) (*endpoint, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is there at once
	if err != nil {
		return nil, err
	}
	e := &endpoint{takes: takes, url: "http://" + listener.Addr().String()}
	e.Server = &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() { _ = e.Serve(listener) }() // until Close
	return e, nil
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if n, err := io.Copy(io.Discard, r.Body); err != nil || n == 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if pause(r.Context(), e.takes) != nil { // whoever asked is gone
		return
	}
	e.arrived.Add(1)
	w.WriteHeader(http.StatusNoContent)
}

// client posts, with a connection kept for each request that may be under way.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}, Timeout: time.Minute}
}

func post(ctx context.Context, c *http.Client, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := c.Do(request)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, answer.Body) // so that the connection serves again
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}

// connectorName is the name under which this program is a connector: it posts records, as many at once as the
// endpoint takes. An order is only appended; a thing is announced, posted and linked, as in a business system.
const connectorName = "kopru-connector-post"

// installConnector puts this program among the connectors.
func (b *bench) installConnector() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.dir, connectorName), data, 0o700) //nolint:gosec // it is to be executed
}

type postConnector struct{}

func (postConnector) Manifest() *protocol.Manifest {
	return &protocol.Manifest{
		Name: "post", Version: "1.0.0", Summary: "Posts records to an HTTP endpoint.",
		Config: []*protocol.Attribute{
			sdk.Attribute("url", protocol.AttributeType_ATTRIBUTE_TYPE_STRING, "Where to.", sdk.Required),
		},
		Entities: []*protocol.Entity{
			{Name: "order", OpenFields: true, CanCreate: true, AppendOnly: true},
			{Name: "thing", OpenFields: true, CanCreate: true, CanUpdate: true, IdField: "id", Concurrency: atOnce},
		},
	}
}

func (postConnector) Validate(sdk.Config) []*protocol.Problem { return nil }

func (postConnector) Open(_ context.Context, _ string, config sdk.Config, _ *slog.Logger) (sdk.Connection, error) {
	return &postConnection{url: config.String("url"), client: client()}, nil
}

type postConnection struct {
	url    string
	client *http.Client
}

func (*postConnection) Check(context.Context) ([]string, []*protocol.Problem) { return nil, nil }
func (*postConnection) Close() error                                          { return nil }

func (c *postConnection) Writer(context.Context, sdk.WriteRequest) (sdk.BatchWriter, error) {
	return sdk.PerOp(atOnce, func(ctx context.Context, op sdk.Op) sdk.Result {
		return sdk.Result{ID: op.Key, Err: post(ctx, c.client, c.url, op.Payload)}
	}), nil
}

// postLoop is a client as one writes it by hand: the script, then the posts, as many at once as the endpoint takes.
func postLoop(in, url string) error {
	bodies := make(chan []byte, perBatch)
	var failed atomic.Value
	var posting sync.WaitGroup
	c := client()
	for range atOnce {
		posting.Go(func() {
			for body := range bodies {
				if err := post(context.Background(), c, url, body); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	err := eachScripted(in, os.DevNull, func(lines [][]byte) {
		for _, line := range lines {
			bodies <- line
		}
	})
	close(bodies)
	posting.Wait()
	if e, ok := failed.Load().(error); ok && err == nil {
		err = e
	}
	return err
}
