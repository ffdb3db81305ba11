package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/kopru-io/kopru/engine/state"
)

// tailInterval is how often the state is looked at while somebody watches.
const tailInterval = time.Second

// tail tells browsers that something has changed. It asks the database, so that it knows of every node's work, and
// only while somebody watches.
type tail struct {
	store *state.Store

	mu       sync.Mutex
	watchers map[chan struct{}]bool
	stop     context.CancelFunc
}

func newTail(store *state.Store) *tail {
	return &tail{store: store, watchers: map[chan struct{}]bool{}}
}

func (t *tail) join() (news chan struct{}, leave func()) {
	news = make(chan struct{}, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watchers[news] = true; len(t.watchers) == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		t.stop = cancel
		go t.watch(ctx)
	}
	return news, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if delete(t.watchers, news); len(t.watchers) == 0 {
			t.stop()
		}
	}
}

func (t *tail) watch(ctx context.Context) {
	tick := time.NewTicker(tailInterval)
	defer tick.Stop()
	var last string
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pulse, err := t.store.Pulse(ctx)
		if err != nil || pulse == last {
			continue // a database that is away is the engine's to tell
		}
		last = pulse
		t.mu.Lock()
		for news := range t.watchers {
			select {
			case news <- struct{}{}:
			default:
			}
		}
		t.mu.Unlock()
	}
}

// events tells a browser when something has changed; it then asks for what it shows.
func (r *room) events(w http.ResponseWriter, req *http.Request) {
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	news, leave := r.tail.join()
	defer leave()
	alive := time.NewTicker(20 * time.Second)
	defer alive.Stop()
	for {
		line := ": alive\n\n"
		select {
		case <-req.Context().Done():
			return
		case <-news:
			line = "event: changed\ndata: \n\n"
		case <-alive.C:
		}
		if _, err := fmt.Fprint(w, line); err != nil {
			return
		}
		if err := control.Flush(); err != nil {
			return
		}
	}
}
