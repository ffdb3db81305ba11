package sdk

import (
	"os"
	"runtime/debug"
	"sync"
)

const (
	// rare is how much the heap may grow, in percent of what lives, before it is collected. Little of a connector
	// lives, so with the usual percentage it would collect all the time.
	rare  = 400
	usual = 100
	// crowd is how many streams are so many that what lives adds up.
	crowd = 5
)

// collector makes collections rare, but not while many streams are open.
type collector struct {
	mu      sync.Mutex
	fixed   bool // somebody has decided otherwise
	often   bool
	streams int
}

func newCollector() *collector {
	c := &collector{fixed: os.Getenv("GOGC") != "", often: true}
	c.adapt()
	return c
}

// stream is told of each that opens.
func (c *collector) stream() (closed func()) {
	add := func(n int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.streams += n
		c.adapt()
	}
	add(1)
	return func() { add(-1) }
}

func (c *collector) adapt() {
	often := c.streams >= crowd
	if c.fixed || c.often == often {
		return
	}
	c.often = often
	if often {
		debug.SetGCPercent(usual)
	} else {
		debug.SetGCPercent(rare)
	}
}
