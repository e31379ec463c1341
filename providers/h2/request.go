package h2

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// Field is a header. The name is in lower case. A Sensitive one goes into no
// table, here or at a proxy (RFC 7541 section 7.1.3): one whose value nobody is
// to guess, or which differs from request to request.
type Field = hpack.HeaderField

// Request is what [Transport.Do] sends: a POST, without what a [http.Request]
// costs.
type Request struct {
	Host string // with the port, if it is not 443
	Path string // from its slash on; it is sensitive
	// Header are fields that HTTP/2 allows (RFC 9113 section 8.2), besides
	// content-length: that names are valid is not looked at.
	Header []Field
	Body   []byte
}

// ask reads what is to be sent out of a request.
func (k *call) ask(r *Request) {
	k.body = r.Body
	k.open(http.MethodPost, r.Host, r.Path)
	for _, f := range r.Header {
		k.add(f)
	}
}

// open begins the headers of a request.
func (k *call) open(method, host, path string) {
	k.path = path
	k.common = append(k.common[:0], Field{Name: ":method", Value: method}, Field{Name: ":scheme", Value: "https"}, Field{Name: ":authority", Value: host})
	k.varying = k.varying[:0]
}

func (k *call) add(f Field) {
	if f.Sensitive {
		k.varying = append(k.varying, f)
	} else {
		k.common = append(k.common, f)
	}
}

// forget lets go of the texts of headers.
func forget(fields []Field) []Field {
	clear(fields)
	return fields[:0]
}

// askHTTP reads what is to be sent out of a request of net/http.
func (k *call) askHTTP(req *http.Request, in *names) error {
	if err := k.take(req); err != nil {
		return err
	}
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	k.open(req.Method, host, req.URL.RequestURI())
	for key, values := range req.Header {
		if name := in.sent(key); name != "" {
			for _, v := range values {
				k.add(Field{Name: name, Value: v})
			}
		}
	}
	return nil
}

// header makes net/http's of an answer's fields.
func header(fields []Field) http.Header {
	h := make(http.Header, len(fields))
	for _, f := range fields {
		h.Add(f.Name, f.Value)
	}
	return h
}

// names remembers header names as HTTP/2 has them. It may be used at the same
// time.
type names struct {
	mu sync.Mutex
	in map[string]string
}

// maxNames bounds the header names that are remembered.
const maxNames = 128

// sent returns the name on the wire; empty for a header that belongs to a
// connection, which is not sent (RFC 9113 section 8.2.2).
func (n *names) sent(key string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, ok := n.in[key]
	if !ok {
		name = strings.ToLower(key)
		if !httpguts.ValidHeaderFieldName(name) || slices.Contains([]string{"host", "connection", "content-length",
			"keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}, name) {
			name = ""
		}
		if n.in == nil {
			n.in = map[string]string{}
		}
		if len(n.in) < maxNames {
			n.in[strings.Clone(key)] = name
		}
	}
	return name
}
