package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
)

// redacting replaces the project's secrets in everything that is logged: the last line of defence, after errors that
// do not hold any.
type redacting struct {
	slog.Handler
	replacer *strings.Replacer
}

func redact(h slog.Handler, secrets []string) slog.Handler {
	var pairs []string
	for _, s := range slices.Compact(slices.Sorted(slices.Values(secrets))) {
		if len(s) >= 4 { // shorter ones would blank out half of every line
			pairs = append(pairs, s, "•••")
		}
	}
	if pairs == nil {
		return h
	}
	return redacting{h, strings.NewReplacer(pairs...)}
}

// Handle writes the line without the secrets.
func (r redacting) Handle(ctx context.Context, line slog.Record) error {
	clean := slog.NewRecord(line.Time, line.Level, r.replacer.Replace(line.Message), line.PC)
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
	return redacting{r.Handler.WithAttrs(clean), r.replacer}
}

// WithGroup opens a group.
func (r redacting) WithGroup(name string) slog.Handler {
	return redacting{r.Handler.WithGroup(name), r.replacer}
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
		return slog.String(a.Key, r.replacer.Replace(v.String()))
	}
	return a
}
