package xmpp

import (
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/stanza"
)

// writes is a connection that notes each write and when it came.
type writes struct {
	net.Conn
	mu   sync.Mutex
	all  []string
	when []time.Time
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all, w.when = append(w.all, string(b)), append(w.when, time.Now())
	return len(b), nil
}

func result(id string) *IQ { return &IQ{Type: stanza.ResultIQ, ID: id, From: "a", To: "b"} }

// TestGather: the first answer leaves at once, those that follow together, and
// what waits leaves before the stream ends.
func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		conn := &writes{Conn: client}
		s := newStream(conn)
		crowd := true
		s.Gather(2*time.Millisecond, func() bool { return crowd })
		began := time.Now()
		write := func(ids ...string) {
			for _, id := range ids {
				if !s.Take(result(id)) {
					t.Errorf("%s is not taken", id)
				}
			}
		}
		write("1", "2", "3")
		time.Sleep(time.Millisecond)
		write("4")
		time.Sleep(10 * time.Millisecond)
		write("5", "6")
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		crowd = false
		write("7", "8")
		crowd = true
		write("9", "0")
		s.Close()
		var got []string
		for i, text := range conn.all {
			got = append(got, conn.when[i].Sub(began).String())
			for id := range strings.SplitSeq(text, " id='") {
				got = append(got, id[:1])
			}
		}
		if got, want := strings.Join(got, " "), "0s < 1 2ms < 2 3 4 11ms < 5 13ms < 6 21ms < 7 21ms < 8 21ms < 9 0"; got != want {
			t.Errorf("written %s, want %s", got, want)
		}
	})
}

// TestGatheredAnswersAreKept: those that wait when the connection breaks are
// unsent, each once.
func TestGatheredAnswersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		s := newStream(&writes{Conn: client})
		s.Gather(time.Minute, func() bool { return true })
		for _, id := range []string{"1", "2", "3"} {
			if !s.Take(result(id)) {
				t.Errorf("%s is not taken", id)
			}
		}
		s.w.conn = client // which fails from now on
		server.Close()
		s.Close()
		if got := string(s.Unsent()); strings.Count(got, "<iq") != 2 || !strings.Contains(got, "id='2'") || !strings.Contains(got, "id='3'") || strings.Contains(got, "stream") {
			t.Errorf("unsent %q", got)
		}
		time.Sleep(time.Hour) // nothing is written any more, nor anything left behind
	})
}
