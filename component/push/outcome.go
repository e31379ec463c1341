package push

import (
	"errors"
	"fmt"

	"github.com/tpush/tpush/component/xmpp"
	"github.com/tpush/tpush/repository"
	"mellium.im/xmpp/stanza"
)

// InputError says in a sentence for people what is wrong with a request.
type InputError struct{ Text string }

// Error returns the sentence.
func (e *InputError) Error() string { return e.Text }

// LimitError says in a sentence for people that there is too much of something.
type LimitError struct {
	Text    string
	Passing bool // it may be tried again later
}

// Error returns the sentence.
func (e *LimitError) Error() string { return e.Text }

// ErrNotFound means that there is no such device, node or provider, for faces
// that do not know the store.
var ErrNotFound = repository.ErrNotFound

// ErrForbidden means that the sender may not do this.
var ErrForbidden = errors.New("forbidden")

// errOthers means that a command names another user, and the sender may not.
var errOthers = fmt.Errorf("%w: you may deal with your own devices only", ErrForbidden)

// ErrNotAllowed means that the sender may not run a command.
var ErrNotAllowed = errors.New("not allowed")

// publishError marks an error as the outcome of a publish.
type publishError struct{ err error }

// Error returns the cause's text.
func (e *publishError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *publishError) Unwrap() error { return e.err }

// stanzaError is the translation desk: it makes the answer to a failed request.
// Servers drop a registration for most conditions, each by its own rule: to a
// publish only proof that the node is gone may be answered with anything but
// type wait (reference: servers section 6, tigase-live section 4).
func stanzaError(err error) stanza.Error {
	var input *InputError
	var limit *LimitError
	var publish *publishError
	published := errors.As(err, &publish)
	switch {
	case errors.Is(err, ErrNotAllowed):
		return xmpp.NewError(stanza.Cancel, stanza.NotAllowed, "You are not allowed to execute this command!")
	case errors.Is(err, errOthers):
		return xmpp.NewError(stanza.Auth, stanza.Forbidden, "You may deal with your own devices only.")
	case errors.Is(err, ErrForbidden):
		return xmpp.NewError(stanza.Auth, stanza.Forbidden, "")
	case errors.Is(err, repository.ErrNotFound):
		return xmpp.NewError(stanza.Cancel, stanza.ItemNotFound, "")
	case errors.Is(err, ErrNoStore):
		return xmpp.NewError(stanza.Cancel, stanza.NotAllowed, err.Error())
	case errors.As(err, &input) && published:
		return xmpp.NewError(stanza.Wait, stanza.BadRequest, input.Text)
	case errors.As(err, &input):
		return xmpp.NewError(stanza.Modify, stanza.BadRequest, input.Text)
	case errors.As(err, &limit) && limit.Passing:
		return xmpp.NewError(stanza.Wait, stanza.ResourceConstraint, limit.Text)
	case errors.As(err, &limit):
		return xmpp.NewError(stanza.Cancel, stanza.ResourceConstraint, limit.Text)
	}
	return xmpp.NewError(stanza.Wait, stanza.InternalServerError, "")
}
