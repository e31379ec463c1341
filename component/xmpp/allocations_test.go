//go:build !race

// Under the race detector, pools forget some of what they hold, on purpose: what
// is allocated is exact without it only.

package xmpp

import (
	"io"
	"testing"
)

// TestPublishIsReadInFewAllocations holds the number exactly: the element, its
// payload, its addresses, and each text handed on.
func TestPublishIsReadInFewAllocations(t *testing.T) {
	here, there := publishes(t)
	var a, b publication
	here(&a)
	there(&b)
	if a != b || a.body != `See you & her at "noon" <3` || a.nickname != "ola" || a.count != 3 || !a.high || a.node == "" || a.id == "" {
		t.Fatalf("read\n%+v, by encoding/xml\n%+v", a, b)
	}
	if n := testing.AllocsPerRun(1000, func() { here(&a) }); n != 9 {
		t.Errorf("%v allocations for a publish, want 9", n)
	}
}

// TestAnswersAreWrittenWithoutAllocation counts those of a stream that is
// written to.
func TestAnswersAreWrittenWithoutAllocation(t *testing.T) {
	component, server := pair(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		// It ends with the connection, in whatever way.
		_, _ = io.Copy(io.Discard, server.conn)
	}()
	t.Cleanup(func() {
		component.Close()
		<-done
	})
	q := &IQ{Type: "result", ID: "0e5a5a3e-0b8e-4d44-8ad0-6f9d7c1f60f1", From: "push.example.com", To: "example.com/3f"}
	if n := testing.AllocsPerRun(1000, func() {
		if err := component.Write(q); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for an answer, want 0", n)
	}
}
