package h2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// call is a request on its way, and its answer. While it is in its connection's
// table it belongs to that; afterwards to the one who made the request.
type call struct {
	path            string
	common, varying []Field // of the request, without the path
	body            []byte
	done            chan struct{} // gets one value when the call leaves the table, but for [conn.abandon]

	id     uint32
	sent   time.Time
	until  time.Time // when it ends without an answer; zero: never by itself
	start  uint64    // where it begins in all that its connection sends
	rest   []byte    // of body, not yet sent
	window int64     // what the server takes of rest

	status int
	fields []Field // of the answer
	answer []byte
	err    error
}

// Answerer takes the answer to a request: header and body are its own until it
// returns. [Field] says how the names are written.
type Answerer interface {
	Answer(status int, header []Field, body []byte)
}

// Body is a request's body of bytes that are not changed until the answer is
// there: the transport sends them without a copy.
func Body(b []byte) io.ReadCloser {
	k := &body{bytes: b}
	k.Reset(b)
	return k
}

type body struct {
	bytes.Reader
	bytes []byte
}

// Close implements io.Closer.
func (*body) Close() error { return nil }

// calls keeps calls for the next request.
type calls struct{ sync.Pool }

func (p *calls) get() *call {
	if k, ok := p.Get().(*call); ok {
		return k
	}
	return &call{done: make(chan struct{}, 1)}
}

// put takes a call whose request has been answered: no connection knows it any
// more.
func (p *calls) put(k *call) {
	*k = call{done: k.done, common: forget(k.common), varying: forget(k.varying), fields: forget(k.fields), answer: k.answer[:0]}
	p.Put(k)
}

// begin forgets an answer, before a request is sent.
func (k *call) begin() {
	k.status, k.fields, k.answer, k.err = 0, forget(k.fields), k.answer[:0], nil
}

// take reads a request.
func (k *call) take(req *http.Request) error {
	if b, ok := req.Body.(*body); ok {
		k.body = b.bytes
		return nil
	}
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	defer req.Body.Close()
	if n := req.ContentLength; n > 0 && n <= maxBody {
		k.body = make([]byte, n)
		if _, err := io.ReadFull(req.Body, k.body); err != nil {
			return fmt.Errorf("read the request's body: %w", err)
		}
		return nil
	}
	all, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	if err == nil && len(all) > maxBody {
		err = errors.New("it is too large")
	}
	if err != nil {
		return fmt.Errorf("read the request's body: %w", err)
	}
	k.body = all
	return nil
}

// response makes the answer, of the memory that the call has for its body.
func (k *call) response(req *http.Request) *http.Response {
	defer func() { k.answer = nil }()
	resp := &http.Response{
		StatusCode: k.status, Status: statusLine(k.status),
		Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: header(k.fields), Request: req,
	}
	setBody(resp, k.answer)
	return resp
}

// statusLine is a status as [http.Response] has it.
func statusLine(status int) string {
	if status == http.StatusOK {
		return "200 OK"
	}
	return strconv.Itoa(status) + " " + http.StatusText(status)
}
