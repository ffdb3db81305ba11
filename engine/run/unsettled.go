package run

import (
	"sync"

	"github.com/kopru-io/kopru/engine/state"
)

// unsettled is what this pass has brought about and the database does not know yet: links and ended intents. Without
// it, the second order of a new customer would depend on how soon the target finds what it has just stored.
type unsettled struct {
	mu    sync.Mutex
	links map[[2]string]state.Link // scope and key →
	ended map[[2]string]bool       // target and match of an intent
}

func newUnsettled() *unsettled {
	return &unsettled{links: map[[2]string]state.Link{}, ended: map[[2]string]bool{}}
}

func (u *unsettled) link(scope, key string) (state.Link, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	l, ok := u.links[[2]string{scope, key}]
	return l, ok
}

func (u *unsettled) done(target, match string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ended[[2]string{target, match}]
}

func (u *unsettled) putLink(l state.Link) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.links[[2]string{l.Scope, l.Key}] = l
}

func (u *unsettled) putDone(i state.Intent) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended[[2]string{i.Target, i.Match}] = true
}

// settled forgets what the database now knows. A link that was changed again since stays.
func (u *unsettled) settled(s state.Settlement) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, l := range s.Links {
		if at := [2]string{l.Scope, l.Key}; u.links[at] == l {
			delete(u.links, at)
		}
	}
	for _, i := range s.DoneIntents {
		delete(u.ended, [2]string{i.Target, i.Match})
	}
}
