// Package pipelines is the language: it parses a project's HCL, resolves its names, checks it against the
// connectors' manifests and returns the typed definition that the engine runs. It never starts a connector and
// never touches the network.
package pipelines

import (
	"path/filepath"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kopru-io/kopru/pipelines/expr"
	"github.com/kopru-io/kopru/plugins/protocol"
	"github.com/kopru-io/kopru/transforms"
)

// Project is a folder of *.hcl files, resolved. Everything in it may be used from several goroutines.
type Project struct {
	Dir         string
	Files       map[string][]byte // sources by file name, for the snippets of diagnostics
	Connections []*Connection     // in order of text
	Pipelines   []*Pipeline
	Reconciles  []*Reconcile
	Alerts      []*Alert
	Engine      Engine
	Variables   []Variable
	Inputs      []string // names of the files that file() was asked for
	Templates   []string // folders of the templates that it uses
	Secrets     []string // sensitive values, for redaction; never print them

	paths map[string]string // of Files
}

// Path is where a file of Files is: one of a template is not in the project's folder.
func (p *Project) Path(name string) string {
	if path, ok := p.paths[name]; ok {
		return path
	}
	return filepath.Join(p.Dir, name)
}

// Variable is a setting of the project, with the value in force.
type Variable struct {
	Name        string
	Type        string // as it is declared
	Description string
	Sensitive   bool
	Default     any // nil = none, or null
	Required    bool
	Value       any    // nil when it is sensitive
	From        string // "default", "file", "environment" or "command line": where the value comes from
	Rules       []string
	Range       hcl.Range
}

// Connection is a configured connector. Its address is Type + "." + Name, as references write it.
type Connection struct {
	Type     string // the connector's name
	Name     string
	Config   map[string]any // attribute values as record values, manifest defaults filled in, secrets included
	Manifest *protocol.Manifest
	Limit    Limit
	Isolated bool // has a connector process to itself
	Range    hcl.Range

	attributes hclsyntax.Attributes // as they stand in the text
}

// Address is how references name the connection: "mpluskassa.shop".
func (c *Connection) Address() string { return c.Type + "." + c.Name }

// Place is where an attribute is set, or where the connection is when it is not.
func (c *Connection) Place(attribute string) hcl.Range {
	if attr := c.attributes[attribute]; attr != nil {
		return attr.NameRange
	}
	return c.Range
}

// Limit bounds the use of a connection over all pipelines; zero fields mean the connector's own.
type Limit struct {
	PerSecond   float64
	Concurrency int
	Memory      int64 // bytes, of the connector's process
	CPUs        int   // that the connector's process may use
}

// Pipeline is source → steps, in order of text.
type Pipeline struct {
	Name        string
	Description string
	Schedule    Schedule
	Source      *Source
	Steps       []Step
	OnError     OnError
	Activity    string // "all" (default) or "failures": which records get an activity entry
	Payloads    string // "masked", "full" or "none": what is kept of records that have an entry, for their stories
	Version     string // digest of the definition, its scripts included
	Range       hcl.Range
}

// Connections are those that the pipeline works with, the source's first; one may come several times.
func (p *Pipeline) Connections() []*Connection {
	var out []*Connection
	if p.Source != nil {
		out = append(out, p.Source.Connection)
	}
	for _, step := range p.Steps {
		switch s := step.(type) {
		case *Lookup:
			out = append(out, s.Connection)
		case *Sink:
			out = append(out, s.Connection)
		}
	}
	return out
}

// Source is where records come from.
type Source struct {
	Name       string
	Connection *Connection
	Entity     string
	Schema     *protocol.Entity
	Options    map[string]any // the entity's source options, as record values
	Range      hcl.Range
}

// Step is one of *Filter, *Lookup, *Transform and *Sink.
type Step interface {
	StepName() string
	StepRange() hcl.Range
}

// Filter drops records for which Keep is not true. Reason, evaluated on dropped records, is text.
type Filter struct {
	Name   string
	Keep   Expr
	Reason Expr // never nil
	Range  hcl.Range
}

// Lookup binds its name to the one remote record whose fields equal Match, or to null.
type Lookup struct {
	Name       string
	Slot       int
	Connection *Connection
	Entity     string
	Schema     *protocol.Entity
	Match      Expr   // an object
	Missing    string // "null" (default), "park", "dead_letter"
	Several    string // "dead_letter" (default), "first" (oldest), "all" (a list)
	Range      hcl.Range
}

// Transform replaces `record`, by a script or by an expression; exactly one is set.
type Transform struct {
	Name   string
	Script *transforms.Program
	Path   string      // of the script, as the project writes it
	Input  *expr.Shape // what is known of the record that the script is given
	Set    Expr
	Vars   map[string]any // what the script sees as ctx.vars
	Range  hcl.Range
}

// Sink finds by Match, then creates or updates with Set's fields. Its name is bound to the record that results: the
// remote fields, overlaid with Set, and the entity's id field.
type Sink struct {
	Name       string
	Slot       int
	Connection *Connection
	Entity     string
	Schema     *protocol.Entity
	When       Expr // nil = always; not true = the step is passed over and its name is null
	ForEach    Expr // nil = once; else a list, and the step's name is a list of results; `each` is bound
	EachSlot   int
	Match      Expr            // nil = no look-up before a create
	Create     Expr            // nil = true
	UpdateAll  bool            // an update may write every field of Set
	Update     map[string]bool // the fields, or "field.inner", an update may write otherwise; empty = none
	Protect    map[string]bool // fields, or "field.inner", an update never writes
	Verify     bool            // the target is asked also when it was given the same before
	Set        Expr            // an object; nil = the record
	Link       Expr            // key of the link; nil = the record's key
	Scope      string          // name under which links are kept, default "<pipeline>.<step>"
	Pair       *Pair           // nil = the sink keeps its links to itself
	Missing    string          // when nothing is found and Create is false: "dead_letter" (default), "park", "skip", "null"
	Several    string          // "dead_letter" (default), "first" (oldest)
	Options    map[string]any
	Range      hcl.Range
}

// Pair is what sinks share that keep the same two kinds of records alike: which record belongs to which.
type Pair struct {
	Name    string
	From    string          // the kind of record the link key is the id of: "vismanet.books/customer"
	Back    *Sink           // of another pipeline, writes what this one's key is the id of; nil = there is none
	Direct  bool            // the pipeline reads the kind of From itself, not something about it
	WinsAll bool            // where both sides changed a field, the source's value counts
	Wins    map[string]bool // the fields, or "field.inner", for which it does otherwise; empty = the target's counts
}

// StepName returns the step's label.
func (s *Filter) StepName() string    { return s.Name }
func (s *Lookup) StepName() string    { return s.Name }
func (s *Transform) StepName() string { return s.Name }
func (s *Sink) StepName() string      { return s.Name }

// StepRange returns where the step stands.
func (s *Filter) StepRange() hcl.Range    { return s.Range }
func (s *Lookup) StepRange() hcl.Range    { return s.Range }
func (s *Transform) StepRange() hcl.Range { return s.Range }
func (s *Sink) StepRange() hcl.Range      { return s.Range }

// OnError says what happens to a record that fails.
type OnError struct {
	Attempts int           // tries in all, default 6
	Backoff  string        // "exponential" (default) or "constant"
	Initial  time.Duration // first pause, default 1s
	Max      time.Duration // longest pause, default 15m
	Then     string        // "dead_letter" (default) or "stop"
	ParkFor  time.Duration // how long a parked record waits before it is a dead letter, default 30 days
	ParkKey  bool          // hold back later changes of a key while its dead letter is open; default: the newer one supersedes
}

// Expr is an expression compiled for use on records.
type Expr interface {
	// Eval returns a record value. Its error is an *EvalError.
	Eval(*Scope) (any, error)
	// Range is where the expression stands.
	Range() hcl.Range
	// Reads tells whether the expression refers to the name that has a slot.
	Reads(slot int) bool
}

// Scope holds the record-time names of one record: slot numbers are given out per pipeline, in order of the text; the
// first four are fixed. A slot of a step that has not run is null.
type Scope = expr.Scope

// EvalError is a failure of an expression on a record, at a place in the project.
type EvalError = expr.EvalError

// Fixed slots.
const (
	SlotRecord = iota // the record as the steps so far have made it
	SlotSource        // the record as it was read
	SlotMeta          // {key, entity, operation, occurred_at, …}
	SlotRun           // {id, pipeline, started_at}
	FirstFreeSlot
)
