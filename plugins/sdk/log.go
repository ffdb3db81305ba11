package sdk

import (
	"io"
	"log/slog"
	"strings"
)

// newLogger writes one JSON line per entry in the form that the host reads from standard error.
func newLogger(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: hclogName}))
}

// hclogName gives slog's own attributes the names of hclog, which go-plugin hosts expect.
func hclogName(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		if a.Value.Kind() == slog.KindTime {
			a.Key = "@timestamp"
		}
	case slog.LevelKey:
		if l, ok := a.Value.Any().(slog.Level); ok {
			a = slog.String("@level", strings.ToLower(l.String()))
		}
	case slog.MessageKey:
		a.Key = "@message"
	}
	return a
}
