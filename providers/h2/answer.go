package h2

import (
	"bytes"
	"io"
	"net/http"
)

// maxAnswer bounds what is kept of an answer's body, in bytes.
const maxAnswer = 64 << 10

// whole reads an answer's body, so that nothing of it is under way when the
// request is no longer counted.
func whole(resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	if err != nil {
		return nil, &Error{Written: true, Err: err}
	}
	setBody(resp, body)
	return resp, nil
}

// setBody makes an answer's body of bytes.
func setBody(resp *http.Response, body []byte) {
	resp.ContentLength = int64(len(body))
	if resp.Body = http.NoBody; len(body) > 0 {
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
}
