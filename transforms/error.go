package transforms

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/file"
	"github.com/hashicorp/hcl/v2"
)

// Error says why a script gave no result, and where.
type Error struct {
	// Code is transform.threw, transform.rejected (the script's own ctx.fail; script.… with a code of its own),
	// transform.timeout, transform.depth, transform.output, transform.regex, transform.inexact_number, transform.bad_value, transform.no_result,
	// transform.no_default, transform.pending, transform.memory or
	// transform.crashed.
	Code    string
	Message string
	Field   string // what ctx.fail named
	File    string // relative to the project; "" when unknown
	Line    int    // from 1
	Column  int    // from 1
	Stack   string
	Thrown  any `json:"-"` // what was thrown, as a record value where it can be one
}

func (e *Error) Error() string {
	text := e.Message
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.File != "" {
		text += fmt.Sprintf(" (%s:%d:%d)", e.File, e.Line, e.Column)
	}
	return text
}

func fault(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// at sets the place to the topmost frame that is the author's.
func (e *Error) at(stack []goja.StackFrame) *Error {
	var text strings.Builder
	for i := range stack {
		p := stack[i].Position()
		name := authored(p.Filename)
		if name == "" {
			continue
		}
		if e.File == "" {
			e.File, e.Line, e.Column = name, p.Line, p.Column+1 // a source map counts columns from 0
		}
		function := stack[i].FuncName()
		if function == "" || function == "<anonymous>" {
			fmt.Fprintf(&text, "at %s:%d:%d\n", name, p.Line, p.Column+1)
		} else {
			fmt.Fprintf(&text, "at %s (%s:%d:%d)\n", function, name, p.Line, p.Column+1)
		}
	}
	if e.Stack == "" {
		e.Stack = text.String()
	}
	return e
}

var frameLine = regexp.MustCompile(`(?m)^\s*at (?:.*\()?([^()\n]+):(\d+):(\d+)\(\d+\)\)?$`)

// atText sets the place from an error object's stack text, which is all that a rejected promise leaves.
func (e *Error) atText(stack string) *Error {
	for _, m := range frameLine.FindAllStringSubmatch(stack, -1) {
		if name := authored(m[1]); name != "" {
			e.File = name
			e.Line, _ = strconv.Atoi(m[2])
			e.Column, _ = strconv.Atoi(m[3])
			e.Column++
			break
		}
	}
	e.Stack = stack
	return e
}

// place is a position in the author's own source as a range, nil when it is not in the project.
func (b *bundler) place(p file.Position) *hcl.Range {
	name := authored(p.Filename)
	if name == "" {
		return nil
	}
	return b.subject(name, p.Line, p.Column+1, 1)
}
