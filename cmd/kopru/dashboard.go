package main

import (
	"context"
	"fmt"

	"github.com/kopru-io/kopru/engine/run"

	"github.com/kopru-io/kopru/engine/dashboard"
	"github.com/kopru-io/kopru/pipelines"
	"github.com/kopru-io/kopru/pipelines/diag"
	shipped "github.com/kopru-io/kopru/pipelines/mpluskassa-vismanet"
	"github.com/kopru-io/kopru/plugins/host"
)

// off is where a dashboard listens that is not wanted.
const off = "off"

// dashboard serves the operator's room beside the engine until ctx ends.
func (s *server) dashboard(ctx context.Context) error {
	e := s.current().project.Engine
	listen := dashboard.Listen{Address: e.Listen, TLSCert: e.TLSCert, TLSKey: e.TLSKey, Insist: e.Listen != pipelines.DefaultListen}
	if s.listen != "" {
		listen.Address, listen.Insist = s.listen, true
	}
	if listen.Address == off {
		return nil
	}
	room := s.room()
	room.Metrics = s.telemetry
	return dashboard.Serve(ctx, room, listen, func(url string) {
		s.mu.Lock()
		s.url = url
		s.mu.Unlock()
		if !s.json {
			fmt.Fprintf(s.err, "dashboard at %s\n", url)
		}
	})
}

// room is what the dashboard works with.
func (s *server) room() dashboard.Engine {
	known := newLists(s.runner.Connections, s.project.log)
	return dashboard.Engine{
		Store: s.runner.Store, Runner: s.runner, Log: s.project.log, Version: version, Trigger: s.scheduler.Trigger,
		Clean: s.project.secrets.clean, Connectors: s.project.host.Status,
		Definition: func() dashboard.Definition {
			g := s.current()
			runs := map[string]bool{}
			for name := range g.picked {
				runs[name] = true
			}
			return dashboard.Definition{Number: g.number, Since: g.since, Project: g.project, Runs: runs}
		},
		Check: func(ctx context.Context, c *pipelines.Connection) dashboard.Checked {
			return checkOne(ctx, s.project.host, c)
		},
		Questions: func(ctx context.Context, p *pipelines.Project, ask dashboard.Ask) dashboard.Questions {
			options := known.ready
			if ask == dashboard.AskAgain {
				known.forget()
			}
			if ask != dashboard.AskNobody {
				options = func(of shipped.List) []dashboard.Option { return known.options(ctx, p, of) }
			}
			out := dashboard.Questions{List: questions(p, options)}
			out.Since, out.Lacking = known.answered()
			return out
		},
		Try: func(ctx context.Context, settings []byte) (*pipelines.Project, diag.List, error) {
			opts, err := s.options()
			if err != nil {
				return nil, nil, err
			}
			opts.Catalog, opts.Standard, opts.Secret = catalog{ctx, s.project.host}, settings, s.secrets(s.project.dir)
			p, diags := pipelines.Load(s.project.dir, opts)
			return p, diags, nil
		},
	}
}

func checkOne(ctx context.Context, h *host.Host, c *pipelines.Connection) dashboard.Checked {
	out := dashboard.Checked{OK: true, Facts: []string{}, Problems: []dashboard.Problem{}}
	bad := func(err error) dashboard.Checked {
		out.OK = false
		out.Problems = append(out.Problems, dashboard.Problem{Summary: err.Error()})
		return out
	}
	conn, err := h.Connect(ctx, run.Target(c))
	if err != nil {
		return bad(err)
	}
	facts, problems, err := conn.Check(ctx)
	out.Facts = append(out.Facts, facts...)
	for _, x := range problems {
		out.OK = out.OK && x.GetWarning()
		out.Problems = append(out.Problems, dashboard.Problem{
			Where: x.GetAttribute(), Summary: x.GetSummary(), Detail: x.GetDetail(), Warning: x.GetWarning(),
		})
	}
	if err != nil {
		return bad(err)
	}
	return out
}
