package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kopru-io/kopru/engine/run"
	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/pipelines"
)

// Takings is what happened today so far, as a reconcile block counts it.
type Takings struct {
	Name  string      `json:"name"`
	Worth []run.Worth `json:"worth" nullable:"false" doc:"by currency; nothing when nothing happened yet"`
	At    time.Time   `json:"at"`
	Error string      `json:"error,omitempty"`
}

const (
	takingsFor  = 5 * time.Minute // they are a reading of the source, which has better things to do
	takingsTime = time.Minute     // for that reading
	mostDays    = 31              // that are compared at once
	daysShown   = 31
)

// till remembers today's takings, and asks for them once at a time.
type till struct {
	mu   sync.Mutex
	list []Takings
	at   time.Time
	of   int // number of the definition
}

// known are the takings that were asked for a moment ago, nil when there are none.
func (r *room) knownTakings() []Takings {
	if !r.till.mu.TryLock() { // somebody asks just now
		return nil
	}
	defer r.till.mu.Unlock()
	return r.freshTakings()
}

func (r *room) freshTakings() []Takings {
	if r.till.of != r.Definition().Number || r.now().Sub(r.till.at) >= takingsFor || !r.till.at.After(midnight(r.now())) {
		return nil
	}
	return r.till.list
}

// takings asks the sources of the reconcile blocks what happened today, unless that is known.
func (r *room) takings(ctx context.Context) []Takings {
	r.till.mu.Lock()
	defer r.till.mu.Unlock()
	if fresh := r.freshTakings(); fresh != nil {
		return fresh
	}
	def, out := r.Definition(), []Takings{}
	for _, block := range def.Project.Reconciles {
		limited, cancel := context.WithTimeout(ctx, takingsTime)
		now := r.now().In(block.Zone)
		worth, err := r.Runner.Happened(limited, block, midnight(now), midnight(now))
		cancel()
		t := Takings{Name: block.Name, Worth: append([]run.Worth{}, worth...), At: now}
		if err != nil {
			t.Error = r.Clean(err.Error())
		}
		out = append(out, t)
	}
	r.till.list, r.till.at, r.till.of = out, r.now(), def.Number
	return out
}

// reconciliationView is what may be compared, and how it came out before.
type reconciliationView struct {
	Blocks   []*pipelines.Reconcile
	Name     string
	From, To string
	Kept     []state.Reconciled
}

func (r *room) reconciliationRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /takings", r.get("takings", func(req *http.Request) (any, error) { return r.takings(req.Context()), nil }))
	mux.HandleFunc("GET /reconciliation", r.get("reconciliation", func(req *http.Request) (any, error) {
		kept, err := r.reconciled(req.Context())
		yesterday := r.now().AddDate(0, 0, -1).Format(time.DateOnly)
		out := &reconciliationView{Blocks: r.Definition().Project.Reconciles, Name: req.FormValue("name"), From: yesterday, To: yesterday, Kept: kept}
		if from := req.FormValue("from"); from != "" {
			out.From, out.To = from, from
		}
		return out, err
	}))
	mux.HandleFunc("POST /reconciliation", r.get("reconciled", func(req *http.Request) (any, error) {
		return r.compare(req.Context(), req.PostFormValue("name"), req.PostFormValue("from"), req.PostFormValue("to"))
	}))
}

// apiReconciliation adds the calls about comparisons.
func (r *room) apiReconciliation(api huma.API) {
	register(r, api, operation{"takings", http.MethodGet, "/api/v1/takings", "What happened today so far, as the reconcile blocks count it", "look"},
		func(ctx context.Context, _ *nothing) ([]Takings, error) { return r.takings(ctx), nil })
	register(r, api, operation{"reconciled", http.MethodGet, "/api/v1/reconciliations", "How the comparisons of the last days came out", "look"},
		func(ctx context.Context, _ *nothing) ([]state.Reconciled, error) { return r.reconciled(ctx) })
	register(r, api, operation{"reconcile", http.MethodPost, "/api/v1/reconciliations", "Compare what happened with what is booked", "run"},
		func(ctx context.Context, in *struct {
			Body struct {
				Name string `json:"name"`
				From string `json:"from" doc:"the first day"`
				To   string `json:"to" doc:"the last day"`
			}
		},
		) (*run.Reconciliation, error) {
			return r.compare(ctx, in.Body.Name, in.Body.From, in.Body.To)
		})
}

func (r *room) reconciled(ctx context.Context) ([]state.Reconciled, error) {
	return r.Store.Reconciled(ctx, r.now().AddDate(0, 0, -daysShown).Format(time.DateOnly))
}

// compare does what kopru reconcile does.
func (r *room) compare(ctx context.Context, name, from, to string) (*run.Reconciliation, error) {
	if err := need(ctx, Operator); err != nil {
		return nil, err
	}
	blocks := r.Definition().Project.Reconciles
	i := slices.IndexFunc(blocks, func(b *pipelines.Reconcile) bool { return b.Name == name })
	if i < 0 {
		return nil, notFound("There is no reconcile block \"" + name + "\" in the definition in force.")
	}
	var days [2]time.Time
	for k, text := range []string{from, to} {
		var err error
		if days[k], err = time.ParseInLocation(time.DateOnly, text, blocks[i].Zone); err != nil {
			return nil, refused(fmt.Sprintf("%q is no day; write it like 2026-01-31.", text))
		}
	}
	if days[1].Before(days[0]) || !days[1].Before(days[0].AddDate(0, 0, mostDays)) {
		return nil, refused(fmt.Sprintf("The last day is not before the first, and at most %d days are compared at once; kopru reconcile compares more.", mostDays))
	}
	r.note(ctx, who(ctx).Name, "reconcile", name+" "+from+" "+to)
	return r.Runner.ReconcileAndKeep(ctx, blocks[i], days[0], days[1])
}
