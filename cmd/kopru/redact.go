package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// hidden are the secrets that are blotted out of what is logged. More may be added at any time.
type hidden struct {
	replacer atomic.Pointer[strings.Replacer]

	mu  sync.Mutex
	all []string
}

func (h *hidden) add(secrets []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = slices.Compact(slices.Sorted(slices.Values(slices.Concat(h.all, secrets))))
	var pairs []string
	for _, s := range h.all {
		if len(s) >= 4 { // shorter ones would blank out half of every line
			for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s), inJSON(s, false), inJSON(s, true)} {
				pairs = append(pairs, form, "•••")
			}
		}
	}
	h.replacer.Store(strings.NewReplacer(pairs...))
}

// inJSON is a text as it stands between the quotes of JSON, which may or may not be made for a page.
func inJSON(s string, page bool) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(page)
	_ = enc.Encode(s) // a text always has a form
	return strings.Trim(out.String(), "\n")[1 : out.Len()-2]
}

func (h *hidden) clean(text string) string {
	if h == nil {
		return text
	}
	if r := h.replacer.Load(); r != nil {
		return r.Replace(text)
	}
	return text
}

// redacting replaces the project's secrets in everything that is logged: the last line of defence, after errors that
// do not hold any.
type redacting struct {
	slog.Handler
	secrets *hidden
}

// Handle writes the line without the secrets.
func (r redacting) Handle(ctx context.Context, line slog.Record) error {
	clean := slog.NewRecord(line.Time, line.Level, r.secrets.clean(line.Message), line.PC)
	line.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(r.attr(a))
		return true
	})
	return r.Handler.Handle(ctx, clean)
}

// WithAttrs keeps the attributes, cleaned.
func (r redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = r.attr(a)
	}
	return redacting{r.Handler.WithAttrs(clean), r.secrets}
}

// WithGroup opens a group.
func (r redacting) WithGroup(name string) slog.Handler {
	return redacting{r.Handler.WithGroup(name), r.secrets}
}

func (r redacting) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindGroup:
		group := v.Group()
		clean := make([]slog.Attr, len(group))
		for i, inner := range group {
			clean[i] = r.attr(inner)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(clean...)}
	case slog.KindString, slog.KindAny:
		return slog.String(a.Key, r.secrets.clean(v.String()))
	}
	return a
}
