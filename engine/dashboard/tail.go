package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/kopru-io/kopru/engine/state"
)

const (
	mostWatchers = 200              // on this node
	watchersEach = 20               // of one person or token
	watchedFor   = 30 * time.Minute // then a browser asks again, and is let in or not
)

// tailInterval is how often the state is looked at while somebody watches.
const tailInterval = time.Second

// tail tells browsers that something has changed. It asks the database, so that it knows of every node's work, and
// only while somebody watches.
type tail struct {
	store *state.Store

	mu       sync.Mutex
	watchers map[chan struct{}]string // who watches
	stop     context.CancelFunc
}

func newTail(store *state.Store) *tail {
	return &tail{store: store, watchers: map[chan struct{}]string{}}
}

// join is nil when there are too many already.
func (t *tail) join(name string) (news chan struct{}, leave func()) {
	news = make(chan struct{}, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	theirs := 0
	for _, other := range t.watchers {
		if other == name {
			theirs++
		}
	}
	if len(t.watchers) >= mostWatchers || theirs >= watchersEach {
		return nil, nil
	}
	if t.watchers[news] = name; len(t.watchers) == 1 {
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
	news, leave := r.tail.join(who(req.Context()).Name)
	if news == nil {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "Too many watch already.", http.StatusTooManyRequests)
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	end := time.NewTimer(watchedFor)
	defer end.Stop()
	w.WriteHeader(http.StatusOK)
	if err := control.Flush(); err != nil {
		return
	}
	alive := time.NewTicker(20 * time.Second)
	defer alive.Stop()
	for {
		line := ": alive\n\n"
		select {
		case <-req.Context().Done():
			return
		case <-end.C:
			return
		case <-news:
			line = "event: changed\ndata: \n\n"
		case <-alive.C:
		}
		if err := control.SetWriteDeadline(time.Now().Add(r.limits.write)); err != nil {
			return
		}
		if _, err := fmt.Fprint(w, line); err != nil {
			return
		}
		if err := control.Flush(); err != nil {
			return
		}
	}
}
