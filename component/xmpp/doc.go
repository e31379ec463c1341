// Package xmpp holds the shapes of stanzas: requests and answers, errors, data
// forms, and the stream that carries them between an XMPP server and an
// external component (XEP-0114), in both directions.
//
// Addresses, error conditions and form types are mellium's. The stream is our
// own, because one bad address or one empty request must never end it. The
// package does not know push, devices or providers.
package xmpp

// Namespaces of XEP-0114 and of the stream (RFC 6120 section 4.8).
const (
	NSAccept = "jabber:component:accept"
	NSClient = "jabber:client"
	NSStream = "http://etherx.jabber.org/streams"
)
