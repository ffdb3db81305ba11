package run

import "sync"

// lanes keeps the order per key: an item waits for the one before it that has the same key.
type lanes struct {
	mu   sync.Mutex
	last map[string]*item
}

func newLanes() *lanes { return &lanes{last: map[string]*item{}} }

// enter puts it behind the last item of its key and returns that one, nil when the lane is free.
func (l *lanes) enter(it *item) *item {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.last[it.record.GetKey()]
	l.last[it.record.GetKey()] = it
	return before
}

func (l *lanes) leave(it *item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last[it.record.GetKey()] == it {
		delete(l.last, it.record.GetKey())
	}
}

// keyedLocks serialises the find-or-create of one remote record, so that two orders of a new customer make one
// customer. It is shared by all pipelines of the process.
type keyedLocks struct {
	mu    sync.Mutex
	locks map[string]*keyedLock
}

type keyedLock struct {
	sync.Mutex
	users int
}

func newKeyedLocks() *keyedLocks { return &keyedLocks{locks: map[string]*keyedLock{}} }

// lock returns the function that unlocks key.
func (k *keyedLocks) lock(key string) func() {
	k.mu.Lock()
	l := k.locks[key]
	if l == nil {
		l = &keyedLock{}
		k.locks[key] = l
	}
	l.users++
	k.mu.Unlock()
	l.Lock()
	return func() {
		l.Unlock()
		k.mu.Lock()
		if l.users--; l.users == 0 {
			delete(k.locks, key)
		}
		k.mu.Unlock()
	}
}
