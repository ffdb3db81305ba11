// Package sdk is what a Go connector imports, and all it imports of ours.
//
// A connector implements Connector and Connection, and of Reader, Looker and Writer what its entities declare.
// Its main is three lines:
//
//	func main() { sdk.Serve(mysystem.New()) }
//
// Retries, cursors at rest, duplicates, order per key and rate-limit pauses are the engine's work. A connector maps
// its API onto this interface and tells the truth about outcomes: the class of a Failure decides what happens next.
package sdk

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/plugins/record"
)

// Connector is the static side: what it is and how a connection to it is made.
type Connector interface {
	// Manifest describes the connector. It must be the same at every call and need no network.
	Manifest() *protocol.Manifest
	// Validate judges what the manifest's attribute types cannot say. It needs no network.
	Validate(Config) []*protocol.Problem
	// Open makes a connection. It must not fail because the remote system is down.
	Open(ctx context.Context, name string, config Config, log *slog.Logger) (Connection, error)
}

// Connection is one opened configuration. It also implements Reader, Looker and Writer where its entities say so.
// All methods may be called from several goroutines at once.
type Connection interface {
	// Check tries the connection live, writes nothing, and returns facts worth showing and what is wrong.
	Check(ctx context.Context) (facts []string, problems []*protocol.Problem)
	Close() error
}

// Reader reads the records of an entity.
type Reader interface {
	// Read calls emit for each batch, in order, until there is no more or emit fails. An emitted batch's Cursor
	// must cover everything emitted so far: a later Read that starts from it must miss nothing.
	Read(ctx context.Context, request ReadRequest, emit func(Batch) error) (end string, err error)
}

// Committer may be implemented by connections whose source wants to know what is settled for good, such as a queue.
type Committer interface {
	// Committed says that everything up to the cursor is settled. It is cumulative and may be repeated.
	Committed(ctx context.Context, entity, cursor string) error
}

// Looker finds records, exactly.
type Looker interface {
	Lookup(ctx context.Context, entity string, query Query) ([]Found, error)
}

// BatchLooker may be implemented by connections whose system answers several queries with fewer calls than one each, for
// entities whose manifest has LookupBatch. There is one answer for each query, in order; an Answer's Err is its query's
// own, err stands for all of them.
type BatchLooker interface {
	LookupBatch(ctx context.Context, entity string, queries []Query) (answers []Answer, err error)
}

// Answer is what a query found, or why it could not be asked.
type Answer struct {
	Found []Found
	Err   error
}

// Writer opens a stream of writes to one entity.
type Writer interface {
	Writer(ctx context.Context, request WriteRequest) (BatchWriter, error)
}

// BatchWriter writes batches. For append-only entities Write is called for one batch at a time, in order, and the
// returned position must be durable; for others calls run at the same time, up to the entity's concurrency. An err
// stands for every operation without a result; for an append-only entity it ends the stream.
type BatchWriter interface {
	Write(ctx context.Context, ops []Op) (results []Result, position string, err error)
	Close() error
}

// Config is a connection's or a step's settings by attribute name: string, bool, record.Number, []any, map[string]any.
// Defaults of the manifest are filled in before the connector sees it.
type Config map[string]any

// String returns the text of an attribute, "" when absent.
func (c Config) String(name string) string { return record.Text(c[name]) }

// Bool returns a bool attribute, false when absent.
func (c Config) Bool(name string) bool { b, _ := c[name].(bool); return b }

// Int returns an integer attribute, 0 when absent.
func (c Config) Int(name string) int64 {
	if n, ok := c[name].(record.Number); ok {
		if d, err := n.Decimal(); err == nil {
			if i, err := d.Int64(); err == nil {
				return i
			}
		}
	}
	return 0
}

// Duration returns a duration attribute, 0 when absent.
func (c Config) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(c.String(name))
	return d
}

// Positioned is implemented by BatchWriters of append-only entities.
type Positioned interface {
	// Position says where the target stands before the first batch.
	Position() string
}

// Record is one thing read. Payload is a JSON object; OccurredAt may be zero.
type Record struct {
	Key        string
	Delete     bool
	OccurredAt time.Time
	Payload    json.RawMessage
	Meta       map[string]string
	Err        error // not nil = it can't be made sense of: a dead letter, whose Payload holds what there was
}

// Batch is some records and the cursor that covers them and all before; "" when this is no place to resume.
type Batch struct {
	Records []Record
	Cursor  string
	Total   int // about how many records the whole read comes to, 0 = not known
}

// ReadRequest says what to read.
type ReadRequest struct {
	Entity    string
	Cursor    string    // where the last settled read ended; "" = from the beginning
	From, To  time.Time // a ranged read, zero = open
	Options   Config
	BatchSize int
}

// Query asks for the record with an id, or for all whose fields equal Match.
type Query struct {
	ID    string
	Match map[string]any
}

// Found is a hit: the remote id, its version for optimistic concurrency ("" = none) and its fields.
type Found struct {
	ID      string
	Version string
	Fields  map[string]any
}

// WriteRequest opens a stream of writes.
type WriteRequest struct {
	Entity   string
	Position string // append-only: the position of the last settled batch
	Options  Config
}

// Op is one operation: OPERATION_CREATE, OPERATION_UPDATE or OPERATION_DELETE. Payload holds all fields of a create
// and the changed ones of an update.
type Op struct {
	Operation      protocol.Operation
	Key            string
	ID             string
	Version        string
	Payload        json.RawMessage
	IdempotencyKey string
}

// Result is what became of an Op; Err is a *Failure or any error, which then counts as ambiguous.
type Result struct {
	ID        string
	Version   string
	Err       error
	Exchanges []*protocol.Exchange
}

// Failure is an error with a class. The constructors Transient, Invalid and so on make them.
type Failure struct {
	Class         protocol.FailureClass
	Code          string // stable: "vismanet.item_not_found"
	Message       string // what a human reads; no secrets
	Field         string
	RetryAfter    time.Duration
	RemoteStatus  int
	RemoteMessage string // the remote system's own words
	Exchanges     []*protocol.Exchange
}

func (f *Failure) Error() string {
	if f.RemoteMessage != "" && f.RemoteMessage != f.Message {
		return f.Message + ": " + f.RemoteMessage
	}
	return f.Message
}
