// Package dashboard is the operator's room: pages and a JSON API that show what happened to every record, and let
// people mend what did not come through.
package dashboard

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
)

//go:embed assets templates lang
var files embed.FS

// Definition is a project that is in force.
type Definition struct {
	Number  int
	Since   time.Time
	Project *pipelines.Project
	Runs    map[string]bool // the pipelines that this node runs
}

// Checked is what a live check of a connection found.
type Checked struct {
	OK       bool      `json:"ok"`
	Facts    []string  `json:"facts" nullable:"false"`
	Problems []Problem `json:"problems" nullable:"false"`
}

// Problem is something that is wrong with a connection or a setting.
type Problem struct {
	Where   string `json:"where,omitempty"`
	Summary string `json:"summary"`
	Detail  string `json:"detail,omitempty"`
	Warning bool   `json:"warning,omitempty"`
}

// Ask says whether the systems are asked for what settings may be.
type Ask int

// Whom to ask.
const (
	AskNobody Ask = iota // what is known is shown
	AskSystems
	AskAgain // also for what is known
)

// Questions are settings with what they may be.
type Questions struct {
	List    []Question `json:"questions" nullable:"false"`
	Since   time.Time  `json:"since,omitzero" doc:"when the systems were asked; left out when they were not"`
	Lacking []string   `json:"lacking,omitempty" doc:"lists that the systems did not give"`
}

// Question is a setting that a person is asked for: one of the values, several of them, a value for each of the keys,
// or a text where nothing is known.
type Question struct {
	Setting string   `json:"setting"`
	Part    string   `json:"part" doc:"what it is about"`
	Flow    string   `json:"flow,omitempty" doc:"the flow that it is of"`
	Several bool     `json:"several,omitempty"`
	Map     bool     `json:"map,omitempty"`
	Keys    []Option `json:"keys,omitempty"`
	Values  []Option `json:"values,omitempty"`
}

// Option is one of several answers.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label"`
	About string `json:"about,omitempty"`
}

// Engine is what the dashboard shows and works with.
type Engine struct {
	Store      *state.Store
	Runner     *run.Runner
	Log        *slog.Logger
	Version    string
	Definition func() Definition
	Trigger    func(ctx context.Context, pipeline string) error
	Check      func(ctx context.Context, c *pipelines.Connection) Checked
	// Try loads the project as it would be with these settings in place of those in the standard file.
	Try func(ctx context.Context, settings []byte) (*pipelines.Project, diag.List, error)
	// Questions are what the project's settings are asked for with, nil = there are none.
	Questions func(ctx context.Context, p *pipelines.Project, ask Ask) Questions
	Clean     func(text string) string // takes secrets out

	Connectors func() []host.Status // the connector processes of this node
	Metrics    http.Handler         // nil = there are none
}

// room is the dashboard at work.
type room struct {
	Engine
	now    func() time.Time
	gate   *gate
	pages  map[string]*pages // by language
	tail   *tail
	till   till
	writes chan struct{} // one change of the settings at a time
	limits limits

	provider *provider
}

// newWithin returns the dashboard's handler.
func newWithin(e Engine, l limits) (http.Handler, error) {
	r := &room{Engine: e, now: time.Now, writes: make(chan struct{}, 1), limits: l}
	r.gate = newGate(e.Store, r.now, func() pipelines.Engine { return e.Definition().Project.Engine })
	r.provider = newProvider(r.now)
	r.tail = newTail(e.Store)
	var err error
	if r.pages, err = loadPages(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	r.routes(mux)
	r.healthRoutes(mux)
	r.api(mux)
	return r.guard(mux), nil
}

// Listen says where to serve.
type Listen struct {
	Address         string // host:port
	TLSCert, TLSKey string
	Insist          bool // an address that is taken is an error; otherwise another one is sought
}

// limits keep slow or hostile visitors from taking the engine's means.
type limits struct {
	header, read time.Duration // for a request to come in
	idle         time.Duration // between requests
	write        time.Duration // for a line of news, after which whoever does not read is gone
	connections  int           // leaves the engine its own, however many browsers there are
}

var usual = limits{header: 10 * time.Second, read: time.Minute, idle: 2 * time.Minute, write: 20 * time.Second, connections: 500}

// Serve serves the dashboard until ctx ends. It says where through told, once it can be reached.
func Serve(ctx context.Context, e Engine, l Listen, told func(url string)) error {
	return serveWithin(ctx, e, l, told, usual)
}

func serveWithin(ctx context.Context, e Engine, l Listen, told func(url string), within limits) error {
	if err := mayListen(ctx, e, l.Address); err != nil {
		return err
	}
	handler, err := newWithin(e, within)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", l.Address)
	if err != nil && !l.Insist {
		host, _, _ := net.SplitHostPort(l.Address)
		listener, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return fmt.Errorf("the dashboard can't be served at %s: %w", l.Address, err)
	}
	listener = netutil.LimitListener(listener, within.connections)
	ending, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: within.header, ReadTimeout: within.read, IdleTimeout: within.idle, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return ending },
		ErrorLog:    slog.NewLogLogger(e.Log.Handler(), slog.LevelDebug),
	}
	scheme := "http"
	if l.TLSCert != "" {
		scheme = "https"
	}
	told(scheme + "://" + listener.Addr().String())
	ended := make(chan error, 1)
	go func() {
		if l.TLSCert != "" {
			ended <- server.ServeTLS(listener, l.TLSCert, l.TLSKey)
			return
		}
		ended <- server.Serve(listener)
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limited, done := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer done()
	if err := server.Shutdown(limited); err != nil {
		err = server.Close() // what takes longer is a browser that waits for news
		if err != nil {
			return err
		}
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// mayListen refuses to let anybody in from elsewhere without a login.
func mayListen(ctx context.Context, e Engine, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("the dashboard can't be served at %q: write it like %s", address, pipelines.DefaultListen)
	}
	if protocol.Loopback(host) || e.Definition().Project.Engine.OIDC != nil {
		return nil
	}
	users, err := e.Store.Users(ctx)
	if err != nil {
		return err
	}
	if len(users) == 0 {
		return fmt.Errorf("the dashboard at %s could be reached from other machines, and nobody would have to log in: "+
			"add a user first, with kopru user add NAME --role admin, or listen on %s", address, pipelines.DefaultListen)
	}
	return nil
}
