// Command kopru-sandbox serves MplusKASSA and Visma.net ERP with a made-up shop's data on a loopback address, for demos
// and tests.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kopru-io/kopru/cmd/kopru-sandbox/mpluskassa"
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/shop"
	"github.com/kopru-io/kopru/cmd/kopru-sandbox/vismanet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	command, args := run, os.Args[1:]
	if len(args) > 0 {
		switch args[0] {
		case "stats":
			command, args = stats, args[1:]
		case "ask":
			command, args = ask, args[1:]
		}
	}
	err := command(ctx, args, os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, "kopru-sandbox:", err)
		os.Exit(1)
	}
}

const about = `kopru-sandbox serves MplusKASSA and Visma.net ERP with a made-up shop's data, for demos and tests.
Everything is kept in memory and gone when it stops; the same --seed gives the same shop again.
"kopru-sandbox stats --env FILE" asks a running one what it holds, and "kopru-sandbox ask --env FILE METHOD PATH [JSON]"
plays the merchant: GET vismanet/items, PATCH mpluskassa/articles/4501 '{"description": "Trui"}'.

`

// settings are what the command line says.
type settings struct {
	listen, env                              string
	size                                     shop.Size
	seed                                     uint64
	latency                                  time.Duration
	ident, secret                            string
	clientID, clientSecret, tenantID, origin string
	quirks                                   quirks
}

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("kopru-sandbox", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		_, _ = fmt.Fprint(stderr, about)
		f.PrintDefaults()
	}
	f.StringVar(&s.listen, "listen", "127.0.0.1:0", "loopback `address` to listen on; port 0 takes a free one")
	f.IntVar(&s.size.Orders, "orders", 600, "how many orders the till has")
	f.IntVar(&s.size.Items, "items", 0, "how many items the books have at least; the till lacks those that are more than its own")
	f.IntVar(&s.size.Customers, "customers", 0, "how many customers the books have at least")
	f.Uint64Var(&s.seed, "seed", 1, "which shop is made up")
	f.DurationVar(&s.latency, "latency", 0, "how long every answer takes, such as 20ms")
	f.Func("set", "`name=value` of a quirk, such as vismanet.email_filter=contains; may be repeated, a wrong name lists them all",
		s.quirks.set)
	f.StringVar(&s.env, "env", "", "`file` to write addresses and credentials to, as shell exports")
	f.StringVar(&s.ident, "ident", "", "ident for MplusKASSA (default random)")
	f.StringVar(&s.secret, "secret", "", "secret for MplusKASSA (default random)")
	f.StringVar(&s.clientID, "client-id", "", "client id for Visma.net (default random)")
	f.StringVar(&s.clientSecret, "client-secret", "", "client secret for Visma.net (default random)")
	f.StringVar(&s.tenantID, "tenant-id", "", "tenant id for Visma.net (default random)")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	for _, n := range []int{s.size.Orders, s.size.Items, s.size.Customers} {
		if n < 0 || n > 1_000_000 {
			return s, errors.New("--orders, --items and --customers are 0 to 1000000")
		}
	}
	if s.latency < 0 {
		return s, errors.New("--latency isn't negative")
	}
	for _, credential := range []*string{&s.ident, &s.secret, &s.clientID, &s.clientSecret} {
		if *credential == "" {
			*credential = rand.Text()
		}
	}
	if s.tenantID == "" {
		s.tenantID = uuid()
	}
	return s, nil
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, s.listen)
	if err != nil {
		return err
	}
	s.origin = "http://" + listener.Addr().String()
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err = s.announce(stdout); err == nil {
		select {
		case err = <-served:
			return fmt.Errorf("serve: %w", err)
		case <-ctx.Done():
		}
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close() // whoever is still waiting for an answer gets none
	}
	if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}

// listen takes loopback addresses only: what is served here is nobody else's business.
func listen(ctx context.Context, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("--listen: %q is not a loopback address such as 127.0.0.1:8080", address)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return listener, nil
}

// handler mounts the systems. The books are read before the till takes the shop over.
func (s settings) handler() http.Handler {
	made := shop.New(s.seed, s.size)
	books := made.Books()
	o := s.quirks.erp
	o.BaseAPI, o.BaseSalesOrder, o.BaseToken = s.origin+"/visma/api", s.origin+"/visma/salesorder", s.origin+"/visma"
	o.ClientID, o.ClientSecret, o.TenantID, o.Latency = s.clientID, s.clientSecret, s.tenantID, s.latency
	erp := vismanet.New(books, o)
	t := s.quirks.till
	t.Ident, t.Secret, t.Latency = s.ident, s.secret, s.latency
	till := mpluskassa.New(made, t)

	mux := http.NewServeMux()
	mount := func(prefix string, h http.Handler) {
		mux.Handle(prefix, http.StripPrefix(prefix, h))
		mux.Handle(prefix+"/", http.StripPrefix(prefix, h))
	}
	mount("/mplus", till)
	mount("/visma/api", erp.API())
	mount("/visma/salesorder", erp.SalesOrder())
	mux.Handle("/visma/connect/token", http.StripPrefix("/visma", erp.Token()))
	mount("/_sandbox/mpluskassa", till.Control())
	mount("/_sandbox/vismanet", erp.Control())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		s.page(w, till.Stats(), books)
	})
	return mux
}

// page says what is here.
func (s settings) page(w io.Writer, till map[string]any, books shop.Books) {
	_, _ = fmt.Fprintf(w, `kopru-sandbox: a made-up shop (seed %d), kept in memory

MplusKASSA           %s/mplus/
  %v orders (%v), %v relations, %v products with %v articles; %v requests so far
Visma.net ERP API    %s/visma/api
  Sales Order        %s/visma/salesorder
  token              %s/visma/connect/token
  %d customers and %d items to start with
control              %s/_sandbox/mpluskassa/stats
                     %s/_sandbox/vismanet/stats
`, s.seed, s.origin, till["orders"], till["orders_by_kind"], till["relations"], till["products"], till["articles"],
		till["requests"], s.origin, s.origin, s.origin, len(books.Customers), len(books.Items), s.origin, s.origin)
}

// announce writes the environment file and then says where the sandbox is.
func (s settings) announce(stdout io.Writer) error {
	where := ""
	if s.env != "" {
		if err := s.writeEnv(); err != nil {
			return fmt.Errorf("--env: %w", err)
		}
		where = ", see " + s.env
	}
	_, err := fmt.Fprintf(stdout, "kopru-sandbox is at %s/%s\n", s.origin, where)
	return err
}

// writeEnv replaces the file in one step, so that nobody reads half of it.
func (s settings) writeEnv() error {
	f, err := os.CreateTemp(filepath.Dir(s.env), ".sandbox-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	for _, v := range [][2]string{
		{"MPLUSKASSA_URL", s.origin + "/mplus/"},
		{"MPLUSKASSA_IDENT", s.ident},
		{"MPLUSKASSA_SECRET", s.secret},
		{"VISMANET_API_URL", s.origin + "/visma/api"},
		{"VISMANET_SALESORDER_URL", s.origin + "/visma/salesorder"},
		{"VISMANET_TOKEN_URL", s.origin + "/visma/connect/token"},
		{"VISMANET_CLIENT_ID", s.clientID},
		{"VISMANET_CLIENT_SECRET", s.clientSecret},
		{"VISMANET_TENANT_ID", s.tenantID},
	} {
		if _, err = fmt.Fprintf(f, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`)); err != nil {
			break
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.env)
}

// stats asks a running sandbox for its counts.
func stats(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("kopru-sandbox stats", flag.ContinueOnError)
	f.SetOutput(stderr)
	env := f.String("env", "sandbox.env", "`file` that the running sandbox wrote")
	if err := f.Parse(args); err != nil {
		return err
	}
	origin, err := originIn(*env)
	if err != nil {
		return err
	}
	for _, system := range [][2]string{{"MplusKASSA", "mpluskassa"}, {"Visma.net", "vismanet"}} {
		counts, err := fetch(ctx, origin+"/_sandbox/"+system[1]+"/stats")
		if err != nil {
			return fmt.Errorf("ask the sandbox: %w", err)
		}
		if _, err := fmt.Fprintln(stdout, system[0]); err != nil {
			return err
		}
		if err := list(stdout, counts, "  "); err != nil {
			return err
		}
	}
	return nil
}

// originIn reads from an environment file where the sandbox is.
func originIn(env string) (string, error) {
	text, err := os.ReadFile(env)
	if err != nil {
		return "", fmt.Errorf("--env: %w", err)
	}
	_, after, found := strings.Cut(string(text), "export MPLUSKASSA_URL='")
	origin, _, ended := strings.Cut(after, "/mplus/'")
	if !found || !ended {
		return "", fmt.Errorf("--env: %s doesn't say where MplusKASSA is", env)
	}
	return origin, nil
}

// ask calls the control API of one of the systems and shows the answer.
func ask(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("kopru-sandbox ask", flag.ContinueOnError)
	f.SetOutput(stderr)
	env := f.String("env", "sandbox.env", "`file` that the running sandbox wrote")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() < 2 || f.NArg() > 3 {
		return errors.New("ask takes a method, a path such as vismanet/items and, where it changes something, JSON")
	}
	origin, err := originIn(*env)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, f.Arg(0), origin+"/_sandbox/"+f.Arg(1), strings.NewReader(f.Arg(2)))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(answer))
	}
	rows := []json.RawMessage{answer} // a list is shown a line each
	if json.Unmarshal(answer, &rows) != nil {
		rows = []json.RawMessage{answer}
	}
	for _, row := range rows {
		if _, err := fmt.Fprintln(stdout, strings.TrimSpace(string(row))); err != nil {
			return err
		}
	}
	return nil
}

func fetch(ctx context.Context, address string) (counts map[string]any, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	d := json.NewDecoder(resp.Body)
	d.UseNumber()
	return counts, d.Decode(&counts)
}

// list writes counts by name, those that belong together further to the right.
func list(w io.Writer, counts map[string]any, indent string) error {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		group, isGroup := counts[name].(map[string]any)
		if !isGroup {
			if _, err := fmt.Fprintf(w, "%s%-*s %v\n", indent, 34-len(indent), name, counts[name]); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", indent, name); err != nil {
			return err
		}
		if err := list(w, group, indent+"  "); err != nil {
			return err
		}
	}
	return nil
}
