// Package fault is the one error model of Paraplu: a kind, a sentence that is safe to show, an optional place
// and hint, and the cause. One table maps a kind to an HTTP status, another to an exit code, so that every face
// answers the same way.
//
//	err := fault.New(fault.NotFound, "dataset %q does not exist", name).WithHint("paraplu data ls")
//	return fault.Wrap(err, "resolving %s", ref)
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Kind says what sort of failure happened; it decides status and exit code, never the text.
type Kind uint8

// The kinds. The zero value is Internal so that an unclassified error is never taken for a user's mistake.
const (
	Internal        Kind = iota // a defect of ours
	Invalid                     // the input is wrong: syntax, type, range
	NotFound                    // the named thing does not exist
	Exists                      // the named thing exists already
	Conflict                    // somebody else changed it meanwhile, or it is busy
	Denied                      // the person may not do this
	Unauthenticated             // we do not know who asks
	Precondition                // evidence is missing: a contract, gate or approval refused
	Unavailable                 // try again later: not ready, cannot be reached
	Exhausted                   // a limit is reached: disk full, quota, too large
	Canceled                    // the caller gave up
	Unsupported                 // understood, and not offered
	StepFailed                  // a command of the user's own pipeline failed
)

// Error is a fault with everything a person needs to act on it.
type Error struct {
	Kind Kind
	Msg  string // one clear sentence, without the cause
	File string // place, when the input has one
	Line int    // from 1; 0 = unknown
	Col  int    // from 1; 0 = unknown
	Hint string // what to do next, often a command
	Err  error  // cause, may be nil
}

// New returns a fault of the given kind. %w verbs keep their operands as causes.
func New(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	cause := errors.Unwrap(err)
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		cause = errors.Join(many.Unwrap()...)
	}
	return &Error{Kind: kind, Msg: err.Error(), Err: cause}
}

// Wrap says what was being done when err happened. It keeps the kind, place and hint of err, and answers nil for nil.
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	msg := fmt.Sprintf(format, args...) + ": " + err.Error()
	e := &Error{Kind: KindOf(err), Msg: msg, Err: err}
	var inner *Error
	if errors.As(err, &inner) {
		e.Hint = inner.Hint
	}
	return e
}

// WithHint adds what to do next and returns the fault itself.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// At adds the place of the input that is at fault; line and col count from 1, 0 means unknown.
func (e *Error) At(file string, line, col int) *Error {
	e.File, e.Line, e.Col = file, line, col
	return e
}

// Error gives "file:line:col: message".
func (e *Error) Error() string {
	if e.File == "" {
		return e.Msg
	}
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
		if e.Col > 0 {
			fmt.Fprintf(&b, ":%d", e.Col)
		}
	}
	b.WriteString(": ")
	b.WriteString(e.Msg)
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf classifies any error: a fault by its kind, a cancelled context as Canceled, a full disk as Exhausted.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Canceled
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return Exhausted
	}
	return Internal
}

// Is tells whether err is a fault of this kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// HintOf gives the hint nearest to the user, or "".
func HintOf(err error) string {
	var e *Error
	for errors.As(err, &e) {
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}
