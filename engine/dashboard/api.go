package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
)

// answer is a body in JSON.
type answer[T any] struct{ Body T }

// operation describes a call of the API.
type operation struct {
	id, method, path, summary, tag string
}

// register adds a call: what do returns is the answer.
func register[I, O any](r *room, api huma.API, o operation, do func(context.Context, *I) (O, error)) {
	huma.Register(api, huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Summary: o.summary, Tags: []string{o.tag},
		Security: []map[string][]string{{"token": {}}, {"session": {}}},
		Errors:   []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *I) (*answer[O], error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, r.apiError(err)
		}
		return &answer[O]{out}, nil
	})
}

func (r *room) apiError(err error) error {
	var m *mistakes
	var f *fault
	switch {
	case errors.As(err, &m):
		details := make([]error, len(m.list))
		for i, p := range m.list {
			details[i] = &huma.ErrorDetail{Message: p.Summary + ": " + p.Detail, Location: p.Where}
		}
		return huma.NewError(m.GetStatus(), "The settings are not valid, and nothing was changed.", details...)
	case errors.As(err, &f):
		return huma.NewError(f.status, f.message)
	}
	r.Log.Error("a call of the API failed", "error", err)
	return huma.Error500InternalServerError(r.Clean(err.Error()))
}

type (
	nothing struct{}
	byName  struct {
		Name string `path:"name" doc:"name of the pipeline"`
	}
	byAddress struct {
		Address string `path:"address" doc:"such as vismanet.books"`
	}
	byID struct {
		ID int64 `path:"id" minimum:"1"`
	}
	done struct {
		Done bool `json:"done"`
	}
	charted struct {
		Pipeline string `query:"pipeline"`
		Hours    int    `query:"hours" default:"48" minimum:"2" maximum:"2160"`
	}
	runsOf struct {
		Pipeline string `query:"pipeline"`
		Streak   string `query:"streak" doc:"only those of a streak"`
		Before   string `query:"before" doc:"id of a run: what is older, for paging"`
		Limit    int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	}
	planOf struct {
		Name string `path:"name" doc:"name of the pipeline"`
		Key  string `query:"key" doc:"only this record"`
	}
	searched struct {
		Pipeline string    `query:"pipeline"`
		Outcome  string    `query:"outcome" enum:"delivered,unchanged,filtered,parked,dead,discarded"`
		Code     string    `query:"code"`
		Search   string    `query:"q" doc:"a key, an order number, an id in a target, a SKU or an e-mail address"`
		Run      string    `query:"run"`
		From     time.Time `query:"from"`
		To       time.Time `query:"to"`
		Before   int64     `query:"before" doc:"id of an entry: what is older, for paging"`
		Limit    int       `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	}
	recordOf struct {
		Pipeline string `query:"pipeline" required:"true"`
		Key      string `query:"key" required:"true"`
		Entry    int64  `query:"entry" doc:"id of the entry whose story is told; the newest otherwise"`
	}
	lettersOf struct {
		Pipeline string `query:"pipeline"`
		Step     string `query:"step"`
		Code     string `query:"code"`
		Key      string `query:"key"`
		Status   string `query:"status" enum:"dead,parked,released,superseded,discarded,any"`
		Before   int64  `query:"before"`
		Limit    int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	}
	replayOf struct {
		Body struct {
			Choice
			From   string          `json:"from,omitempty" doc:"a step to begin at"`
			Record json.RawMessage `json:"record,omitempty" doc:"replaces the record of the one letter"`
		}
	}
	discardOf struct {
		Body struct {
			Choice
			Reason string `json:"reason" minLength:"1"`
		}
	}
	settingOf struct {
		Name string `path:"name"`
		Body struct {
			Value *string `json:"value" nullable:"true" doc:"null puts the default in force"`
		}
	}
	changesOf struct {
		Body struct {
			Changes Changes `json:"changes" doc:"values by setting; null puts the default in force"`
			Seen    string  `json:"seen,omitempty" doc:"of the preview: it is refused when the file has changed since"`
		}
	}
	auditOf struct {
		Before int64 `query:"before"`
		Limit  int   `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	}
)

func (s searched) filter() state.ActivityFilter {
	return state.ActivityFilter{
		Pipeline: s.Pipeline, Outcome: state.Outcome(s.Outcome), Code: s.Code, Search: s.Search, Run: s.Run, From: s.From, To: s.To,
		Before: s.Before, Limit: s.Limit,
	}
}

// api adds the JSON API, with its description at /api/openapi.json.
func (r *room) api(mux *http.ServeMux) {
	config := huma.DefaultConfig("Kopru", "1")
	config.Info.Description = "What happened to every record, and the means to mend what did not come through. " +
		"Programs send a token, made with kopru token add: Authorization: Bearer kopru_…"
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "/api/openapi", "", "/api/schemas"
	config.CreateHooks = nil // no $schema in answers
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer"},
		"session": {Type: "apiKey", In: "cookie", Name: cookieName},
	}
	api := humago.New(mux, config)
	get, post := http.MethodGet, http.MethodPost
	register(r, api, operation{"overview", get, "/api/v1/overview", "Everything at a glance", "look"},
		func(ctx context.Context, _ *nothing) (*Overview, error) { return r.overview(ctx) })
	register(r, api, operation{"chart", get, "/api/v1/chart", "Records per hour and outcome", "look"},
		func(ctx context.Context, in *charted) (*Chart, error) { return r.chart(ctx, in.Pipeline, in.Hours) })
	register(r, api, operation{"pipelines", get, "/api/v1/pipelines", "The pipelines", "look"},
		func(ctx context.Context, _ *nothing) ([]PipelineLine, error) { return r.pipelineLines(ctx) })
	register(r, api, operation{"pipeline", get, "/api/v1/pipelines/{name}", "One pipeline, its steps and runs", "look"},
		func(ctx context.Context, in *byName) (*PipelineView, error) { return r.pipeline(ctx, in.Name) })
	register(r, api, operation{"runs", get, "/api/v1/runs", "The runs, one by one, newest first", "look"},
		func(ctx context.Context, in *runsOf) ([]RunLine, error) { return r.runs(ctx, state.RunFilter(*in)) })
	register(r, api, operation{"plan", get, "/api/v1/pipelines/{name}/plan", "What a run would do with the next records; writes nothing", "run"},
		func(ctx context.Context, in *planOf) (*run.Plan, error) { return r.plan(ctx, in.Name, in.Key) })
	register(r, api, operation{"run", post, "/api/v1/pipelines/{name}/run", "Run a pipeline now", "run"},
		func(ctx context.Context, in *byName) (done, error) { return done{true}, r.runNow(ctx, in.Name) })
	register(r, api, operation{"pause", post, "/api/v1/pipelines/{name}/pause", "Stop a pipeline's schedule", "run"},
		func(ctx context.Context, in *byName) (done, error) { return done{true}, r.halt(ctx, in.Name, true) })
	register(r, api, operation{"resume", post, "/api/v1/pipelines/{name}/resume", "Follow a pipeline's schedule again", "run"},
		func(ctx context.Context, in *byName) (done, error) { return done{true}, r.halt(ctx, in.Name, false) })
	register(r, api, operation{"activity", get, "/api/v1/activity", "What happened to records, newest first", "look"},
		func(ctx context.Context, in *searched) ([]Entry, error) { return r.activity(ctx, in.filter()) })
	register(r, api, operation{"record", get, "/api/v1/record", "The whole story of one record", "look"},
		func(ctx context.Context, in *recordOf) (*RecordView, error) {
			return r.record(ctx, in.Pipeline, in.Key, in.Entry)
		})
	r.apiLetters(api)
	r.apiReconciliation(api)
	register(r, api, operation{"connections", get, "/api/v1/connections", "The connections", "look"},
		func(ctx context.Context, _ *nothing) ([]ConnectionLine, error) { return r.connections(ctx) })
	register(r, api, operation{"check", post, "/api/v1/connections/{address}/check", "Try a connection live", "run"},
		func(ctx context.Context, in *byAddress) (*Checked, error) { return r.check(ctx, in.Address) })
	register(r, api, operation{"nodes", get, "/api/v1/nodes", "The processes that run pipelines", "look"},
		func(ctx context.Context, _ *nothing) ([]NodeLine, error) { return r.nodes(ctx) })
	register(r, api, operation{"settings", get, "/api/v1/settings", "The variables of the project", "settings"},
		func(context.Context, *nothing) ([]VariableLine, error) { return r.settings(), nil })
	register(r, api, operation{"set", http.MethodPut, "/api/v1/settings/{name}", "Change a variable in the settings file", "settings"},
		func(ctx context.Context, in *settingOf) (done, error) {
			return done{true}, r.change(ctx, Changes{in.Name: in.Body.Value}, "")
		})
	register(r, api, operation{"questions", get, "/api/v1/questions", "The settings that people are asked for, with what the systems know", "settings"},
		func(ctx context.Context, _ *nothing) (Questions, error) { return r.questions(ctx, AskSystems) })
	register(r, api, operation{"preview", post, "/api/v1/settings/preview", "What changes would make of the settings file; writes nothing", "settings"},
		func(ctx context.Context, in *changesOf) (*Preview, error) { return r.preview(ctx, in.Body.Changes) })
	register(r, api, operation{"change", post, "/api/v1/settings", "Change variables in the settings file", "settings"},
		func(ctx context.Context, in *changesOf) (done, error) {
			return done{true}, r.change(ctx, in.Body.Changes, in.Body.Seen)
		})
	register(r, api, operation{"audit", get, "/api/v1/audit", "Who did what, newest first", "settings"},
		func(ctx context.Context, in *auditOf) ([]DeedLine, error) { return r.deeds(ctx, in.Before, in.Limit) })
}

func (r *room) apiLetters(api huma.API) {
	get, post := http.MethodGet, http.MethodPost
	register(r, api, operation{"failures", get, "/api/v1/failures", "What did not come through, by cause, with what to do", "mend"},
		func(ctx context.Context, in *struct {
			Pipeline string `query:"pipeline"`
		},
		) ([]Group, error) {
			return r.groups(ctx, in.Pipeline)
		})
	register(r, api, operation{"letters", get, "/api/v1/letters", "Records that did not come through, newest first", "mend"},
		func(ctx context.Context, in *lettersOf) ([]Letter, error) {
			held, err := r.Store.Held(ctx, state.HeldFilter{
				Pipeline: in.Pipeline, Step: in.Step, Code: in.Code, Key: in.Key, Status: in.Status, Before: in.Before, Limit: in.Limit,
			})
			out := make([]Letter, len(held))
			for i, h := range held {
				out[i] = r.letter(h)
			}
			return out, err
		})
	register(r, api, operation{"letter", get, "/api/v1/letters/{id}", "One letter whole", "mend"},
		func(ctx context.Context, in *byID) (*Letter, error) { return r.letterOf(ctx, in.ID) })
	register(r, api, operation{"replay", post, "/api/v1/letters/replay", "Try letters again", "mend"},
		func(ctx context.Context, in *replayOf) (*Replayed, error) {
			return r.replay(ctx, in.Body.Choice, in.Body.From, in.Body.Record)
		})
	register(r, api, operation{"plan-replay", post, "/api/v1/letters/plan", "What a replay would do; writes nothing", "mend"},
		func(ctx context.Context, in *replayOf) ([]*run.Plan, error) {
			return r.planReplay(ctx, in.Body.Choice, in.Body.From, in.Body.Record)
		})
	register(r, api, operation{"discard", post, "/api/v1/letters/discard", "Close letters for good", "mend"},
		func(ctx context.Context, in *discardOf) (struct {
			Discarded int `json:"discarded"`
		}, error,
		) {
			n, err := r.discard(ctx, in.Body.Choice, in.Body.Reason)
			return struct {
				Discarded int `json:"discarded"`
			}{n}, err
		})
}

// DeedLine is who did what.
type DeedLine struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Action string    `json:"action"`
	What   string    `json:"what"`
}

func (r *room) deeds(ctx context.Context, before int64, limit int) ([]DeedLine, error) {
	if err := need(ctx, Admin); err != nil {
		return nil, err
	}
	deeds, err := r.Store.Deeds(ctx, before, limit)
	out := make([]DeedLine, len(deeds))
	for i, d := range deeds {
		out[i] = DeedLine(d)
	}
	return out, err
}
