// Command floor is the least program that does a push: it scans the XML, looks
// nothing up, and writes HTTP/2 frames, without a goroutine for a request.
// tpush bench --against compares tpush with it.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/tpush/tpush/component/xmpp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"mellium.im/xmpp/stanza"
)

// sender writes requests as frames; who finds no flush running becomes the
// flusher.
type sender struct {
	conn  *tls.Conn
	topic string

	mu       sync.Mutex
	buf      bytes.Buffer // pending frames
	framer   *http2.Framer
	headers  bytes.Buffer
	encoder  *hpack.Encoder
	next     uint32
	calls    map[uint32]*xmpp.IQ
	flushing bool
	backlog  []call // beyond the server's limit of streams, or the window
	limit    int
	window   int // bytes that the server takes on the connection (RFC 9113 section 5.2)
}

type call struct {
	answer  *xmpp.IQ
	token   string
	payload []byte
}

func main() {
	log.SetFlags(0)
	server := flag.String("server", "", "host:port of the XMPP server's component port")
	domain := flag.String("domain", "", "the component's domain")
	secret := flag.String("secret", "", "its secret")
	apns := flag.String("apns", "", "host:port of the push service")
	topic := flag.String("topic", "", "the app's bundle id")
	home := flag.String("home", ".", "folder with apns-cert.pem and apns-ca.pem")
	flag.Int("accounts", 0, "not used: the node names the device")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	s, err := dial(*apns, *home)
	if err != nil {
		log.Fatal(err)
	}
	s.topic = *topic
	tcp, err := net.Dial("tcp", *server)
	if err != nil {
		log.Fatal(err)
	}
	stream, err := xmpp.Connect(ctx, tcp, *domain, *secret)
	if err != nil {
		log.Fatal(err)
	}
	context.AfterFunc(ctx, stream.Close)
	go s.receive(stream)
	for {
		e, err := stream.Read()
		if err != nil {
			return
		}
		if q := e.IQ(); q != nil && q.Request() {
			s.publish(q)
		}
	}
}

func dial(address, home string) (*sender, error) {
	cert, err := tls.LoadX509KeyPair(filepath.Join(home, "apns-cert.pem"), filepath.Join(home, "apns-cert.pem"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(home, "apns-ca.pem"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	conn, err := tls.Dial("tcp", address, &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool, NextProtos: []string{"h2"}})
	if err != nil {
		return nil, err
	}
	s := &sender{conn: conn, next: 1, calls: map[uint32]*xmpp.IQ{}, limit: 1, window: 65535}
	s.framer = http2.NewFramer(&s.buf, conn)
	s.encoder = hpack.NewEncoder(&s.headers)
	s.buf.WriteString(http2.ClientPreface)
	if err := s.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}); err != nil {
		return nil, err
	}
	if err := s.framer.WriteWindowUpdate(0, 1<<30); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flush()
	return s, nil
}

// publish finds the fields in the payload's text and sends the request.
func (s *sender) publish(q *xmpp.IQ) {
	text := string(q.Payload)
	node := between(text, "node='", "'")
	if node == "" {
		node = between(text, `node="`, `"`)
	}
	number, _ := strconv.Atoi(strings.TrimPrefix(node, "node-"))
	value := func(name string) string {
		_, rest, _ := strings.Cut(text, name)
		return between(rest, "<value>", "</value>")
	}
	from, body := value("last-message-sender"), value("last-message-body")
	payload := append([]byte(`{"aps":{"alert":`), quoted(from+": "+body)...)
	payload = append(payload, `,"mutable-content":1,"sound":"default","category":"MESSAGE"},"account":"`...)
	payload = append(payload, "u"+strconv.Itoa(number)+`@example.com","unread-messages":`+value("message-count")+`,"sender":`...)
	payload = append(append(append(payload, quoted(from)...), `,"body":`...), quoted(body)...)
	payload = append(payload, '}')
	s.mu.Lock()
	defer s.mu.Unlock()
	c := call{q.Result(nil), fmt.Sprintf("%064x", number), payload}
	s.backlog = append(s.backlog, c)
	s.proceed()
}

// proceed sends what the server has room for. It is called with mu held.
func (s *sender) proceed() {
	for len(s.backlog) > 0 && len(s.calls) < s.limit && s.window >= len(s.backlog[0].payload) {
		s.window -= len(s.backlog[0].payload)
		s.request(s.backlog[0])
		s.backlog = s.backlog[1:]
	}
	s.flush()
}

func between(text, start, end string) string {
	_, rest, _ := strings.Cut(text, start)
	out, _, _ := strings.Cut(rest, end)
	return out
}

func quoted(s string) []byte {
	b, _ := json.Marshal(s) // a string always marshals
	return b
}

func (s *sender) request(c call) {
	s.headers.Reset()
	expiration := strconv.FormatInt(time.Now().Add(24*time.Hour).Unix(), 10)
	for _, f := range []hpack.HeaderField{{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: "api.push.apple.com"},
		{Name: ":path", Value: "/3/device/" + c.token, Sensitive: true}, {Name: "apns-topic", Value: s.topic}, {Name: "apns-push-type", Value: "alert"},
		{Name: "apns-priority", Value: "10"}, {Name: "apns-expiration", Value: expiration}} {
		_ = s.encoder.WriteField(f) // into a buffer
	}
	id := s.next
	s.next += 2
	s.calls[id] = c.answer
	_ = s.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: s.headers.Bytes(), EndHeaders: true})
	_ = s.framer.WriteData(id, true, c.payload)
}

// flush is called with mu held.
func (s *sender) flush() {
	if s.flushing {
		return
	}
	s.flushing = true
	for s.buf.Len() > 0 {
		batch := bytes.Clone(s.buf.Bytes())
		s.buf.Reset()
		s.mu.Unlock()
		if _, err := s.conn.Write(batch); err != nil {
			log.Fatal(err)
		}
		s.mu.Lock()
	}
	s.flushing = false
}

// receive answers the server as responses come.
func (s *sender) receive(stream *xmpp.Stream) {
	framer := http2.NewFramer(nil, s.conn)
	decoder := hpack.NewDecoder(4096, nil)
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			log.Fatal(err)
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				s.mu.Lock()
				if n, ok := f.Value(http2.SettingMaxConcurrentStreams); ok {
					s.limit = int(n)
				}
				_ = s.framer.WriteSettingsAck()
				s.proceed()
				s.mu.Unlock()
			}
		case *http2.HeadersFrame:
			status := ""
			decoder.SetEmitFunc(func(h hpack.HeaderField) {
				if h.Name == ":status" {
					status = h.Value
				}
			})
			if _, err := decoder.Write(f.HeaderBlockFragment()); err != nil {
				log.Fatal(err)
			}
			s.mu.Lock()
			answer := s.calls[f.StreamID]
			delete(s.calls, f.StreamID)
			s.proceed()
			s.mu.Unlock()
			if answer == nil {
				continue
			}
			if status != "200" {
				answer.Type = stanza.ErrorIQ
				e := xmpp.NewError(stanza.Wait, stanza.InternalServerError, "")
				answer.Error = &e
			}
			if err := stream.Write(answer); err != nil {
				return
			}
		case *http2.WindowUpdateFrame:
			if f.StreamID == 0 {
				s.mu.Lock()
				s.window += int(f.Increment)
				s.proceed()
				s.mu.Unlock()
			}
		case *http2.RSTStreamFrame:
			// Go's server says so, with no error, of a body that it did not read.
			if f.ErrCode != http2.ErrCodeNo {
				log.Fatal(f, f.ErrCode)
			}
		case *http2.GoAwayFrame:
			log.Fatal(f)
		}
	}
}
