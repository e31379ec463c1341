package xmpp

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// brittle is a connection that takes some bytes, each write for a while, and then
// fails. One write at a time is all it bears.
type brittle struct {
	net.Conn
	t    *testing.T
	pace time.Duration
	mu   sync.Mutex
	left int
	got  []byte
}

func (b *brittle) Write(p []byte) (int, error) {
	if !b.mu.TryLock() {
		b.t.Error("two writes at once")
		return 0, io.ErrClosedPipe
	}
	defer b.mu.Unlock()
	time.Sleep(b.pace)
	n := min(len(p), b.left)
	if b.got, b.left = append(b.got, p[:n]...), b.left-n; n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

// TestGatheredOnce: when a stream with answers that wait ends or breaks, each that
// it took is written or unsent, once, and none that it did not take is.
func TestGatheredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for round := range 60 {
			client, server := net.Pipe()
			conn := &brittle{Conn: client, t: t, pace: time.Duration(rand.IntN(6)) * time.Millisecond, left: []int{1 << 30, rand.IntN(20000)}[round%2]}
			s := newStream(conn)
			s.Gather(2*time.Millisecond, func() bool { return true })
			var taken sync.Map
			var all sync.WaitGroup
			for i := range 300 {
				all.Go(func() {
					time.Sleep(time.Duration(rand.IntN(50_000)) * time.Microsecond)
					answer := result(fmt.Sprintf("<%d>", i))
					taken.Store(i, s.Take(answer))
					answer.ID = "overwritten"
				})
			}
			time.Sleep(time.Duration(rand.IntN(80)) * time.Millisecond)
			s.Close()
			all.Wait()
			server.Close()
			written, unsent := string(conn.got), string(s.Unsent())
			for i := range 300 {
				// Of one, the peer may have got a part.
				id := fmt.Sprintf("id='&lt;%d&gt;' from='a' to='b'/>", i)
				got, kept := strings.Count(written, id), strings.Count(unsent, id)
				if took, _ := taken.Load(i); took == false && got+kept > 0 || took == true && (got > 1 || kept > 1 || got+kept == 0) {
					t.Errorf("%d was taken: %v; written %d times, unsent %d", i, took, got, kept)
				}
			}
		}
	})
}
