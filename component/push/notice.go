package push

import (
	"context"
	"encoding/xml"
	"errors"
	"strings"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"mellium.im/xmpp/stanza"
)

const (
	// noticeTries and noticePause are how often and how long apart it is tried
	// to send a message: at the start no server may be connected yet.
	noticeTries = 12
	noticePause = 10 * time.Second
)

// SendThrough says where stanzas that nobody asked for leave, and the service
// JID that they are from where no other is meant: empty while it is not known,
// as connections may be read from the database. It is called before requests
// come; until then none is sent.
func (s *Service) SendThrough(to Sender, from func() string) { s.sender, s.from = to, from }

// tellAdmins sends a message to the administrators of the configuration.
func (s *Service) tellAdmins(ctx context.Context, text string) {
	if s.sender == nil {
		return
	}
	payload, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"body"`
		Text    string   `xml:",chardata"`
	}{Text: text})
	if err != nil {
		return // there is no text that cannot be marshalled
	}
	for _, admin := range s.cfg.Admins {
		m := &xmpp.Message{To: strings.TrimSpace(admin), Type: stanza.ChatMessage, Payload: payload}
		if err := s.sendPatiently(ctx, m); err != nil {
			s.log.Warn("an administrator could not be told", "account", admin, "err", err)
		}
	}
}

// errNoAddress says that no connection tells what this component's address is.
var errNoAddress = errors.New("no connection is configured")

// sendPatiently sends as soon as a server is connected.
func (s *Service) sendPatiently(ctx context.Context, m *xmpp.Message) (err error) {
	for range noticeTries {
		if m.From = s.from(); m.From == "" {
			err = errNoAddress
		} else if err = s.sender.Send(ctx, m); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(noticePause):
		}
	}
	return err
}
