package fcmxmpp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"mellium.im/sasl"
	"mellium.im/xmpp"
)

const (
	dialTimeout  = 20 * time.Second // for all until the session stands
	tcpKeepAlive = 30 * time.Second
)

// authError is a login that was refused.
type authError struct{ err error }

// Error says what to look at.
func (e *authError) Error() string {
	return fmt.Sprintf("the server refuses 'sender-id' and 'server-key': %v", e.err)
}

// Unwrap returns the cause.
func (e *authError) Unwrap() error { return e.err }

// dial opens a connection: TLS from the first byte, then the login.
func (p *Provider) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d := tls.Dialer{NetDialer: &net.Dialer{KeepAlive: tcpKeepAlive}, Config: p.tls}
	secure, err := d.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	conn := &dense{Conn: secure.(*tls.Conn)}
	session, err := p.open(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in: %w", err)
	}
	conn.done.Store(true)
	return &link{pool: p.pool, conn: conn, session: session, drained: make(chan struct{}), ended: make(chan struct{}),
		waits: map[string]*waiting{}}, nil
}

// open negotiates the session. Mellium is given no context that ends: it sets
// deadlines when one does, even after it has returned.
func (p *Provider) open(ctx context.Context, conn net.Conn) (*xmpp.Session, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	features := []xmpp.StreamFeature{login(p.account.String(), p.cfg.ServerKey), xmpp.BindResource()}
	negotiator := xmpp.NewNegotiator(func(*xmpp.Session, *xmpp.StreamConfig) xmpp.StreamConfig {
		return xmpp.StreamConfig{Features: features}
	})
	session, err := xmpp.NewSession(context.Background(), p.account.Domain(), p.account, conn, xmpp.Secure, negotiator)
	if !stop() {
		return nil, context.Cause(ctx)
	}
	return session, err
}

// dense is a connection without the white space that a server may send behind
// elements while a session is negotiated (RFC 6120 section 11.7): mellium takes
// it for a feature or an answer.
type dense struct {
	*tls.Conn
	done  atomic.Bool // with negotiating
	after bool        // the last byte was the end of a tag
}

// Read implements io.Reader.
func (c *dense) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if c.done.Load() {
			return n, err
		}
		kept := p[:0]
		for _, b := range p[:n] {
			if space := b == ' ' || b == '\n' || b == '\r' || b == '\t'; !c.after || !space {
				kept = append(kept, b)
				c.after = b == '>'
			}
		}
		if len(kept) > 0 || n == 0 || err != nil {
			return len(kept), err
		}
	}
}

// login is the feature of RFC 6120 section 6 with a PLAIN that names the user
// with the domain, as Google wants it; mellium's names the local part alone. A
// login that fails for another reason than the network is an [*authError].
func login(user, password string) xmpp.StreamFeature {
	f := xmpp.SASL("", password, sasl.Mechanism{
		Name: "PLAIN",
		Start: func(*sasl.Negotiator) (bool, []byte, any, error) {
			return false, []byte("\x00" + user + "\x00" + password), nil, nil
		},
		Next: func(*sasl.Negotiator, []byte, any) (bool, []byte, any, error) {
			return false, nil, nil, sasl.ErrTooManySteps
		},
	})
	negotiate := f.Negotiate
	f.Negotiate = func(ctx context.Context, s *xmpp.Session, data any) (xmpp.SessionState, io.ReadWriter, error) {
		mask, rw, err := negotiate(ctx, s, data)
		var network net.Error
		if err != nil && !errors.As(err, &network) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			err = &authError{err}
		}
		return mask, rw, err
	}
	return f
}
