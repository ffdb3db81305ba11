package state

import "time"

// Outcome is how a record ended. Every record read has exactly one.
type Outcome string

// The five outcomes.
const (
	Delivered Outcome = "delivered" // something was written
	Unchanged Outcome = "unchanged" // the target has it already
	Filtered  Outcome = "filtered"  // the pipeline does not want it
	Parked    Outcome = "parked"    // waits for something named
	Dead      Outcome = "dead"      // needs a human
)

// Counts are records per outcome; Read is the sum of the others.
type Counts struct {
	Read      int64 `json:"read"`
	Delivered int64 `json:"delivered"`
	Unchanged int64 `json:"unchanged"`
	Filtered  int64 `json:"filtered"`
	Parked    int64 `json:"parked"`
	Dead      int64 `json:"dead"`
}

// Add adds other to c.
func (c *Counts) Add(other Counts) {
	c.Read += other.Read
	c.Delivered += other.Delivered
	c.Unchanged += other.Unchanged
	c.Filtered += other.Filtered
	c.Parked += other.Parked
	c.Dead += other.Dead
}

// Sum is the number of outcomes.
func (c *Counts) Sum() int64 { return c.Delivered + c.Unchanged + c.Filtered + c.Parked + c.Dead }

// SinkCounts are what one sink did.
type SinkCounts struct {
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
}

// End is a step at which records ended, and how.
type End struct{ Step, Outcome string }

// Add adds other to c.
func (c *SinkCounts) Add(other SinkCounts) {
	c.Created += other.Created
	c.Updated += other.Updated
	c.Unchanged += other.Unchanged
}

// Link says which remote record a source's key became, and a digest of what was written there last.
type Link struct {
	Scope    string
	Key      string
	TargetID string
	Version  string
	Hash     string
}

// Intent announces a create before it is sent. One that is still there after a crash makes the engine ask the
// target before it creates again. Target and Match identify it.
type Intent struct {
	Target string // "vismanet.books/customer"
	Match  string // what would find the created record
	Run    string
	Key    string
	At     time.Time
	ID     string // what the target called it, where that was told before the record was settled
	Node   string // where its run is alive, "" = nowhere
}

// Entry is a line of the activity log.
type Entry struct {
	ID       int64
	At       time.Time
	Run      string
	Pipeline string
	Entity   string
	Key      string
	RecordID string
	Outcome  Outcome
	Code     string
	Reason   string
	Detail   []byte // JSON, may be nil
	Took     time.Duration
}

// Settlement is everything that one or more batches of a run change, settled in one transaction.
type Settlement struct {
	Run         string
	Fence       int64
	Seq         int64 // grows with every settlement of a run: one that comes again, its answer lost, is settled once
	Pipeline    string
	Backfill    string // set when Run is the holder of this backfill's Partition, whose cursor and counts then move
	Partition   int
	Source      string
	Cursor      *string // nil: does not move
	Counts      Counts
	Sinks       map[string]SinkCounts
	Ends        map[End]int64 // records that ended before the last step
	Links       []Link
	DoneIntents []Intent
	Entries     []Entry
	Stories     []Story
	Mentions    []Mention
	Release     []Resolution      // before Hold
	Hold        []Held            // with an ID: the letter that is there already, changed
	Came        []Intent          // what was created: letters that wait for one of them come back at once
	StillParked int64             // of Counts.Parked, those that were parked before: the roll-up has them already
	Positions   map[string]string // append-only sinks: step → position
}

// Run is one execution of a pipeline.
type Run struct {
	ID         string
	Pipeline   string
	Kind       string // run, backfill
	Status     string // running, succeeded, partial, failed
	StartedAt  time.Time
	FinishedAt time.Time // zero while it runs
	Counts     Counts
	Waits      int64 // of Counts.Parked, those that only go on waiting
	Sinks      map[string]SinkCounts
	Error      string
	Version    string // of the definition
	Streak     string // the first of the alike runs in a row that this one is among, often itself
	Node       string
}

// Idle tells whether a run brought nothing new: all that it counted was waiting before.
func (r *Run) Idle() bool { return r.Counts.Read == r.Waits }

// Streak is a run or several in a row that brought nothing new, all alike. The newest stands for them.
type Streak struct {
	Run
	Runs  int64     // how many
	Since time.Time // when the first one began
}

// Story tells of one entry what came in, what the steps made of it, and what was sent and answered. It is JSON; what
// of it is kept, and how much is masked, is for the pipeline to say.
type Story struct {
	RecordID string
	At       time.Time
	Body     []byte
}

// Mention is what a record can be found by beside its key.
type Mention struct {
	Term string
	Key  string
}
