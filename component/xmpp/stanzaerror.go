package xmpp

import (
	"slices"
	"strconv"

	"mellium.im/xmpp/stanza"
)

const nsStanzaErrors = "urn:ietf:params:xml:ns:xmpp-stanzas"

// NewError returns a stanza error (RFC 6120 section 8.3) with a sentence for
// people, which may be empty. For go:noinline see [IQ.Fail].
//
//go:noinline
func NewError(t stanza.ErrorType, c stanza.Condition, text string) stanza.Error {
	e := stanza.Error{Type: t, Condition: c}
	if text != "" {
		e.Text = map[string]string{"en": text}
	}
	return e
}

// legacyCode returns the code attribute that Tigase writes beside each
// condition (XEP-0086); 0 for none.
func legacyCode(c stanza.Condition) int {
	switch c {
	case stanza.BadRequest, stanza.JIDMalformed:
		return 400
	case stanza.NotAuthorized:
		return 401
	case stanza.Forbidden:
		return 403
	case stanza.ItemNotFound, stanza.RecipientUnavailable, stanza.RemoteServerNotFound:
		return 404
	case stanza.NotAllowed:
		return 405
	case stanza.NotAcceptable:
		return 406
	case stanza.RegistrationRequired, stanza.SubscriptionRequired:
		return 407
	case stanza.Conflict:
		return 409
	case stanza.Gone, stanza.Redirect:
		return 302
	case stanza.InternalServerError, stanza.ResourceConstraint, stanza.UndefinedCondition:
		return 500
	case stanza.FeatureNotImplemented:
		return 501
	case stanza.ServiceUnavailable:
		return 503
	case stanza.RemoteServerTimeout:
		return 504
	}
	return 0
}

// appendError writes the error element. The type attribute is always there:
// ejabberd takes a missing one for permanent and drops the registration.
func appendError(b []byte, e *stanza.Error) []byte {
	b = append(b, "<error"...)
	b = appendAttr(b, "type", string(e.Type))
	if code := legacyCode(e.Condition); code != 0 {
		b = appendAttr(b, "code", strconv.Itoa(code))
	}
	b = append(b, '>', '<')
	b = append(b, e.Condition...)
	b = append(b, " xmlns='"+nsStanzaErrors+"'/>"...)
	langs := make([]string, 0, len(e.Text))
	for lang := range e.Text {
		langs = append(langs, lang)
	}
	slices.Sort(langs)
	for _, lang := range langs {
		b = append(b, "<text xmlns='"+nsStanzaErrors+"'"...)
		if lang != "" {
			b = appendAttr(b, "xml:lang", lang)
		}
		b = append(b, '>')
		b = AppendText(b, e.Text[lang])
		b = append(b, "</text>"...)
	}
	return append(b, "</error>"...)
}
