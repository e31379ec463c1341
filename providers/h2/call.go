package h2

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// call is a request on its way, and its answer. While it is in its connection's
// table it belongs to that; afterwards to the one who made the request.
type call struct {
	body []byte
	done chan struct{} // gets one value when the call leaves the table, but for [conn.abandon]

	id     uint32
	sent   time.Time
	start  uint64 // where it begins in all that its connection sends
	rest   []byte // of body, not yet sent
	window int64  // what the server takes of rest

	status int
	header http.Header
	answer []byte
	err    error
}

func newCall(req *http.Request) (*call, error) {
	k := &call{done: make(chan struct{}, 1)}
	if req.Body == nil || req.Body == http.NoBody {
		return k, nil
	}
	defer req.Body.Close()
	if n := req.ContentLength; n > 0 && n <= maxBody {
		k.body = make([]byte, n)
		if _, err := io.ReadFull(req.Body, k.body); err != nil {
			return nil, fmt.Errorf("read the request's body: %w", err)
		}
		return k, nil
	}
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		err = errors.New("it is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	k.body = body
	return k, nil
}

// response makes the answer.
func (k *call) response(req *http.Request) *http.Response {
	resp := &http.Response{
		StatusCode: k.status, Status: http.StatusText(k.status),
		Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: k.header, Request: req,
	}
	setBody(resp, k.answer)
	return resp
}
