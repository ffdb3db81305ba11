package run

import (
	"io"

	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/plugins/record"
)

// identity tells connections apart that have one address and other settings: those of a definition and of its change.
func identity(def *pipelines.Connection) string {
	return def.Address() + "#" + record.Hash(map[string]any{
		"config": def.Config, "isolated": def.Isolated, "concurrency": record.Int(int64(def.Limit.Concurrency)),
		"spacing": record.Int(int64(spacing(def))), "memory": record.Int(def.Limit.Memory), "cpus": record.Int(int64(def.Limit.CPUs)),
	})
}

// Keep names the connections of the definition that is now in force. Others are closed when no run uses them any more.
func (s *Connections) Keep(defs []*pipelines.Connection) {
	s.mu.Lock()
	s.keep = make(map[string]bool, len(defs))
	for _, def := range defs {
		s.keep[identity(def)] = true
	}
	old := s.unused()
	s.mu.Unlock()
	closeAll(old)
}

// release gives back what get gave.
func (s *Connections) release(conns map[string]*connection) {
	s.mu.Lock()
	for _, c := range conns {
		c.users--
	}
	old := s.unused()
	s.mu.Unlock()
	closeAll(old)
}

// unused takes out what is neither kept nor in use.
func (s *Connections) unused() []*connection {
	var out []*connection
	for key, c := range s.open {
		if s.keep != nil && !s.keep[key] && c.users == 0 {
			delete(s.open, key)
			out = append(out, c)
		}
	}
	return out
}

func closeAll(conns []*connection) {
	for _, c := range conns {
		if closer, ok := c.Remote.(io.Closer); ok {
			_ = closer.Close() // nobody is left who would want to know
		}
	}
}
