package repository

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKilledServer kills the database with -9 in the middle of registrations of
// two programs and starts it again: what was accepted is there, nothing is half
// written, and the programs go on by themselves.
func TestKilledServer(t *testing.T) {
	for _, name := range []string{"mysql", "postgresql"} {
		t.Run(name, func(t *testing.T) {
			server := startServer(t, name)
			uri := server.uri()
			programs := []*Devices{openDevices(t, uri), openDevices(t, uri)}
			w := &writers{t: t, programs: programs}
			w.start(8)
			w.wait(300)
			server.kill()
			w.waitFailures(8)
			server.start()
			w.wait(w.accepted.Load() + 300)
			w.stop()
			t.Logf("%d registrations accepted, %d refused while the server was away", w.accepted.Load(), w.refused.Load())
			w.check()
		})
	}
}

// writers register devices until they are stopped, and remember what was
// accepted.
type writers struct {
	t                 *testing.T
	programs          []*Devices
	accepted, refused atomic.Int64
	ended             atomic.Bool
	all               sync.WaitGroup
	mu                sync.Mutex
	nodes             map[string]string
}

func (w *writers) start(n int) {
	w.nodes = map[string]string{}
	for i := range n {
		w.all.Go(func() {
			for j := 0; !w.ended.Load(); j++ {
				w.register(w.programs[i%len(w.programs)], fmt.Sprintf("%d-%d", i, j))
			}
		})
	}
}

func (w *writers) register(d *Devices, token string) {
	got, err := d.Register(w.t.Context(), key(token), "voip", "node-"+token)
	if err != nil {
		w.refused.Add(1)
		return
	}
	w.mu.Lock()
	w.nodes[token] = got.Node
	w.mu.Unlock()
	w.accepted.Add(1)
}

func (w *writers) wait(accepted int64) {
	w.t.Helper()
	w.until("registrations are accepted", func() bool { return w.accepted.Load() >= accepted })
}

func (w *writers) waitFailures(n int64) {
	w.t.Helper()
	w.until("registrations are refused", func() bool { return w.refused.Load() >= n })
}

func (w *writers) until(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.stop()
			w.t.Fatalf("timed out: %s (%d accepted, %d refused)", what, w.accepted.Load(), w.refused.Load())
		}
	}
}

func (w *writers) stop() {
	w.ended.Store(true)
	w.all.Wait()
}

// check looks for every accepted registration, and for rows without the other
// half.
func (w *writers) check() {
	w.t.Helper()
	lost := 0
	for token, node := range w.nodes {
		got := byNode(w.t, w.programs[0], node)
		if len(got) != 1 || got[0].Token != token || got[0].SecondToken != "voip" || got[0].Registered.IsZero() {
			lost++
			w.t.Errorf("token %s, node %s: %+v", token, node, got)
		}
	}
	var halves int
	s := w.programs[0].ds.reading()
	for _, query := range []string{
		"SELECT count(*) FROM tig_push_devices d LEFT JOIN tig_push_device_data x ON x.device_id_sha1 = d.device_id_sha1 WHERE x.device_id_sha1 IS NULL",
		"SELECT count(*) FROM tig_push_device_data x LEFT JOIN tig_push_devices d ON x.device_id_sha1 = d.device_id_sha1 WHERE d.device_id_sha1 IS NULL",
	} {
		ok(w.t, s.row(w.t.Context(), query).Scan(&halves))
		if halves != 0 {
			w.t.Errorf("%d rows without the other half", halves)
		}
	}
	w.t.Logf("%d of %d accepted registrations lost, %d half written", lost, len(w.nodes), halves)
}
