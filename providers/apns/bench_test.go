package apns

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/sideshow/apns2"
)

// BenchmarkCompose is what a push costs before it is sent.
func BenchmarkCompose(b *testing.B) {
	s := style{topic: topic, alertText: "New message!", expiration: time.Hour}
	to, n, now := target(), plain(), time.Now()
	var m message
	b.ReportAllocs()
	for b.Loop() {
		s.compose(&m, &to, &n, now)
	}
}

// nowhere accepts everything.
type nowhere struct{}

// RoundTrip implements http.RoundTripper.
func (nowhere) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Header: http.Header{}, Request: req}, nil
}

// BenchmarkClient is what apns2 costs over the transport.
func BenchmarkClient(b *testing.B) {
	c := &apns2.Client{Host: "https://example.com", HTTPClient: &http.Client{Transport: nowhere{}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.PushWithContext(context.Background(), &apns2.Notification{DeviceToken: token, Payload: placeholder}); err != nil {
			b.Fatal(err)
		}
	}
}
