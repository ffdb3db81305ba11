// Package diag holds diagnostics: what is wrong with something a user wrote, with its place and what to do.
package diag

import "github.com/hashicorp/hcl/v2"

// Severity of a diagnostic.
type Severity string

// Severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one thing to tell the author. Code is stable ("lang.unknown_field"), Summary one line, Detail says
// what to do. Subject is the place; a nil Subject means the whole project.
type Diagnostic struct {
	Severity Severity
	Code     string
	Summary  string
	Detail   string
	Suggest  string // "did you mean" candidate, "" = none
	Subject  *hcl.Range
}

// List is many diagnostics: functions return all they find.
type List []Diagnostic

// HasErrors tells whether any is an error.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Severity == Error {
			return true
		}
	}
	return false
}
