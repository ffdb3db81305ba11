package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// booksAtOnce is how many calls Visma.net takes at once from one client.
const booksAtOnce = 8

const itemPipeline = `
connection "file" "from" {
  path = "."
}

connection "vismanet" "books" {
  api_url        = env("VISMANET_API_URL")
  salesorder_url = env("VISMANET_SALESORDER_URL")
  token_url      = env("VISMANET_TOKEN_URL")
  client_id      = env("VISMANET_CLIENT_ID")
  client_secret  = env("VISMANET_CLIENT_SECRET")
  tenant_id      = env("VISMANET_TENANT_ID")
}

pipeline "items" {
  source "in" {
    connection = file.from
    entity     = "items.jsonl"
    key        = "sku"
  }

  sink "item" {
    connection = vismanet.books
    entity     = "inventory_item"
    match      = { inventoryNumber = record.sku }
    set = {
      inventoryNumber = record.sku
      description     = record.text
      type            = "NonStockItem"
      itemClass       = "HANDEL"
      defaultPrice    = record.price
    }
  }
}
`

// books is a running sandbox.
type books struct {
	cmd *exec.Cmd
	bin string
	env string // the file with its addresses
}

func (b *bench) openBooks(ctx context.Context) (*books, error) {
	dir, err := os.MkdirTemp(b.dir, "books")
	if err != nil {
		return nil, err
	}
	s := &books{bin: filepath.Join(b.bin, "kopru-sandbox"), env: filepath.Join(dir, "env")}
	s.cmd = exec.CommandContext(ctx, s.bin, "--env", s.env)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 1000 {
		if data, err := os.ReadFile(s.env); err == nil && bytes.Contains(data, []byte("TENANT")) {
			return s, nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			break
		}
	}
	s.close()
	return nil, fmt.Errorf("the sandbox does not start")
}

func (s *books) close() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait() // it was told to end
}

// variables are the sandbox's addresses and credentials as an environment.
func (s *books) variables() []string {
	data, _ := os.ReadFile(s.env) // openBooks has read it
	var all []string
	for line := range strings.Lines(string(data)) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			all = append(all, name+"="+strings.Trim(value, `'"`))
		}
	}
	return all
}

// holds asks how many items there are and how many writes there were.
func (s *books) holds(ctx context.Context) (items, writes int, err error) {
	out, err := exec.CommandContext(ctx, s.bin, "stats", "--env", s.env).Output()
	_, visma, _ := strings.Cut(string(out), "Visma.net")
	for line := range strings.Lines(visma) {
		_, _ = fmt.Sscanf(strings.TrimSpace(line), "items %d", &items)
		_, _ = fmt.Sscanf(strings.TrimSpace(line), "writes %d", &writes)
	}
	return items, writes, err
}

// intoBooks brings items into the emulated Visma.net, each looked up first, and then a second time.
func (b *bench) intoBooks(ctx context.Context, name string) error {
	in := filepath.Join(b.dir, "items.jsonl")
	if err := generateItems(in, b.items); err != nil {
		return err
	}
	var second []figures
	fresh := func(ctx context.Context, do func(*books) (figures, error)) (figures, error) {
		s, err := b.openBooks(ctx)
		if err != nil {
			return figures{}, err
		}
		defer s.close()
		before, _, err := s.holds(ctx)
		if err != nil {
			return figures{}, err
		}
		f, err := do(s)
		if err != nil {
			return f, err
		}
		if after, writes, err := s.holds(ctx); err != nil || after-before != b.items || writes != b.items {
			return f, fmt.Errorf("%d items and %d writes, %d were due: %w", after-before, writes, b.items, err)
		}
		return f, nil
	}
	r, err := b.measure(ctx, contest{
		job: name, records: b.items, rounds: min(2, b.rounds), // they are long
		what: fmt.Sprintf("items into the emulated Visma.net: look-up, intent, create, link; limit: the calls alone, %d at once", booksAtOnce),
		limit: func(ctx context.Context) (figures, error) {
			return fresh(ctx, func(s *books) (figures, error) { return b.loop(ctx, "J4", in, "", s.variables()...) })
		},
		kopru: func(ctx context.Context) (figures, error) {
			return fresh(ctx, func(s *books) (figures, error) {
				p, err := b.project(map[string]string{"bench.hcl": itemPipeline})
				if err != nil {
					return figures{}, err
				}
				defer p.remove()
				p.env = append(p.env, s.variables()...)
				if err := os.Link(in, filepath.Join(p.dir, "items.jsonl")); err != nil {
					return figures{}, err
				}
				_, first, err := p.once(ctx)
				if err != nil {
					return first, err
				}
				if _, _, err := timed(p.command(ctx, "reset", "items", "--full", "--yes")); err != nil {
					return first, err
				}
				got, again, err := p.once(ctx)
				if err == nil && got.Unchanged != b.items {
					err = fmt.Errorf("the second time: %+v", got)
				}
				second = append(second, again)
				return first, err
			})
		},
	})
	if err != nil {
		return err
	}
	again := median(second)
	r.lines = append(r.lines, fmt.Sprintf("second time, nothing to write  %.0f records/s, %v processor a record, %.3f of the time of the first",
		float64(b.items)/again.took.Seconds(), (again.cpu/time.Duration(b.items)).Round(100*time.Nanosecond),
		again.took.Seconds()/r.kopru.took.Seconds()))
	b.done(r)
	return nil
}

func generateItems(path string, n int) error {
	var out bytes.Buffer
	for i := range n {
		fmt.Fprintf(&out, `{"sku":"BENCH-%06d","text":"%s no. %d","price":%d.%02d}`+"\n", i, goods[i%len(goods)], i, i%500, i%100)
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}

// itemLoop makes the same calls by hand: a token, then for each item two look-ups and a create.
func itemLoop(in, _ string) error {
	from, err := os.Open(in)
	if err != nil {
		return err
	}
	defer from.Close() //nolint:errcheck // only read
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: booksAtOnce}, Timeout: time.Minute}
	token, err := fetchToken(c)
	if err != nil {
		return err
	}
	lines := make(chan []byte, perBatch)
	var failed atomic.Value
	var calling sync.WaitGroup
	for range booksAtOnce {
		calling.Go(func() {
			for line := range lines {
				if err := bringItem(c, token, line); err != nil {
					failed.Store(err)
				}
			}
		})
	}
	scanner := bufio.NewScanner(from)
	for scanner.Scan() {
		lines <- bytes.Clone(scanner.Bytes())
	}
	close(lines)
	calling.Wait()
	if e, ok := failed.Load().(error); ok {
		return e
	}
	return scanner.Err()
}

func fetchToken(c *http.Client) (string, error) {
	answer, err := c.PostForm(os.Getenv("VISMANET_TOKEN_URL"), url.Values{ //nolint:noctx // as one writes it by hand
		"grant_type": {"client_credentials"}, "client_id": {os.Getenv("VISMANET_CLIENT_ID")},
		"client_secret": {os.Getenv("VISMANET_CLIENT_SECRET")}, "tenant_id": {os.Getenv("VISMANET_TENANT_ID")},
		"scope": {"vismanet_erp_service_api:create vismanet_erp_service_api:read"},
	})
	if err != nil {
		return "", err
	}
	defer answer.Body.Close() //nolint:errcheck // only read
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(answer.Body).Decode(&token)
	return token.AccessToken, err
}

func bringItem(c *http.Client, token string, line []byte) error {
	var item struct {
		SKU, Text string
		Price     json.Number
	}
	if err := json.Unmarshal(line, &item); err != nil {
		return err
	}
	var answered []byte
	call := func(method, path string, body []byte) (int, error) {
		request, err := http.NewRequest(method, os.Getenv("VISMANET_API_URL")+path, bytes.NewReader(body)) //nolint:noctx // as one writes it by hand
		if err != nil {
			return 0, err
		}
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/json")
		answer, err := c.Do(request)
		if err != nil {
			return 0, err
		}
		answered, _ = io.ReadAll(answer.Body) // so that the connection serves again
		return answer.StatusCode, answer.Body.Close()
	}
	status, err := call(http.MethodGet, "/v1/inventory/"+item.SKU, nil)
	if err != nil {
		return err
	}
	if status == http.StatusOK {
		return fmt.Errorf("item %s is there already", item.SKU)
	}
	value := func(v any) map[string]any { return map[string]any{"value": v} }
	// It might be another item's barcode or alternate number, as Kopru's connector asks too.
	if _, err = call(http.MethodGet, "/v1/inventory?alternateID="+item.SKU, nil); err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"inventoryNumber": value(item.SKU), "description": value(item.Text), "type": value("NonStockItem"), "itemClass": value("HANDEL"), "defaultPrice": value(item.Price),
	})
	if err != nil {
		return err
	}
	status, err = call(http.MethodPost, "/v1/inventory", body)
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("item %s: answered %d %s", item.SKU, status, answered)
	}
	return err
}
