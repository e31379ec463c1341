package beans

import (
	"errors"
	"fmt"

	"github.com/tpush/tpush/tdsl"
)

// Severity is how bad a finding is.
type Severity string

// Severities.
const (
	Fault   Severity = "error"   // the bean is absent, or the program does not start
	Warning Severity = "warning" // something in the file has no effect
	Note    Severity = "note"    // for the log at debug level
)

// Finding is something about a configuration that its author should know.
type Finding struct {
	Severity Severity
	Pos      tdsl.Pos
	Bean     string // path of the bean
	Msg      string
	Hint     string // what to do; may be empty
}

// String returns the finding in one line.
func (f Finding) String() string {
	s := fmt.Sprintf("%s: %s: %s", f.Pos, f.Severity, f.Msg)
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// Findings are all findings of a file.
type Findings []Finding

// Count returns how many are of that severity.
func (fs Findings) Count(s Severity) (n int) {
	for _, f := range fs {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Error is a bean that cannot be built.
type Error struct {
	Bean string // path
	Pos  tdsl.Pos
	Err  error

	of *Bean // nil: the error is made elsewhere
}

// Parts are the errors that were joined to this one, each with its own place.
func (e *Error) Parts() (out []*Error) {
	for _, one := range split(e.Err) {
		part := &Error{e.Bean, e.Pos, one, e.of}
		if e.of != nil {
			part.Pos = e.of.place(one)
		}
		out = append(out, part)
	}
	return out
}

// split takes apart what [errors.Join] has joined; an error with several causes
// and words of its own stays whole.
func split(err error) (out []error) {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return []error{err}
	}
	for _, part := range joined.Unwrap() {
		out = append(out, split(part)...)
	}
	return out
}

// Error returns where the bean stands and what is wrong.
func (e *Error) Error() string {
	if e.Pos.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Bean, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Pos, e.Bean, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
