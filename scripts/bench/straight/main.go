// Command straight is the push pipeline as the usual libraries make it, put
// together in the straight way: mellium's session and multiplexer, database/sql
// on SQLite, and apns2 as it is. tpush bench --against compares tpush with it.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sideshow/apns2"
	"github.com/sideshow/apns2/payload"
	"golang.org/x/net/http2"
	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/component"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/mux"
	"mellium.im/xmpp/stanza"
	_ "modernc.org/sqlite"
)

type pubsub struct {
	XMLName xml.Name `xml:"http://jabber.org/protocol/pubsub pubsub"`
	Publish struct {
		Node   string `xml:"node,attr"`
		Fields []struct {
			Var   string `xml:"var,attr"`
			Value string `xml:"value"`
		} `xml:"item>notification>x>field"`
	} `xml:"publish"`
}

func (p *pubsub) field(name string) string {
	for _, f := range p.Publish.Fields {
		if f.Var == name {
			return f.Value
		}
	}
	return ""
}

type pipeline struct {
	session *xmpp.Session
	lookup  *sql.Stmt
	apns    *apns2.Client
	topic   string
}

func main() {
	log.SetFlags(0)
	server := flag.String("server", "", "host:port of the XMPP server's component port")
	domain := flag.String("domain", "", "the component's domain")
	secret := flag.String("secret", "", "its secret")
	apns := flag.String("apns", "", "host:port of the push service")
	topic := flag.String("topic", "", "the app's bundle id")
	home := flag.String("home", ".", "folder with apns-cert.pem, apns-ca.pem and for the database")
	accounts := flag.Int("accounts", 1000, "devices to make: node-0 …")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	p := &pipeline{topic: *topic}
	var err error
	if p.lookup, err = openDatabase(ctx, filepath.Join(*home, "straight.db"), *accounts); err != nil {
		log.Fatal(err)
	}
	if p.apns, err = openAPNs(*apns, *home); err != nil {
		log.Fatal(err)
	}
	conn, err := net.Dial("tcp", *server)
	if err != nil {
		log.Fatal(err)
	}
	if p.session, err = component.NewSession(ctx, jid.MustParse(*domain), []byte(*secret), conn); err != nil {
		log.Fatal(err)
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	if err := p.serve(ctx); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func openDatabase(ctx context.Context, file string, n int) (*sql.Stmt, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, "create table devices (service text, node text, account text, provider text, token text, second text, created integer, primary key (service, node))"); err != nil {
		return nil, err
	}
	for i := range n {
		_, err := tx.ExecContext(ctx, "insert into devices values ('push', ?, ?, 'apns', ?, null, 0)", fmt.Sprintf("node-%d", i), fmt.Sprintf("u%d@example.com", i), fmt.Sprintf("%064x", i))
		if err != nil {
			return nil, err
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	return db.PrepareContext(ctx, "select account, token from devices where service = 'push' and node = ?")
}

func openAPNs(address, home string) (*apns2.Client, error) {
	cert, err := tls.LoadX509KeyPair(filepath.Join(home, "apns-cert.pem"), filepath.Join(home, "apns-cert.pem"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(home, "apns-ca.pem"))
	if err != nil {
		return nil, err
	}
	c := apns2.NewClient(cert)
	c.Host = "https://" + address
	//lint:ignore SA1019 apns2 makes this transport
	transport := c.HTTPClient.Transport.(*http2.Transport)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	//lint:ignore SA1019 apns2 makes this transport
	transport.TLSClientConfig.RootCAs = pool
	return c, nil
}

// serve hands the stream's stanzas to the multiplexer. The session's own loop
// would answer for a handler that answers later.
func (p *pipeline) serve(ctx context.Context) error {
	m := mux.New(stanza.NSClient, mux.IQFunc(stanza.SetIQ, xml.Name{Space: "http://jabber.org/protocol/pubsub", Local: "pubsub"},
		func(iq stanza.IQ, t xmlstream.TokenReadEncoder, start *xml.StartElement) error {
			var in pubsub
			d := xml.NewTokenDecoder(xmlstream.MultiReader(xmlstream.Token(*start), t))
			if err := d.Decode(&in); err != nil {
				return err
			}
			go p.publish(ctx, iq, &in)
			return nil
		}))
	r := p.session.TokenReader()
	defer r.Close()
	for {
		tok, err := r.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		start.Name.Space = stanza.NSClient
		inner := xmlstream.InnerElement(r)
		if err := m.HandleXMPP(payloadOnly{TokenReader: inner}, &start); err != nil {
			return err
		}
		if _, err := xmlstream.Copy(xmlstream.Discard(), inner); err != nil {
			return err
		}
	}
}

// payloadOnly is a handler's end of a stanza that is answered later.
type payloadOnly struct {
	xml.TokenReader
	xmlstream.Encoder // not used
}

func (p *pipeline) publish(ctx context.Context, iq stanza.IQ, in *pubsub) {
	ctx, cancel := context.WithTimeout(ctx, 25*time.Second)
	defer cancel()
	var account, token string
	err := p.lookup.QueryRowContext(ctx, in.Publish.Node).Scan(&account, &token)
	if err == nil {
		err = p.push(ctx, account, token, in)
	}
	iq.XMLName.Space = component.NSAccept // what the multiplexer was made to take is lost by servers
	reply := iq.Result(nil)
	if err != nil {
		log.Print(err)
		reply = iq.Error(stanza.Error{Type: stanza.Wait, Condition: stanza.InternalServerError})
	}
	// Without the deadline: the session would leave it on the connection for others.
	if err := p.session.Send(context.WithoutCancel(ctx), reply); err != nil && ctx.Err() == nil {
		log.Print(err)
	}
}

func (p *pipeline) push(ctx context.Context, account, token string, in *pubsub) error {
	sender, body := in.field("last-message-sender"), in.field("last-message-body")
	res, err := p.apns.PushWithContext(ctx, &apns2.Notification{DeviceToken: token, Topic: p.topic, PushType: apns2.PushTypeAlert, Priority: apns2.PriorityHigh,
		Expiration: time.Now().Add(24 * time.Hour),
		Payload: payload.NewPayload().Alert(sender+": "+body).MutableContent().Sound("default").Category("MESSAGE").
			Custom("account", account).Custom("sender", sender).Custom("body", body).Custom("unread-messages", in.field("message-count"))})
	if err == nil && !res.Sent() {
		err = errors.New(res.Reason)
	}
	return err
}
