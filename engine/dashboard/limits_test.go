package dashboard_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kopru-io/kopru/engine/dashboard"
)

// patience is how long a test waits for what must come; what must not come is waited for shortly.
const patience = time.Minute

// impatient serves a shop within limits, and returns its address.
func impatient(t *testing.T, read time.Duration, connections int) string {
	t.Helper()
	s := newShop(t)
	ctx, cancel := context.WithCancel(t.Context())
	at, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- dashboard.ServeImpatient(ctx, s.engine, func(url string) { at <- url }, read, connections)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case url := <-at:
		return strings.TrimPrefix(url, "http://")
	case err := <-ended:
		ended <- err
		t.Fatal(err)
		return ""
	}
}

// say opens a connection and sends what is no whole request, or one.
func say(t *testing.T, address, text string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
		_, err = io.WriteString(c, text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answered waits for the answer to a request, and leaves the connection open.
func answered(t *testing.T, c net.Conn, within time.Duration) error {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

const request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

// TestSlowRequests: who sends a request drop by drop is cut off, in its head as in its body.
func TestSlowRequests(t *testing.T) {
	t.Parallel()
	address := impatient(t, 100*time.Millisecond, 10)
	for _, half := range []string{
		"", "GET /healthz HTTP/1.1\r\nHost: local",
		"POST /failures/discard HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\n{",
	} {
		c := say(t, address, half)
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q is waited for without end", half)
		}
	}
}

// TestManyConnections: who comes when all places are taken waits until one is free.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	address := impatient(t, patience, 2)
	var taken []net.Conn
	for range 2 {
		c := say(t, address, request)
		if err := answered(t, c, patience); err != nil {
			t.Fatal(err)
		}
		taken = append(taken, c)
	}
	next := say(t, address, request)
	if err := answered(t, next, 200*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a third one is served beside two: %v", err)
	}
	if err := taken[0].Close(); err != nil {
		t.Fatal(err)
	}
	if err := answered(t, next, patience); err != nil {
		t.Errorf("a place is free, and who waits for it gets none: %v", err)
	}
}

// pipes is a listener without a network, whose connections hold nothing that is not read.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return here{c}, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

type here struct{ net.Conn }

func (here) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// TestDeafWatcher: who asks for news and does not read them is gone after a while; who reads them stays.
func TestDeafWatcher(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	handler, err := dashboard.NewImpatient(s.engine, 100*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{}, 2)
	listener := make(pipes)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: patience, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		close(listener)
		_ = server.Close()
		<-ended
	})
	watch := func() *bufio.Reader {
		theirs, ours := net.Pipe()
		t.Cleanup(func() { _ = ours.Close() })
		listener <- theirs
		if _, err := io.WriteString(ours, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(ours)
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		return bufio.NewReader(resp.Body)
	}
	watch() // and never read
	good := watch()
	s.sell()
	for n := 0; n < 2; { // the second news come after the deaf one's time
		line, err := good.ReadString('\n')
		if err != nil {
			t.Fatalf("who reads is cut off: %v", err)
		}
		if strings.HasPrefix(line, "event: changed") {
			if n++; n == 1 {
				select {
				case <-closed:
				case <-time.After(patience):
					t.Fatal("who does not read is served without end")
				}
				s.books.order("A-9", `"total":1`)
				s.post("/api/v1/pipelines/orders/run", "", http.StatusOK)
			}
		}
	}
}
