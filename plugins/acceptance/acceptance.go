// Package acceptance judges a connector, in whatever language it is written, over the real protocol: it starts the
// program as the engine does and holds it to each promise of plugins/README.md, one by one.
package acceptance

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kopru-io/kopru/plugins/host"
	"github.com/kopru-io/kopru/plugins/protocol"
)

// Level is how far a connector can be trusted. Each includes those before it.
type Level int

// The levels.
const (
	None      Level = iota
	Described       // it says truly what it is and what it takes
	Exact           // what it reads, finds and writes is right
	Enduring        // also when it is interrupted, killed or used by many
)

var levelNames = [...]string{"none", "described", "exact", "enduring"}

func (l Level) String() string { return levelNames[l] }

// MarshalText writes the level's name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Status is how a check ended.
type Status string

// The statuses.
const (
	Passed  Status = "passed"
	Failed  Status = "failed"
	Skipped Status = "skipped" // it does not apply, or the specification gives nothing to try it with
)

// Result is what one check found.
type Result struct {
	ID      string `json:"id"`      // "read.resume"
	Subject string `json:"subject"` // the entity, "" = the connector
	Level   Level  `json:"level"`
	Promise string `json:"promise"` // what a connector owes here
	Status  Status `json:"status"`
	Detail  string `json:"detail,omitempty"` // what was seen, or why it was skipped
}

// Report is what a whole judgement found.
type Report struct {
	Connector string   `json:"connector"`
	Version   string   `json:"version"`
	Checksum  string   `json:"checksum"` // of the program: sha256 in hexadecimal
	Level     Level    `json:"level"`    // reached: of this and all lower levels nothing failed
	Results   []Result `json:"results"`
}

// Options say what is judged.
type Options struct {
	Binary string // its path; the name of the file is kopru-connector-NAME
	Spec   Spec
	Only   string       // an id of checks, or its beginning; "" = all
	Each   func(Result) // is told each result as it comes; may be nil

	Launcher []string // see host.Options
}

// Run judges a connector. An error means that it could not even be tried.
func Run(ctx context.Context, o Options) (*Report, error) {
	name, ok := strings.CutPrefix(filepath.Base(o.Binary), "kopru-connector-")
	if !ok {
		return nil, fmt.Errorf("%s: the program of a connector is named kopru-connector-NAME", o.Binary)
	}
	sum, err := checksum(o.Binary)
	if err != nil {
		return nil, err
	}
	j := &judge{options: o, name: name, ears: &ears{}, run: strings.ToLower(rand.Text()[:8])}
	h := j.newHost(0)
	defer h.Close()
	j.host = h
	if j.manifest, err = h.Manifest(ctx, name); err != nil {
		return nil, fmt.Errorf("the connector does not describe itself: %w", err)
	}
	report := &Report{Connector: name, Version: j.manifest.GetVersion(), Checksum: sum}
	for _, c := range checks {
		if !strings.HasPrefix(c.id, o.Only) {
			continue
		}
		for _, subject := range c.subjects(j) {
			result := j.judge(ctx, c, subject)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			report.Results = append(report.Results, result)
			if o.Each != nil {
				o.Each(result)
			}
		}
	}
	report.Level = reached(report.Results)
	return report, nil
}

func reached(results []Result) Level {
	level := Enduring
	for _, r := range results {
		if r.Status == Failed {
			level = min(level, r.Level-1)
		}
	}
	return level
}

func checksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// check is one promise and how it is tried.
type check struct {
	id      string
	level   Level
	promise string
	applies func(*judge, subject) string // why not, "" = it does
	try     func(context.Context, *trial)
	on      func(*judge) []subject // nil = the connector as a whole
}

// subject is what a check is about: one read or one write of the specification, or neither.
type subject struct {
	read  *Read
	write *Write
}

func (s subject) entity() string {
	switch {
	case s.read != nil:
		return s.read.Entity
	case s.write != nil:
		return s.write.Entity
	}
	return ""
}

func (c check) subjects(j *judge) []subject {
	if c.on == nil {
		return []subject{{}}
	}
	return c.on(j)
}

func eachRead(j *judge) (all []subject) {
	for i := range j.options.Spec.Reads {
		all = append(all, subject{read: &j.options.Spec.Reads[i]})
	}
	return all
}

func eachWrite(j *judge) (all []subject) {
	for i := range j.options.Spec.Writes {
		all = append(all, subject{write: &j.options.Spec.Writes[i]})
	}
	return all
}

// checks are tried in this order. secrets.silent is last: it has heard all the others.
var checks = concat(describing, reading, writing, appending, enduring, listening)

func concat(lists ...[]check) (all []check) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// patience is how long any one call may take.
const patience = 20 * time.Second

type judge struct {
	options  Options
	name     string
	manifest *protocol.Manifest
	host     *host.Host
	ears     *ears
	run      string // tells this run's records from those of other runs
	unique   int
}

// newHost starts the connector the way the engine does. It is never quarantined: being killed is part of the trial.
func (j *judge) newHost(window int) *host.Host {
	return host.New(host.Options{
		Dirs: []string{filepath.Dir(j.options.Binary)}, WorkDir: j.options.Spec.Dir, Log: j.ears.logger(),
		Launcher: j.options.Launcher, Unhidden: true, Deadline: patience, Patience: patience, Window: window,
		Restart: host.RestartPolicy{First: time.Millisecond, Most: 50 * time.Millisecond, Budget: 1000},
	})
}

func (j *judge) entity(name string) *protocol.Entity {
	var open *protocol.Entity
	for _, e := range j.manifest.GetEntities() {
		if e.GetName() == name {
			return e
		}
		if e.GetName() == "*" && j.manifest.GetOpenEntities() {
			open = e
		}
	}
	return open
}

// trial is one check under way. Its failures are collected, so that one run tells all.
type trial struct {
	*judge
	subject
	entity   *protocol.Entity
	problems []string
	skipped  string
}

func (t *trial) failf(format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// stop ends a trial that cannot go on.
type stop struct{}

func (t *trial) fatalf(format string, args ...any) {
	t.failf(format, args...)
	panic(stop{})
}

func (t *trial) skip(why string) {
	t.skipped = why
	panic(stop{})
}

func (j *judge) judge(ctx context.Context, c check, s subject) (r Result) {
	r = Result{ID: c.id, Subject: s.entity(), Level: c.level, Promise: c.promise, Status: Passed}
	t := &trial{judge: j, subject: s}
	if s != (subject{}) {
		if t.entity = j.entity(s.entity()); t.entity == nil {
			r.Status, r.Detail = Failed, fmt.Sprintf("the connector describes no entity %q", s.entity())
			return r
		}
	}
	if c.applies != nil {
		if why := c.applies(j, s); why != "" {
			r.Status, r.Detail = Skipped, why
			return r
		}
	}
	func() {
		defer func() {
			if x := recover(); x != nil {
				if _, ok := x.(stop); !ok {
					panic(x)
				}
			}
		}()
		ctx, cancel := context.WithTimeout(ctx, 3*patience)
		defer cancel()
		c.try(ctx, t)
	}()
	switch {
	case len(t.problems) > 0:
		r.Status, r.Detail = Failed, strings.Join(t.problems, "; ")
	case t.skipped != "":
		r.Status, r.Detail = Skipped, t.skipped
	}
	return r
}

// connect opens a connection as the specification configures it, and ends it with the trial's context.
func (t *trial) connect(ctx context.Context, h *host.Host) *host.Connection {
	c, err := h.Connect(ctx, host.Target{Type: t.name, Name: "accept", Config: t.options.Spec.Config})
	if err != nil {
		t.fatalf("no connection can be opened: %v", err)
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	return c
}

// pid is the process of the trial's connection, be it shared or its own.
func (t *trial) pid(h *host.Host) int {
	for _, s := range h.Status() {
		if s.PID > 0 {
			return s.PID
		}
	}
	t.fatalf("its process is gone")
	return 0
}
