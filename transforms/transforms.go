// Package transforms runs people's own JavaScript and TypeScript functions in goja, within budgets.
package transforms

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"

	"github.com/kopru-io/kopru/pipelines/diag"
)

// MaxTime is the longest a Budget's Time may be.
const MaxTime = 5 * time.Second

// MinMemory is the least that a Budget's Memory may be.
const MinMemory = 16 << 20

// Budget bounds one call. Zero fields take the defaults: 1 s, depth 400 frames, 4 MiB of output.
type Budget struct {
	Time   time.Duration // of the processor, so that a busy machine stops nobody; at most MaxTime
	Depth  int           // frames of the call stack
	Output int           // bytes of JSON
	Memory int           // bytes that a script may hold: it then runs in a process of its own; 0 = in this one, unbounded
}

func (b Budget) withDefaults() Budget {
	if b.Time <= 0 {
		b.Time = time.Second
	}
	if b.Depth <= 0 {
		b.Depth = 400
	}
	if b.Output <= 0 {
		b.Output = 4 << 20
	}
	b.Depth = min(b.Depth, math.MaxInt32)
	return b
}

// Program is a script that was bundled and compiled. It is immutable; many goroutines may use it.
type Program struct {
	name   string // the script's path as the author wrote it
	budget Budget
	digest string
	files  []string
	code   *goja.Program

	bundle  *bundled // for workers; nil when the budget wants none
	workers workers
	tests   bool // it declares tests and exports nothing
}

// Digest identifies the bundled source: equal digests, equal behaviour.
func (p *Program) Digest() string { return p.digest }

// Files returns the paths the program was bundled from, relative to the project's directory and sorted.
func (p *Program) Files() []string { return p.files }

// boundRegexps limits how long goja's back-tracking regular expressions run: Interrupt cannot stop them. By the time
// one gives up, the budget has passed and the script is stopped, so that a wrong "no match" is never seen. The
// library knows only this process-wide setting.
var boundRegexps = sync.OnceFunc(func() { regexp2.DefaultMatchTimeout = MaxTime })

// Load bundles the script at path, relative to dir, with all it imports, and compiles it. What dir has not is taken from
// the bases, the folders of templates. The program is nil when the list has errors.
func Load(dir, path string, budget Budget, bases ...string) (*Program, diag.List) {
	b, p, diags := load(dir, path, budget, false, bases)
	if diags.HasErrors() {
		return nil, diags
	}
	if d := b.try(p); d != nil {
		return nil, append(diags, *d)
	}
	return p, diags
}

func load(dir, path string, budget Budget, tests bool, bases []string) (*bundler, *Program, diag.List) {
	boundRegexps()
	if budget.Time > MaxTime {
		return nil, nil, diag.List{{
			Severity: diag.Error, Code: "transform.limits", Summary: "The time limit is too long",
			Detail: fmt.Sprintf("A call may take %s at most; the limits say %s.", MaxTime, budget.Time),
		}}
	}
	if budget.Memory != 0 && budget.Memory < MinMemory {
		return nil, nil, diag.List{{
			Severity: diag.Error, Code: "transform.limits", Summary: "The memory limit is too small",
			Detail: fmt.Sprintf("A script needs %d MiB at least.", MinMemory>>20),
		}}
	}
	b := &bundler{script: filepath.ToSlash(filepath.Clean(path)), tests: tests}
	for _, folder := range append([]string{dir}, bases...) {
		root, err := filepath.Abs(folder)
		if err == nil {
			root, err = filepath.EvalSymlinks(root)
		}
		if err != nil {
			return nil, nil, diag.List{{
				Severity: diag.Error, Code: "transform.import", Summary: "The project's directory can't be read", Detail: err.Error(),
			}}
		}
		b.bases = append(b.bases, root)
	}
	b.root, b.bases = b.bases[0], b.bases[1:]
	if !filepath.IsLocal(path) {
		return nil, nil, diag.List{{
			Severity: diag.Error, Code: "transform.import", Summary: "The script is outside of the project",
			Detail: fmt.Sprintf("%q must be a path below the project's directory.", path),
		}}
	}
	out, diags := b.bundle()
	if diags.HasErrors() {
		return nil, nil, diags
	}
	p := &Program{tests: tests, name: b.script, budget: budget.withDefaults(), digest: out.digest, files: out.files}
	compiled, more := b.compile(out)
	diags = append(diags, more...)
	p.code = compiled
	if p.budget.Memory > 0 {
		p.bundle = out
	}
	return b, p, diags
}

// try runs the script's top level, to say at load time what could never work.
func (b *bundler) try(p *Program) *diag.Diagnostic {
	r := p.Runtime(Env{Now: time.Unix(0, 0).UTC(), Log: func(string, string) {}})
	defer r.Close()
	var err *Error
	if p.budget.Memory == 0 {
		err = r.start()
	} else if _, e := r.callWorker(context.Background(), nil, nil); e != nil && !errors.As(e, &err) {
		err = p.lost("transform.crashed", e.Error())
	}
	if err == nil {
		return nil
	}
	d := &diag.Diagnostic{
		Severity: diag.Error, Code: err.Code, Summary: "The script can't be used",
		Detail: strings.TrimSpace(err.Message),
	}
	if err.File != "" {
		d.Subject = b.subject(err.File, err.Line, err.Column, 1)
	}
	return d
}
