package tdsl

import (
	"fmt"
	"strings"
)

// maxWarnings is how many warnings of a file are told.
const maxWarnings = 1000

// warn notes that Tigase's reader loses something.
func (r *reader) warn(pos Pos, msg, hint string) {
	if pos.Line == 0 { // of text that is empty
		pos = r.pos()
	}
	if len(r.warnings) == maxWarnings {
		msg, hint = "more is lost from here on than is told", ""
	} else if len(r.warnings) > maxWarnings {
		return
	}
	r.warnings = append(r.warnings, &Error{Pos: pos, Msg: msg, Hint: hint})
}

// lost warns of text or values that stand outside any entry.
func (r *reader) lost(f *frame) {
	switch text := f.bare(); {
	case f.val != nil:
		if b, ok := f.val.(*Block); ok && b.Name == "" {
			return // has been warned of
		}
		r.warn(f.val.Pos(), "this value is lost: it has no key", "write KEY = VALUE")
	case strings.HasPrefix(text, "\uFEFF") && len(text) == len("\uFEFF"):
	case text != "":
		r.warn(f.bufPos, fmt.Sprintf("'%s' is lost: it is no entry", abbreviate(text)), "write KEY = VALUE")
	}
}

// pending warns of an entry that a closing bracket cuts off.
func (r *reader) pending(f *frame, closer string) {
	switch {
	case f.hasKey && f.key != "":
		r.warn(f.keyPos, fmt.Sprintf("'%s' is lost: the %s follows on the same line", f.key, closer), "put a line end or a comma in front of the "+closer)
	case f.val != nil || !f.blank:
		r.lost(f)
	}
}

func unsupported(pos Pos, tigase, hint string) *Error {
	return &Error{Pos: pos, Msg: plain[tigase], Hint: hint, failure: failure{kind: kindUnsupported, message: tigase}}
}

// plain says Tigase's messages in words.
var plain = map[string]string{
	"Unexpected char: '}'":      "unexpected '}'",
	"Cannot substract a String": "'-' cannot be applied to a text",
	"Cannot multiply a String":  "'*' cannot be applied to a text",
	"Cannot divide a String":    "'/' cannot be applied to a text",
}

func unfinished(pos Pos, state, msg, hint string) *Error {
	return &Error{Pos: pos, Msg: msg, Hint: hint, failure: failure{kind: kindFormat, state: state}}
}

func crash(f *frame, exception, msg, hint string) *Error {
	return &Error{Pos: f.pos, Msg: msg, Hint: hint, failure: failure{kind: kindCrash, exception: exception, at: f.pos}}
}
