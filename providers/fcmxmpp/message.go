package fcmxmpp

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"time"

	"github.com/tpush/tpush/providers"
	"mellium.im/xmlstream"
	"mellium.im/xmpp/stanza"
)

const (
	// namespace is that of the element that the JSON is in.
	namespace = "google:mobile:data"
	// maxData is the size of a message's data in bytes.
	maxData = 4096
	// callLife is how long a call is of use to a device that is off.
	callLife = 30 * time.Second
)

// downstream is a message to a device (Google, "XMPP server reference", table 1).
type downstream struct {
	To       string            `json:"to"`
	ID       string            `json:"message_id"`
	Priority string            `json:"priority"`
	Life     *int              `json:"time_to_live,omitempty"` // seconds
	Collapse string            `json:"collapse_key,omitempty"`
	DryRun   bool              `json:"dry_run,omitempty"`
	Data     map[string]string `json:"data"`
}

// compose turns a notification into a message as guide §6.1.1 has it.
func (p *Provider) compose(token, id string, n *providers.Notification) *downstream {
	life := p.cfg.Expiration
	if n.IsCall() && n.Urgent() {
		life = min(life, callLife)
	}
	seconds := int(life / time.Second)
	priority := "high"
	if !n.Wakes() {
		priority = "normal"
	}
	return &downstream{To: token, ID: id, Priority: priority, Life: &seconds, Collapse: n.Collapse, DryRun: p.cfg.DryRun, Data: n.Data(maxData)}
}

// upstream is what the server sends: an answer to a message of ours, a message
// of a device, a receipt, or a word about the connection.
type upstream struct {
	Type        string `json:"message_type"`
	Control     string `json:"control_type"`
	From        string `json:"from"`
	ID          string `json:"message_id"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// acknowledgement is our answer to a message of a device or a receipt; a server
// that gets none stops sending.
type acknowledgement struct {
	To   string `json:"to"`
	ID   string `json:"message_id"`
	Type string `json:"message_type"`
}

// wrap makes the stanza of a message's JSON.
func wrap(id string, message any) xml.TokenReader {
	// Texts and numbers are all there is in it: encoding cannot fail.
	text, _ := json.Marshal(message)
	gcm := xml.StartElement{Name: xml.Name{Space: namespace, Local: "gcm"}}
	// Without a type the library writes an empty one, which is none.
	return stanza.Message{ID: id, Type: stanza.NormalMessage}.Wrap(xmlstream.Wrap(xmlstream.Token(xml.CharData(text)), gcm))
}

// received is a message stanza from the server.
type received struct {
	ID    string `xml:"id,attr"`
	Type  string `xml:"type,attr"`
	JSON  string `xml:"google:mobile:data gcm"`
	Error *struct {
		Text string `xml:"text"`
	} `xml:"error"`
}

// parse reads a message stanza; nil for one that means nothing here. A stanza
// error, with which a server refuses what it cannot read, is made a nack.
func parse(start *xml.StartElement, r xml.TokenReader) (*upstream, error) {
	var m received
	if err := xml.NewTokenDecoder(xmlstream.MultiReader(xmlstream.Token(*start), r)).Decode(&m); err != nil {
		return nil, fmt.Errorf("read message: %w", err)
	}
	var u upstream
	if m.Type == string(stanza.ErrorMessage) {
		// What is in the stanza is our own message, if anything.
		u = upstream{Type: "nack", ID: m.ID, Error: "INVALID_JSON"}
		if m.Error != nil {
			u.Description = m.Error.Text
		}
		return &u, nil
	}
	if json.Unmarshal([]byte(m.JSON), &u) != nil {
		return nil, nil
	}
	return &u, nil
}
