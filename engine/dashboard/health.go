package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kopru-io/kopru/engine/state"
	"github.com/kopru-io/kopru/plugins/host"
)

// Readiness is whether a node can do its work.
type Readiness struct {
	Ready  bool    `json:"ready"`
	Checks []check `json:"checks"`
}

type check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
}

// healthRoutes are for those who watch over the process. Anybody may ask the first two, so they say little.
func (r *room) healthRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]string{"status": "alive", "version": r.Version})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, req *http.Request) {
		ready := r.readiness(req.Context())
		status := http.StatusOK
		if !ready.Ready {
			status = http.StatusServiceUnavailable
		}
		answerJSON(w, status, ready)
	})
	if r.Metrics != nil {
		mux.Handle("GET /metrics", r.Metrics)
	}
}

// stateTime is how long the state database may take to answer somebody who watches.
const stateTime = 3 * time.Second

func (r *room) readiness(ctx context.Context) Readiness {
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	database, node, connectors := check{Name: "state"}, check{Name: "node"}, check{Name: "connectors", OK: true}
	nodes, err := r.Store.Nodes(ctx)
	if database.OK = err == nil; err != nil {
		database.Why = "the state database does not answer"
	}
	i := slices.IndexFunc(nodes, func(n state.Node) bool { return n.Name == r.Runner.Node })
	switch {
	case i < 0:
		node.Why = "this node has not been heard of"
	case nodes[i].State() != "running":
		node.Why = "this node is " + nodes[i].State()
	default:
		node.OK = true
	}
	var bad []string
	for _, c := range r.Connectors() {
		if c.State == host.Quarantined {
			bad = append(bad, fmt.Sprintf("%s until %s", c.Name, c.Until.Format(time.TimeOnly)))
		}
	}
	if len(bad) > 0 {
		connectors.OK, connectors.Why = false, "ended too often and left alone: "+strings.Join(bad, ", ")
	}
	return Readiness{database.OK && node.OK && connectors.OK, []check{database, node, connectors}}
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked is gone
}
